"""Who is in a call, and whether it is on hold: for those who watch. Deciders on values.

A call here is answered as soon as it is let in, so it never rings. The caller holds it by a description that wants no
audio (RFC 3264 section 8.4). A caller that never wanted any, a source that only sends, does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.calls import CallTarget, IncomingCall, TargetKind
from domain.presence import CallPart, CallPhase
from sip_server.sdp_utils import SdpError, parse_sdp
from sip_server.sdp_values import Direction, SessionDescription

_NOWHERE = frozenset({"0.0.0.0", "::"})  # as telephones before RFC 3264 hold a call
_HELD = frozenset({Direction.SENDONLY, Direction.INACTIVE})


@dataclass(frozen=True, slots=True)
class CallState:
    """``has_listened``: some description of the caller's wanted audio; None: there was none yet."""

    phase: CallPhase = CallPhase.TALKING
    has_listened: bool | None = None


def state_at_first(offer: bytes) -> CallState:
    """The state of a call that began with ``offer``, empty where it is still to come."""
    return state_after(CallState(), offer)


def state_after(state: CallState, sdp: bytes) -> CallState:
    """``state`` after another description of the caller's; as it was where that says nothing of audio."""
    direction = audio_direction(sdp)
    if direction is None:
        return state
    if direction not in _HELD:
        return CallState(CallPhase.TALKING, has_listened=True)
    is_held = direction is Direction.INACTIVE or state.has_listened is True
    return replace(
        state,
        phase=CallPhase.HELD if is_held else CallPhase.TALKING,
        has_listened=state.has_listened or False,
    )


def audio_direction(sdp: bytes) -> Direction | None:
    """What the writer does with the first audio that it has not refused; None where none can be read."""
    try:
        session = parse_sdp(sdp) if sdp else SessionDescription()
    except SdpError:
        return None
    audio = next((media for media in session.media if media.kind.lower() == "audio" and media.port), None)
    if audio is None:
        return None
    direction, connection = session.direction_of(audio), session.connection_of(audio)
    if connection is not None and connection.address in _NOWHERE and not _has_ice(session):
        return Direction.of(sends=direction.sends, receives=False)
    return direction


def _has_ice(session: SessionDescription) -> bool:
    return any(section.ice_ufrag is not None for section in session.sections)


def parts_of(call: IncomingCall, target: CallTarget, caller_device: str, phase: CallPhase) -> tuple[CallPart, ...]:
    """The caller, and the device that is called, unless that is the caller itself (a source that feeds its routes)."""
    caller = CallPart(
        call_id=call.call_id,
        address=call.caller.user,
        device_id=caller_device,
        is_initiator=True,
        phase=phase,
        local_uri=call.caller.uri,
        remote_uri=call.request_uri,
    )
    if target.kind not in {TargetKind.SINK, TargetKind.SOURCE} or target.device_id == caller_device:
        return (caller,)
    called = CallPart(
        call_id=call.call_id,
        address=call.user,
        device_id=target.device_id,
        is_initiator=False,
        phase=phase,
        local_uri=call.request_uri,
        remote_uri=call.caller.uri,
    )
    return (caller, called)
