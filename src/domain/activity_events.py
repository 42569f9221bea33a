"""What the daemon tells whoever follows it live: people at ``screamrouter-sip watch``, pages and programs.

Nothing here is a secret: passwords in URIs are masked by whoever makes an event. ``address`` is the user part of an
address-of-record, ``device_id`` a device's key in config.yaml; both empty where they are not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class EventKind(StrEnum):
    """What an event is about."""

    REGISTRATION = "registration"
    LIVENESS = "liveness"
    PRESENCE = "presence"
    CALL = "call"
    REFUSAL = "refusal"
    RESET = "reset"
    """Events were missed: read the whole state afresh."""


FOLLOWED_KINDS = frozenset(EventKind) - {EventKind.RESET}
"""The kinds that one may ask for; a reset is told to everybody."""


class RegistrationChange(StrEnum):
    """What became of a binding."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class RegistrationTold:
    """A contact came, changed or went; ``reason`` says why it went."""

    change: RegistrationChange
    address: str
    device_id: str
    contact_uri: str
    transport: str
    ip: str
    port: int
    expires_at: datetime
    user_agent: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LivenessTold:
    """A registered contact fell silent, or was heard again."""

    address: str
    device_id: str
    contact_uri: str
    is_reachable: bool
    rtt_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PresenceTold:
    """An address is not what it was. ``before`` and ``after`` are of ``domain.presence.Availability``."""

    address: str
    name: str
    before: str
    after: str
    cause: str
    version: int
    device_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallParty:
    """One side of a call."""

    address: str
    device_id: str
    is_initiator: bool
    local_uri: str
    remote_uri: str


@dataclass(frozen=True, slots=True)
class CallTold:
    """A call began, changed or ended. ``phase``: one of ``domain.presence.CallPhase``, or ended.

    ``call_id`` is the one of ``/api/calls``.
    """

    call_id: str
    phase: str
    parties: tuple[CallParty, ...]


@dataclass(frozen=True, slots=True)
class RefusalTold:
    """A request was refused; whom it names is what the peer claimed."""

    status: int
    cause: str
    reason: str
    ip: str
    port: int
    address: str
    contact_uri: str
    user_agent: str
    device_id: str = ""


class ResetReason(StrEnum):
    """Why whoever follows must read the whole state afresh."""

    RESTARTED = "restarted"
    """The last event that was seen is another daemon's, or no event at all."""
    TOO_OLD = "too_old"
    """What came after the last event that was seen is remembered no more."""
    OVERFLOW = "overflow"
    """The daemon itself missed events, and has taken stock anew."""


@dataclass(frozen=True, slots=True)
class ResetTold:
    """Events were missed."""

    reason: ResetReason


Told = RegistrationTold | LivenessTold | PresenceTold | CallTold | RefusalTold | ResetTold

_KINDS: dict[type[Told], EventKind] = {
    RegistrationTold: EventKind.REGISTRATION,
    LivenessTold: EventKind.LIVENESS,
    PresenceTold: EventKind.PRESENCE,
    CallTold: EventKind.CALL,
    RefusalTold: EventKind.REFUSAL,
    ResetTold: EventKind.RESET,
}


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """Something that happened ``at`` a moment (UTC)."""

    at: datetime
    told: Told

    @property
    def kind(self) -> EventKind:
        """What it is about."""
        return _KINDS[type(self.told)]


class EventSink(Protocol):
    """Whoever tells it on; ``api.event_history.EventHistory`` implements it. On the event loop's thread."""

    def tell(self, event: StreamEvent) -> None:
        """Take one event, in order. Short: nobody who follows is waited for."""
        ...
