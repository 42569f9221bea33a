"""What becomes of a call, decided on values and performed on fakes of the core and the audio side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from domain.calls import (
    CallableDevice,
    CallConfirmed,
    CallEnded,
    Caller,
    CallInfo,
    CallTarget,
    CallUpdated,
    EndCause,
    IncomingCall,
    MediaAnswer,
    MediaRefusal,
    RefusalStatus,
    TargetKind,
)
from domain.legs import LegFailed, LegPeer, LegReport, LegSilent
from domain.presence import CallPart
from domain.values import Endpoint, Flow, Transport
from sip_server.call_info import Digit, read_candidates, read_digit
from sip_server.invite_flow import Answer, InviteFlow, Reject, decide, sanitise_name

UUID = "0d4f7b64-5a0e-4e3e-8a40-7a9b3a1a2b01"
OFFER = b"v=0\r\n"
ECHO = CallTarget(TargetKind.ECHO)


def incoming(user: str = "echo", call_id: int = 7, offer: bytes = OFFER) -> IncomingCall:
    flow = Flow(Transport.UDP, Endpoint("192.0.2.7", 5060))
    caller = Caller("sip:alice@example.org", "alice")
    return IncomingCall(call_id, user, f"sip:{user}@screamrouter.local", caller, flow, "192.0.2.1", offer)


@dataclass
class Directory:
    devices: list[CallableDevice] = field(default_factory=list)
    registered: set[str] = field(default_factory=set)

    def callable_devices(self) -> Iterable[CallableDevice]:
        return iter(self.devices)

    def is_registered(self, device_id: str) -> bool:
        return device_id in self.registered

    def device_of(self, call: IncomingCall) -> str:
        return "alice@screamrouter.local" if call.caller.user == "alice" else ""


def sink(device_id: str, name: str) -> CallableDevice:
    return CallableDevice(device_id, name, is_sink=True, is_enabled=True)


HOUSE = Directory(
    [
        sink(UUID, "Living Room (TV)"),
        sink("kitchen@screamrouter.local", "Kitchen"),
        sink("a@screamrouter.local", "Twin"),
        sink("b@screamrouter.local", "twin"),
        sink("c@screamrouter.local", "Café"),
        CallableDevice("off@screamrouter.local", "Cellar", is_sink=True, is_enabled=False),
        CallableDevice("phone@screamrouter.local", "Phone", is_sink=False, is_enabled=True),
        CallableDevice("away@screamrouter.local", "Away", is_sink=False, is_enabled=True),
        sink("echo@screamrouter.local", "echo"),
    ],
    {"phone@screamrouter.local"},
)


@pytest.mark.parametrize(
    ("user", "target"),
    [
        ("echo", ECHO),
        ("ECHO", ECHO),
        ("tone", CallTarget(TargetKind.TONE)),
        (UUID, CallTarget(TargetKind.SINK, UUID)),
        (UUID.upper(), CallTarget(TargetKind.SINK, UUID)),
        ("Living Room (TV)", CallTarget(TargetKind.SINK, UUID)),
        ("living-room-tv", CallTarget(TargetKind.SINK, UUID)),
        ("LIVING_ROOM_TV", CallTarget(TargetKind.SINK, UUID)),
        ("kitchen", CallTarget(TargetKind.SINK, "kitchen@screamrouter.local")),
        ("cafe", CallTarget(TargetKind.SINK, "c@screamrouter.local")),
        ("twin", CallTarget(TargetKind.SINK, "b@screamrouter.local")),
        ("Twin", CallTarget(TargetKind.SINK, "a@screamrouter.local")),
        ("A", None),
    ],
)
def test_a_service_or_a_sink_is_reached_by_each_of_its_names(user: str, target: CallTarget | None) -> None:
    decision = decide(incoming(user), HOUSE)
    if target is None:
        assert isinstance(decision, Reject)
    else:
        assert decision == Answer(target)


@pytest.mark.parametrize(
    ("user", "status", "part"),
    [
        ("nobody", 404, "nobody here is called nobody"),
        ("", 404, "names nobody"),
        ("---", 404, "nobody here"),
        ("TWIN", 404, "2 devices"),
        ("off", 480, "not let Cellar in"),
        ("phone", 480, "no sink"),
        ("away", 480, "not registered"),
    ],
)
def test_what_cannot_be_called_is_refused_with_a_reason(user: str, status: int, part: str) -> None:
    decision = decide(incoming(user), HOUSE)
    assert isinstance(decision, Reject)
    assert decision.status == status
    assert part in decision.reason


def test_a_sanitised_name_has_letters_digits_and_single_hyphens() -> None:
    assert sanitise_name("  Büro -- 2. Stock_links ") == "buro-2-stock-links"
    assert sanitise_name("!?") == ""


class Control:
    """The core's commands, recorded; calls in ``gone`` are over."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []
        self.gone: set[int] = set()

    def _say(self, *what: object) -> bool:
        self.said.append(what)
        return what[1] not in self.gone

    def ring(self, call_id: int) -> bool:
        return self._say("ring", call_id)

    def answer(self, call_id: int, sdp: bytes) -> bool:
        return self._say("answer", call_id, sdp)

    def reject(self, call_id: int, status: RefusalStatus, reason: str) -> bool:
        return self._say("reject", call_id, int(status), reason)

    def answer_update(self, call_id: int, sdp: bytes) -> bool:
        return self._say("answer_update", call_id, sdp)

    def reject_update(self, call_id: int, status: RefusalStatus, reason: str) -> bool:
        return self._say("reject_update", call_id, int(status), reason)

    def hang_up(self, call_id: int, reason: str) -> bool:
        return self._say("hang_up", call_id, reason)


