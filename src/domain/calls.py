"""Calls: what the core tells of them, what it is told to do, and where audio meets signalling.

A call is one INVITE dialog in which we are the called side (RFC 3261 section 13.3). The core speaks the protocol alone
(retransmission, timers, order, refusals that need no judgement); Python says whether, what and how long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from domain.values import Flow

SDP = "application/sdp"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as From says: a claim, unless the owner has given the address a password.

    ``user`` is unescaped and empty where the URI has none; ``display_name`` is without its quotes.
    """

    uri: str
    user: str
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE that was let in; the peer has a 100 already and waits for ``CallControl``'s ``answer`` or ``reject``.

    ``user`` is whom it asks for, unescaped; empty where the Request-URI names nobody. ``offer`` is the session
    description as sent, empty where the peer leaves the offer to us (RFC 3264 section 4, a delayed offer).
    ``local_ip`` is our address as the peer sees it. Without a word for 10 s the core answers 500.
    """

    call_id: int
    user: str
    request_uri: str
    caller: Caller
    flow: Flow
    local_ip: str
    offer: bytes = b""
    content_type: str = SDP
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class CallUpdated:
    """A re-INVITE or UPDATE in a confirmed call: the peer waits for ``answer_update`` or ``reject_update``.

    ``offer`` is empty in a re-INVITE that asks for ours. At most one waits at a time.
    """

    call_id: int
    offer: bytes
    is_reinvite: bool


@dataclass(frozen=True, slots=True)
class CallConfirmed:
    """The peer has our answer (its ACK came). ``answer``: the peer's, where the offer was ours; else empty.

    Told once for the call, and again for each re-INVITE that asked for our offer.
    """

    call_id: int
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """An INFO within the call, answered 200 already: a digit, a picture update (RFC 6086)."""

    call_id: int
    content_type: str
    body: bytes


class EndCause(StrEnum):
    """Why a call is over."""

    HUNG_UP_BY_PEER = "hung_up_by_peer"  # BYE
    CANCELLED = "cancelled"  # CANCEL before an answer
    HUNG_UP = "hung_up"  # by `CallControl.hang_up`
    REJECTED = "rejected"  # by `CallControl.reject`
    UNDECIDED = "undecided"  # nothing was decided in time
    UNANSWERED = "unanswered"  # it rang for too long
    NOT_ACKNOWLEDGED = "not_acknowledged"  # no ACK, or no PRACK where the peer asked for it
    SESSION_EXPIRED = "session_expired"  # RFC 4028
    PEER_LOST = "peer_lost"  # the peer knows the call no more, or does not answer
    SHUTDOWN = "shutdown"  # the core leaves


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over, whoever ended it: the last event of a call, told exactly once for each ``IncomingCall``.

    ``status`` is that of the final refusal, 0 where there was none; ``reason`` what is known beyond ``cause``.
    """

    call_id: int
    cause: EndCause
    status: int = 0
    reason: str = ""


CallEvent = IncomingCall | CallUpdated | CallConfirmed | CallInfo | CallEnded


class RefusalStatus(IntEnum):
    """The status codes with which policy refuses (RFC 3261 section 21)."""

    FORBIDDEN = 403
    NOT_FOUND = 404
    TEMPORARILY_UNAVAILABLE = 480
    BUSY_HERE = 486
    NOT_ACCEPTABLE_HERE = 488
    SERVER_ERROR = 500
    SERVICE_UNAVAILABLE = 503
    DECLINED = 603


