"""What the answers about presence, watchers and events look like; fields that are not named do not leave the daemon."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from domain.activity_events import (
    CallTold,
    EventKind,
    LivenessTold,
    PresenceTold,
    RefusalTold,
    RegistrationTold,
    ResetTold,
)
from domain.calls import leg_id_of
from domain.presence import CallPart, Presentity, PublishedState
from domain.uri_mask import masked_uri
from domain.values import Binding
from domain.watching import SubscriptionReport


class BindingAnswer(BaseModel):
    """A contact of an address (RFC 3261 section 10.3)."""

    device_id: str
    contact_uri: str
    transport: str
    ip: str
    port: int
    reachable: bool
    rtt_ms: float | None
    last_heard: datetime
    expires_at: datetime
    user_agent: str | None

    @staticmethod
    def of(binding: Binding) -> BindingAnswer:
        """``binding`` without what concerns the protocol only."""
        return BindingAnswer(
            device_id=binding.device_id,
            contact_uri=masked_uri(binding.contact_uri),
            transport=binding.flow.transport,
            ip=binding.target.ip,
            port=binding.target.port,
            reachable=binding.is_reachable,
            rtt_ms=binding.rtt_ms,
            last_heard=binding.last_heard,
            expires_at=binding.expires_at,
            user_agent=binding.user_agent,
        )


class CallPartAnswer(BaseModel):
    """A call that an address is in; ``call_id`` is the one of ``/api/calls``, ``phase``: ringing, talking or held."""

    call_id: str
    device_id: str
    initiator: bool
    phase: str
    local_uri: str
    remote_uri: str

    @staticmethod
    def of(part: CallPart) -> CallPartAnswer:
        """``part``, its URIs without passwords."""
        return CallPartAnswer(
            call_id=leg_id_of(part.call_id),
            device_id=part.device_id,
            initiator=part.is_initiator,
            phase=part.phase,
            local_uri=masked_uri(part.local_uri),
            remote_uri=masked_uri(part.remote_uri),
        )


class PublishedAnswer(BaseModel):
    """What an address says of itself (RFC 3903); ``open`` null: it does not say."""

    open: bool | None
    activities: list[str]
    note: str

    @staticmethod
    def of(state: PublishedState) -> PublishedAnswer:
        return PublishedAnswer(open=state.is_open, activities=[str(one) for one in state.activities], note=state.note)


class PresenceAnswer(BaseModel):
    """All that is known of an address; ``version`` rises by one with each change, whose reason is ``cause``.

    ``availability`` is the one word of config.yaml, ``screamrouter-sip devices`` and every SIP package. ``open``: a
    call would reach it and be welcome. ``rtt_ms`` is the shortest of its reachable contacts.
    """

    address: str
    name: str
    availability: str
    open: bool
    registered: bool
    reachable: bool
    version: int
    cause: str
    changed_at: datetime
    devices: list[str]
    do_not_disturb: bool
    published: PublishedAnswer | None
    rtt_ms: float | None
    calls: list[CallPartAnswer]
    bindings: list[BindingAnswer]

    @staticmethod
    def of(presentity: Presentity) -> PresenceAnswer:
        """The whole state of an address."""
        round_trips = [one.rtt_ms for one in presentity.bindings if one.is_reachable and one.rtt_ms is not None]
        published = presentity.published
        return PresenceAnswer(
            address=presentity.address,
            name=presentity.name,
            availability=presentity.availability,
            open=presentity.is_open,
            registered=presentity.is_registered,
            reachable=presentity.is_reachable,
            version=presentity.version,
            cause=presentity.cause,
            changed_at=presentity.changed_at,
            devices=list(presentity.device_ids),
            do_not_disturb=presentity.is_do_not_disturb,
            published=None if published is None else PublishedAnswer.of(published),
            rtt_ms=min(round_trips, default=None),
            calls=[CallPartAnswer.of(part) for part in presentity.calls],
            bindings=[BindingAnswer.of(binding) for binding in presentity.bindings],
        )


class SubscriptionAnswer(BaseModel):
    """Who watches what (RFC 6665). ``notified``: how often it was told."""

    package: str
    address: str
    watcher: str
    transport: str
    ip: str
    port: int
    expires_in_s: float
    notified: int
    pending: bool

    @staticmethod
    def of(report: SubscriptionReport) -> SubscriptionAnswer:
        """One watcher of one address."""
        return SubscriptionAnswer(
            package=report.resource.package,
            address=report.resource.address,
            watcher=masked_uri(report.watcher),
            transport=report.flow.transport,
            ip=report.flow.remote.ip,
            port=report.flow.remote.port,
            expires_in_s=report.expires_in_s,
            notified=report.notified,
            pending=report.is_pending,
        )


class _Event(BaseModel):
    """What each event has: its id, for ``Last-Event-ID``, and when it happened."""

    id: str
    at: datetime


class RegistrationEvent(_Event):
    """A contact came, changed or went."""

    kind: Literal[EventKind.REGISTRATION]
    data: RegistrationTold


class LivenessEvent(_Event):
    """A registered contact fell silent, or was heard again."""

    kind: Literal[EventKind.LIVENESS]
    data: LivenessTold


class PresenceEvent(_Event):
    """An address is not what it was."""

    kind: Literal[EventKind.PRESENCE]
    data: PresenceTold


class CallEvent(_Event):
    """A call began, changed or ended."""

    kind: Literal[EventKind.CALL]
    data: CallTold


class RefusalEvent(_Event):
    """A request was refused."""

    kind: Literal[EventKind.REFUSAL]
    data: RefusalTold


class ResetEvent(_Event):
    """Events were missed: read ``/api/presence`` afresh. What comes behind it is complete again."""

    kind: Literal[EventKind.RESET]
    data: ResetTold


EventAnswer = Annotated[
    RegistrationEvent | LivenessEvent | PresenceEvent | CallEvent | RefusalEvent | ResetEvent,
    Field(discriminator="kind"),
]
"""The data of one server-sent event, and one line of ``screamrouter-sip watch --json``."""