class Media:
    """An audio side that gives ``result`` to whatever it is asked; also stands for the face in front of it."""

    def __init__(self) -> None:
        self.result: MediaAnswer | MediaRefusal = MediaAnswer(b"answer")
        self.completion: MediaRefusal | None = None
        self.asked: list[tuple[object, ...]] = []
        self.peers: list[LegPeer] = []

    def forward_webrtc_sdp_offer_to_cpp(
        self, leg_id: str, offer: bytes | None, target: CallTarget, peer: LegPeer
    ) -> MediaAnswer | MediaRefusal:
        return self.open_leg(leg_id, offer, target, peer)

    def forward_webrtc_ice_candidate_to_cpp(self, leg_id: str, candidate: str) -> bool:
        return self.add_candidate(leg_id, candidate)

    def open_leg(
        self, leg_id: str, offer: bytes | None, target: CallTarget, peer: LegPeer
    ) -> MediaAnswer | MediaRefusal:
        self.peers.append(peer)
        self.asked.append(("open", leg_id, offer, target))
        return self.result

    def update_leg(self, leg_id: str, offer: bytes | None) -> MediaAnswer | MediaRefusal:
        self.asked.append(("update", leg_id, offer))
        return self.result

    def complete_leg(self, leg_id: str, answer: bytes) -> MediaRefusal | None:
        self.asked.append(("complete", leg_id, answer))
        return self.completion

    def add_candidate(self, leg_id: str, candidate: str) -> bool:
        self.asked.append(("candidate", leg_id, candidate))
        return True

    def close_leg(self, leg_id: str) -> None:
        self.asked.append(("close", leg_id))

    def legs(self) -> tuple[LegReport, ...]:
        return ()


@pytest.fixture
def control() -> Control:
    return Control()


@pytest.fixture
def media() -> Media:
    return Media()


@pytest.fixture
def flow(control: Control, media: Media) -> InviteFlow:
    return InviteFlow(control, HOUSE, media, media)


NO_CODEC = MediaRefusal(RefusalStatus.NOT_ACCEPTABLE_HERE, "no codec in common")


