"""What happens in the daemon, made into events for those who follow it live."""

from __future__ import annotations

from collections.abc import Sequence

from domain.activity_events import (
    CallParty,
    CallTold,
    EventSink,
    LivenessTold,
    PresenceTold,
    RefusalTold,
    RegistrationChange,
    RegistrationTold,
    ResetReason,
    ResetTold,
    StreamEvent,
    Told,
)
from domain.addresses import address_of, written_address
from domain.calls import leg_id_of
from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingEvent,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    RequestRefused,
)
from domain.ports import BindingObserver, Clock
from domain.presence import CallPart, CallPartsObserver, Presentity
from domain.uri_mask import masked_uri
from domain.values import Binding

ENDED = "ended"
"""The phase of a call that is over."""


class EventFeed:
    """Implements ``BindingObserver``, ``PresenceObserver`` and ``CallPartsObserver``, and takes refusals."""

    def __init__(self, sink: EventSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._calls: dict[int, tuple[CallPart, ...]] = {}

    def on_binding_event(self, event: BindingEvent) -> None:
        self._tell(told_of(event))

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        self._tell(ResetTold(ResetReason.OVERFLOW))

    def on_presentity(self, before: Presentity, after: Presentity) -> None:
        self._tell(
            PresenceTold(
                address=after.address,
                name=after.name,
                before=before.availability,
                after=after.availability,
                cause=after.cause,
                version=after.version,
                device_ids=after.device_ids,
            )
        )

    def on_call_parts(self, call_id: int, parts: tuple[CallPart, ...]) -> None:
        before = self._calls.pop(call_id, ())
        if parts:
            self._calls[call_id] = parts
        phase = parts[0].phase if parts else ENDED
        parties = tuple(
            CallParty(
                one.address, one.device_id, one.is_initiator, masked_uri(one.local_uri), masked_uri(one.remote_uri)
            )
            for one in parts or before
        )
        self._tell(CallTold(leg_id_of(call_id), phase, parties))

    def on_refused(self, refused: RequestRefused) -> None:
        """The core refused a request."""
        self._tell(
            RefusalTold(
                status=refused.status,
                cause=refused.cause,
                reason=refused.reason,
                ip=refused.source.ip,
                port=refused.source.port,
                address=written_address(refused.aor),
                contact_uri=masked_uri(refused.contact_uri),
                user_agent=refused.user_agent,
                device_id=refused.device_uuid,
            )
        )

    def _tell(self, told: Told) -> None:
        self._sink.tell(StreamEvent(self._clock.now(), told))


def told_of(event: BindingEvent) -> RegistrationTold | LivenessTold:
    """What a change of a binding tells those who follow."""
    binding = event.binding
    match event:
        case BindingReachable() | BindingUnreachable():
            return LivenessTold(
                address=address_of(binding.aor),
                device_id=binding.device_id,
                contact_uri=masked_uri(binding.contact_uri),
                is_reachable=isinstance(event, BindingReachable),
                rtt_ms=binding.rtt_ms,
            )
        case BindingRemoved():
            return _registration(binding, RegistrationChange.REMOVED, event.reason)
        case BindingAdded():
            return _registration(binding, RegistrationChange.ADDED)
        case BindingChanged():
            return _registration(binding, RegistrationChange.CHANGED)


def _registration(binding: Binding, change: RegistrationChange, reason: str = "") -> RegistrationTold:
    return RegistrationTold(
        change=change,
        address=address_of(binding.aor),
        device_id=binding.device_id,
        contact_uri=masked_uri(binding.contact_uri),
        transport=binding.flow.transport,
        ip=binding.target.ip,
        port=binding.target.port,
        expires_at=binding.expires_at,
        user_agent=binding.user_agent,
        reason=reason,
    )


class BindingObservers:
    """Implements ``BindingObserver`` for several, in their order."""

    def __init__(self, *observers: BindingObserver) -> None:
        self._observers = observers

    def on_binding_event(self, event: BindingEvent) -> None:
        for observer in self._observers:
            observer.on_binding_event(event)

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        for observer in self._observers:
            observer.on_resync(bindings)


class CallPartsObservers:
    """Implements ``CallPartsObserver`` for several, in their order."""

    def __init__(self, *observers: CallPartsObserver) -> None:
        self._observers = observers

    def on_call_parts(self, call_id: int, parts: tuple[CallPart, ...]) -> None:
        for observer in self._observers:
            observer.on_call_parts(call_id, parts)