class CallControl(Protocol):
    """The core's part that holds calls. Every call is short, returns at once and is safe to repeat.

    False: there is no such call, or what it waits for is something else; nothing was done.
    """

    def ring(self, call_id: int) -> bool:
        """Send 180, once."""
        ...

    def answer(self, call_id: int, sdp: bytes) -> bool:
        """Send 200 with our answer, or our offer where the peer sent none. The core repeats it until the ACK."""
        ...

    def reject(self, call_id: int, status: RefusalStatus, reason: str) -> bool:
        """Refuse the call; the peer is told ``reason``, a sentence."""
        ...

    def answer_update(self, call_id: int, sdp: bytes) -> bool:
        """Send 200 to the re-INVITE or UPDATE that waits."""
        ...

    def reject_update(self, call_id: int, status: RefusalStatus, reason: str) -> bool:
        """Refuse the re-INVITE or UPDATE that waits; the call goes on as it was."""
        ...

    def hang_up(self, call_id: int, reason: str) -> bool:
        """End the call: by BYE (after the ACK, RFC 3261 section 15), or by 480 where it is not answered."""
        ...


class TargetKind(StrEnum):
    """What one can call."""

    ECHO = "echo"
    TONE = "tone"
    SINK = "sink"


@dataclass(frozen=True, slots=True)
class CallTarget:
    """Whom a call reaches; ``device_id`` is the sink's key in config.yaml, empty for the services."""

    kind: TargetKind
    device_id: str = ""


@dataclass(frozen=True, slots=True)
class MediaAnswer:
    """The session description for the peer: an answer, or an offer where the peer sent none."""

    sdp: bytes


@dataclass(frozen=True, slots=True)
class MediaRefusal:
    """Why there is no audio: what the peer is told."""

    status: RefusalStatus
    reason: str


class MediaService(Protocol):
    """The audio side, by leg. No call blocks; none raises for what a peer wrote; every one is safe to repeat.

    A leg that does not exist: the first four refuse, the others do nothing.
    """

    def open_leg(self, leg_id: str, offer: bytes | None, target: CallTarget) -> MediaAnswer | MediaRefusal:
        """Make a leg to ``target``. ``offer`` None: the answer is our offer, and ``complete_leg`` follows."""
        ...

    def update_leg(self, leg_id: str, offer: bytes | None) -> MediaAnswer | MediaRefusal:
        """Take a new offer (hold, resume, ICE restart), or make one of ours; refused, the leg stays as it was."""
        ...

    def complete_leg(self, leg_id: str, answer: bytes) -> MediaRefusal | None:
        """Take the peer's answer to our offer; None where it fits."""
        ...

    def add_candidate(self, leg_id: str, candidate: str) -> bool:
        """A trickled ICE candidate, ``candidate:...``; False where there is no such leg."""
        ...

    def press_digit(self, leg_id: str, digit: str, duration_ms: int) -> None:
        """The peer pressed a digit by INFO."""
        ...

    def close_leg(self, leg_id: str) -> None:
        """Forget the leg."""
        ...


def leg_id_of(call_id: int) -> str:
    """The one leg of a call."""
    return f"call-{call_id}"


class WebRtcForwarding(Protocol):
    """The face that ScreamRouter's design fixed for offers and candidates; ConfigurationManager implements it."""

    def forward_webrtc_sdp_offer_to_cpp(
        self, leg_id: str, offer: bytes | None, target: CallTarget
    ) -> MediaAnswer | MediaRefusal:
        """As ``MediaService.open_leg``."""
        ...

    def forward_webrtc_ice_candidate_to_cpp(self, leg_id: str, candidate: str) -> bool:
        """As ``MediaService.add_candidate``."""
        ...


@dataclass(frozen=True, slots=True)
class CallableDevice:
    """A device as a caller may name it; ``device_id`` is its key in config.yaml."""

    device_id: str
    name: str
    is_sink: bool
    is_enabled: bool


class CallDirectory(Protocol):
    """Whom one can call, as the configuration knows them now."""

    def callable_devices(self) -> Iterable[CallableDevice]:
        """Every device that has an entry."""
        ...

    def is_registered(self, device_id: str) -> bool:
        """Whether the device is registered at this moment."""
        ...


class CallObserver(Protocol):
    """Whoever decides what becomes of calls; ``sip_server.invite_flow.InviteFlow`` implements it."""

    def on_call_event(self, event: CallEvent) -> None:
        """Take one event, in order."""
        ...