def test_a_call_opens_a_leg_before_it_is_answered_and_closes_it_at_its_end(flow, control, media) -> None:
    flow.on_call_event(incoming())
    assert media.asked == [("open", "call-7", OFFER, ECHO)]
    assert control.said == [("answer", 7, b"answer")]
    assert list(flow.calls) == [7]
    flow.on_call_event(CallConfirmed(7))
    flow.on_call_event(CallEnded(7, EndCause.HUNG_UP_BY_PEER))
    assert media.asked[1:] == [("close", "call-7")]
    assert not flow.calls


def test_a_refused_call_opens_no_leg(flow, control, media) -> None:
    flow.on_call_event(incoming("nobody"))
    flow.on_call_event(CallEnded(7, EndCause.REJECTED, 404))
    assert control.said[0][:3] == ("reject", 7, 404)
    assert media.asked == []


def test_an_offer_that_the_audio_side_refuses_refuses_the_call(flow, control, media) -> None:
    media.result = NO_CODEC
    flow.on_call_event(incoming())
    assert control.said == [("reject", 7, 488, "no codec in common")]
    flow.on_call_event(CallEnded(7, EndCause.REJECTED, 488))
    assert [one[0] for one in media.asked] == ["open"]


def test_a_caller_who_gave_up_meanwhile_leaves_no_leg(flow, control, media) -> None:
    control.gone.add(7)
    flow.on_call_event(incoming())
    flow.on_call_event(CallEnded(7, EndCause.CANCELLED))
    assert media.asked[-1] == ("close", "call-7")


def test_a_call_without_an_offer_is_completed_by_its_answer(flow, control, media) -> None:
    flow.on_call_event(incoming(offer=b""))
    assert media.asked[0] == ("open", "call-7", None, ECHO)
    flow.on_call_event(CallConfirmed(7, b"theirs"))
    assert media.asked[1] == ("complete", "call-7", b"theirs")
    media.completion = NO_CODEC
    flow.on_call_event(CallConfirmed(7, b"other"))
    assert control.said[-1] == ("hang_up", 7, "no codec in common")


def test_a_new_offer_is_answered_or_refused_and_the_call_goes_on(flow, control, media) -> None:
    flow.on_call_event(incoming())
    flow.on_call_event(CallUpdated(7, b"hold", is_reinvite=True))
    assert control.said[-1] == ("answer_update", 7, b"answer")
    media.result = NO_CODEC
    flow.on_call_event(CallUpdated(7, b"other", is_reinvite=False))
    assert control.said[-1] == ("reject_update", 7, 488, "no codec in common")
    assert list(flow.calls) == [7]


def test_digits_and_candidates_reach_the_leg(flow, media) -> None:
    flow.on_call_event(incoming())
    flow.on_call_event(CallInfo(7, "application/dtmf-relay", b"Signal=5\r\nDuration=250\r\n"))
    flow.on_call_event(
        CallInfo(7, "application/trickle-ice-sdpfrag", b"a=candidate:1 1 udp 1 192.0.2.7 9 typ host\r\n")
    )
    flow.on_call_event(CallInfo(7, "application/media_control+xml", b"<x/>"))
    flow.on_call_event(CallInfo(8, "application/dtmf", b"5"))
    assert media.asked[1:] == [
        ("candidate", "call-7", "candidate:1 1 udp 1 192.0.2.7 9 typ host"),
    ]


def test_a_silent_leg_ends_its_call(flow, control) -> None:
    flow.on_call_event(incoming())
    flow.on_call_event(LegSilent("call-7", "no audio came for 30 s"))
    flow.on_call_event(LegFailed("call-8", "unknown"))
    assert control.said[1:] == [("hang_up", 7, "no audio came for 30 s")]


def test_without_an_audio_side_what_the_face_refuses_is_refused(control, media) -> None:
    media.result = NO_CODEC
    flow = InviteFlow(control, HOUSE, media, None)
    flow.on_call_event(incoming())
    flow.on_call_event(CallEnded(7, EndCause.REJECTED, 488))
    assert control.said[0][:3] == ("reject", 7, 488)


