"""What becomes of a call: whom it reaches, whether it is answered, and when it ends.

Theory of operation. ``decide`` is a decider on values. ``InviteFlow`` performs it: one leg of the audio side per call,
opened before the answer and closed with the call's one ``CallEnded``, whoever ended it. The core speaks the protocol;
its events come in order, so a call that is not known here any more was ended by us.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

import structlog

from domain.calls import (
    CallableDevice,
    CallConfirmed,
    CallControl,
    CallDirectory,
    CallEnded,
    CallEvent,
    CallInfo,
    CallTarget,
    CallUpdated,
    IncomingCall,
    MediaRefusal,
    MediaService,
    RefusalStatus,
    TargetKind,
    WebRtcForwarding,
    leg_id_of,
)
from domain.legs import LegConnected, LegDigit, LegEvent, LegFailed, LegPeer, LegSilent
from domain.presence import CallPartsObserver
from sip_server.call_info import Digit, read_candidates, read_digit
from sip_server.call_parts import CallState, parts_of, state_after, state_at_first

log = structlog.get_logger()

SERVICES = {"echo": TargetKind.ECHO, "tone": TargetKind.TONE}
"""What is always there to be called, by its name in lower case."""
MOST_DIGITS = 32
"""So many of a call's digits are kept for people to see."""
_NOT_IN_NAMES = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """Take the call and join it with ``target``."""

    target: CallTarget


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the call; ``reason`` is a sentence for the caller."""

    status: RefusalStatus
    reason: str


def decide(call: IncomingCall, directory: CallDirectory) -> Answer | Reject:
    """Whom ``call`` reaches.

    The services `echo` and `tone` come first, in either case; then devices: by key or UUID, by the user of their
    address-of-record (case counts, RFC 3261 section 19.1.4), by name, and by the name as ``sanitise_name`` has it.
    """
    if service := SERVICES.get(call.user.lower()):
        return Answer(CallTarget(service))
    if not call.user:
        return Reject(RefusalStatus.NOT_FOUND, "the call names nobody; call echo, tone or a sink by its name")
    match find_devices(call.user, directory.callable_devices()):
        case []:
            return Reject(RefusalStatus.NOT_FOUND, f"nobody here is called {call.user}")
        case [device]:
            return _decide_for_device(call, device, directory)
        case several:
            reason = f"{len(several)} devices are called {call.user}; call one by its UUID"
            return Reject(RefusalStatus.NOT_FOUND, reason)


def _decide_for_device(call: IncomingCall, device: CallableDevice, directory: CallDirectory) -> Answer | Reject:
    if not device.is_enabled:
        return Reject(RefusalStatus.TEMPORARILY_UNAVAILABLE, f"the owner has not let {device.name} in")
    if device.is_sink:
        return Answer(CallTarget(TargetKind.SINK, device.device_id))
    if device.is_source and directory.device_of(call) == device.device_id:
        return Answer(CallTarget(TargetKind.SOURCE, device.device_id))
    if not directory.is_registered(device.device_id):
        return Reject(RefusalStatus.TEMPORARILY_UNAVAILABLE, f"{device.name} is not registered now")
    return Reject(RefusalStatus.TEMPORARILY_UNAVAILABLE, f"{device.name} is no sink, and only sinks can be called")


def find_devices(user: str, devices: Iterable[CallableDevice]) -> list[CallableDevice]:
    """The devices that ``user`` means by the strongest rule that finds any."""
    rules: tuple[Callable[[CallableDevice], bool], ...] = (
        lambda device: device.device_id in {user, user.lower()},
        lambda device: device.device_id.rpartition("@")[0] == user,
        lambda device: device.name == user,
        lambda device: bool(wanted) and sanitise_name(device.name) == wanted,
    )
    wanted = sanitise_name(user)
    known = list(devices)
    return next((found for rule in rules if (found := [device for device in known if rule(device)])), [])


def sanitise_name(name: str) -> str:
    """A name as a keypad or a URI may have it: "Living Room (TV)" is ``living-room-tv``."""
    folded = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return _NOT_IN_NAMES.sub("-", plain).strip("-")


@dataclass(slots=True)
class CallWithLeg:
    """A call that is answered; ``digits`` are the last that its caller pressed, oldest first.

    ``asked`` is how it began, ``state`` what the caller's last description says.
    """

    target: CallTarget
    caller: str
    asked: IncomingCall
    caller_device: str
    state: CallState
    digits: str = ""
    is_told: bool = False


class InviteFlow:
    """Implements ``domain.calls.CallObserver``. Every method belongs to the event loop's thread."""

    def __init__(
        self, control: CallControl, directory: CallDirectory, forwarding: WebRtcForwarding, media: MediaService | None
    ) -> None:
        """``parts_observer`` may be set later: who wants to know who is in which call."""
        self.parts_observer: CallPartsObserver | None = None
        self._control = control
        self._directory = directory
        self._forwarding = forwarding
        self._media = media
        self._calls: dict[int, CallWithLeg] = {}

    @property
    def calls(self) -> Mapping[int, CallWithLeg]:
        """The calls that have a leg, by id."""
        return self._calls

    def on_call_event(self, event: CallEvent | LegEvent) -> None:
        match event:
            case IncomingCall():
                self._take_call(event)
            case CallUpdated():
                self._update(event)
            case CallConfirmed():
                self._confirm(event)
            case CallInfo():
                self._take_info(event)
            case CallEnded():
                self._end(event)
            case LegConnected():
                log.info("leg.connected", leg=event.leg_id)
            case LegDigit():
                self._take_digit(event.leg_id, event.digit, event.duration_ms)
            case LegSilent() | LegFailed():
                self._end_leg(event.leg_id, event.reason)
            case _:
                assert_never(event)

    def hang_up_all(self, reason: str) -> None:
        """BYE to every call that is answered."""
        for call_id in tuple(self._calls):
            self._control.hang_up(call_id, reason)

    def _end_leg(self, leg_id: str, reason: str) -> None:
        """A call without audio is none."""
        for call_id in self._calls:
            if leg_id_of(call_id) == leg_id:
                self._control.hang_up(call_id, reason)
        log.warning("leg.lost", leg=leg_id, reason=reason)

    def _take_digit(self, leg_id: str, digit: str, duration_ms: int) -> None:
        for call_id, call in self._calls.items():
            if leg_id_of(call_id) == leg_id:
                call.digits = (call.digits + digit)[-MOST_DIGITS:]
        log.info("call.digit", leg=leg_id, digit=digit, duration_ms=duration_ms)

    def _take_call(self, call: IncomingCall) -> None:
        decision = decide(call, self._directory)
        known = {"call_id": call.call_id, "caller": call.caller.uri, "user": call.user}
        if isinstance(decision, Reject):
            self._refuse(call, decision.status, decision.reason)
            return
        target = decision.target
        peer = LegPeer(call.flow.remote.ip, self._directory.device_of(call))
        leg_id = leg_id_of(call.call_id)
        opened = self._forwarding.forward_webrtc_sdp_offer_to_cpp(leg_id, call.offer or None, target, peer)
        if isinstance(opened, MediaRefusal):
            self._refuse(call, opened.status, opened.reason)
            return
        asked = replace(call, offer=b"")
        answered = CallWithLeg(target, call.caller.uri, asked, peer.device_id, state_at_first(call.offer))
        self._calls[call.call_id] = answered
        if not self._control.answer(call.call_id, opened.sdp):
            return  # the caller has given up; CallEnded follows and closes the leg
        self._tell_parts(answered)
        log.info("call.answered", target=str(target.kind), device=target.device_id, **known)

    def _refuse(self, call: IncomingCall, status: RefusalStatus, reason: str) -> None:
        self._control.reject(call.call_id, status, reason)
        log.info("call.refused", call_id=call.call_id, caller=call.caller.uri, user=call.user, reason=reason)

    def _update(self, event: CallUpdated) -> None:
        if self._media is None or event.call_id not in self._calls:
            return
        answered = self._media.update_leg(leg_id_of(event.call_id), event.offer or None)
        if isinstance(answered, MediaRefusal):
            self._control.reject_update(event.call_id, answered.status, answered.reason)
        else:
            self._control.answer_update(event.call_id, answered.sdp)
            self._note_description(event.call_id, event.offer)

    def _confirm(self, event: CallConfirmed) -> None:
        if self._media is None or event.call_id not in self._calls or not event.answer:
            return
        refusal = self._media.complete_leg(leg_id_of(event.call_id), event.answer)
        if refusal is not None:
            self._control.hang_up(event.call_id, refusal.reason)
        else:
            self._note_description(event.call_id, event.answer)

    def _note_description(self, call_id: int, sdp: bytes) -> None:
        """The caller has sent another description: it may hold the call, or take it up again."""
        call = self._calls[call_id]
        before, call.state = call.state, state_after(call.state, sdp)
        if before.phase is not call.state.phase:
            self._tell_parts(call)

    def _tell_parts(self, call: CallWithLeg) -> None:
        if self.parts_observer is not None:
            call.is_told = True
            parts = parts_of(call.asked, call.target, call.caller_device, call.state.phase)
            self.parts_observer.on_call_parts(call.asked.call_id, parts)

    def _take_info(self, event: CallInfo) -> None:
        if event.call_id not in self._calls:
            return
        leg_id = leg_id_of(event.call_id)
        for candidate in read_candidates(event.content_type, event.body):
            self._forwarding.forward_webrtc_ice_candidate_to_cpp(leg_id, candidate)
        digit = read_digit(event.content_type, event.body)
        if isinstance(digit, Digit):
            self._take_digit(leg_id, digit.key, digit.duration_ms)

    def _end(self, event: CallEnded) -> None:
        ended = self._calls.pop(event.call_id, None)
        if ended is not None and self._media is not None:
            self._media.close_leg(leg_id_of(event.call_id))
        if ended is not None and ended.is_told and self.parts_observer is not None:
            self.parts_observer.on_call_parts(event.call_id, ())
        log.info("call.ended", call_id=event.call_id, cause=str(event.cause), status=event.status, reason=event.reason)