@pytest.mark.parametrize(
    ("content_type", "body", "digit"),
    [
        ("application/dtmf-relay", b"Signal= 5\nDuration= 160", Digit("5", 160)),
        ("Application/DTMF-Relay; charset=x", b"duration=1\r\nsignal=*\r\n", Digit("*", 40)),
        ("application/dtmf-relay", b"Signal=d\r\nDuration=99999", Digit("D", 160)),
        ("application/dtmf", b" # ", Digit("#", 160)),
        ("application/dtmf", b"55", None),
        ("application/dtmf", b"\xff", None),
        ("application/dtmf-relay", b"", None),
        ("text/plain", b"5", None),
    ],
)
def test_a_digit_is_read_in_both_forms(content_type: str, body: bytes, digit: Digit | None) -> None:
    assert read_digit(content_type, body) == digit


def test_candidates_are_read_from_a_fragment_and_bounded() -> None:
    assert read_candidates("text/plain", b"a=candidate:1") == []
    assert len(read_candidates("application/trickle-ice-sdpfrag", b"a=candidate:1\r\n" * 1000)) == 64


class PartsRecorder:
    """Implements ``CallPartsObserver``."""

    def __init__(self) -> None:
        self.told: list[tuple[int, list[tuple[str, str, str]]]] = []

    def on_call_parts(self, call_id: int, parts: tuple[CallPart, ...]) -> None:
        self.told.append((call_id, [(part.address, part.device_id, str(part.phase)) for part in parts]))


@pytest.fixture
def parts(flow: InviteFlow) -> PartsRecorder:
    flow.parts_observer = PartsRecorder()
    return flow.parts_observer


ALICE = ("alice", "alice@screamrouter.local")
DESCRIPTION = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na={}\r\n"
)
LISTENING, HOLDING = (DESCRIPTION.format(direction).encode() for direction in ("sendrecv", "sendonly"))


def test_who_is_in_a_call_is_told_from_its_answer_to_its_end(flow, parts) -> None:
    flow.on_call_event(incoming("kitchen"))
    flow.on_call_event(CallConfirmed(7))
    flow.on_call_event(CallEnded(7, EndCause.HUNG_UP_BY_PEER))
    both = [(*ALICE, "talking"), ("kitchen", "kitchen@screamrouter.local", "talking")]
    assert parts.told == [(7, both), (7, [])]


def test_hold_and_its_end_are_told_once_each(flow, parts) -> None:
    flow.on_call_event(incoming(offer=LISTENING))
    for offer in (LISTENING, HOLDING, HOLDING, b"", LISTENING):
        flow.on_call_event(CallUpdated(7, offer, is_reinvite=True))
    assert [phase for _, ((_, _, phase),) in parts.told] == ["talking", "held", "talking"]


def test_the_answer_to_our_offer_may_hold_the_call(flow, parts) -> None:
    flow.on_call_event(incoming(offer=b""))
    flow.on_call_event(CallConfirmed(7, LISTENING))
    flow.on_call_event(CallConfirmed(7, HOLDING))
    assert [phase for _, ((_, _, phase),) in parts.told] == ["talking", "held"]


def test_a_new_offer_that_is_refused_holds_nothing(flow, media, parts) -> None:
    flow.on_call_event(incoming(offer=LISTENING))
    media.result = NO_CODEC
    flow.on_call_event(CallUpdated(7, HOLDING, is_reinvite=True))
    assert len(parts.told) == 1


@pytest.mark.parametrize("user", ["nobody", "echo"])
def test_of_a_call_that_was_not_taken_nothing_is_told(flow, control, parts, user) -> None:
    control.gone.add(7)
    flow.on_call_event(incoming(user))
    flow.on_call_event(CallEnded(7, EndCause.CANCELLED))
    assert parts.told == []
