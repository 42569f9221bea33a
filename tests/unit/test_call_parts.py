"""Who is in a call, and when it is on hold (RFC 3264 section 8.4)."""

from __future__ import annotations

import pytest

from domain.calls import Caller, CallTarget, IncomingCall, TargetKind
from domain.presence import CallPhase
from domain.values import Endpoint, Flow, Transport
from sip_server.call_parts import CallState, audio_direction, parts_of, state_after, state_at_first
from sip_server.sdp_values import Direction

TALKING, HELD = CallPhase.TALKING, CallPhase.HELD


def sdp(direction: str = "", *, address: str = "192.0.2.7", port: int = 4000, more: str = "") -> bytes:
    attribute = f"a={direction}\r\n" if direction else ""
    return (
        f"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n{more}"
        f"m=audio {port} RTP/AVP 0\r\n{attribute}"
    ).encode()


def phases(*descriptions: bytes) -> list[CallPhase]:
    state, found = CallState(), []
    for description in descriptions:
        state = state_after(state, description)
        found.append(state.phase)
    return found


@pytest.mark.parametrize("held", [sdp("sendonly"), sdp("inactive"), sdp(address="0.0.0.0")])
def test_a_caller_that_listened_holds_and_takes_up_again(held):
    assert phases(sdp(), held, held, sdp("sendrecv")) == [TALKING, HELD, HELD, TALKING]


def test_a_source_that_never_listened_does_not_hold():
    assert phases(sdp("sendonly"), sdp("sendonly"), sdp("inactive"), sdp("sendonly")) == [
        TALKING,
        TALKING,
        HELD,
        TALKING,
    ]


def test_who_only_listens_does_not_hold():
    assert phases(sdp("recvonly"), sdp("inactive")) == [TALKING, HELD]


def test_what_says_nothing_of_audio_changes_nothing():
    refused, unreadable = sdp("sendonly", port=0), b"\xff"
    assert phases(sdp(), sdp("inactive"), refused, unreadable, b"") == [TALKING, HELD, HELD, HELD, HELD]


def test_the_call_begins_as_its_offer_says():
    assert state_at_first(b"").phase is TALKING
    assert state_at_first(sdp("inactive")).phase is HELD
    assert state_at_first(sdp("sendonly")) == CallState(TALKING, has_listened=False)


def test_a_browser_that_knows_no_address_yet_does_not_hold():
    """RFC 8840 section 4.1.1: 0.0.0.0 and port 9 until candidates come."""
    offer = sdp("sendrecv", address="0.0.0.0", port=9, more="a=ice-ufrag:abcd\r\n")
    assert audio_direction(offer) is Direction.SENDRECV
    assert audio_direction(sdp("recvonly", address="0.0.0.0")) is Direction.INACTIVE


def call(user: str = "kitchen") -> IncomingCall:
    flow = Flow(Transport.UDP, Endpoint("192.0.2.7", 5060))
    return IncomingCall(7, user, f"sip:{user}@here", Caller("sip:alice@here", "alice"), flow, "192.0.2.1")


def test_caller_and_called_device_see_each_other():
    caller, called = parts_of(call(), CallTarget(TargetKind.SINK, "k"), "a", TALKING)
    assert (caller.address, caller.device_id, caller.is_initiator) == ("alice", "a", True)
    assert (called.address, called.device_id, called.is_initiator) == ("kitchen", "k", False)
    assert (caller.local_uri, caller.remote_uri) == (called.remote_uri, called.local_uri)
    assert (caller.local_uri, caller.remote_uri) == ("sip:alice@here", "sip:kitchen@here")


@pytest.mark.parametrize(
    "target", [CallTarget(TargetKind.ECHO), CallTarget(TargetKind.TONE), CallTarget(TargetKind.SOURCE, "a")]
)
def test_a_service_and_the_caller_itself_are_no_second_party(target):
    (caller,) = parts_of(call(), target, "a", HELD)
    assert (caller.is_initiator, caller.phase) == (True, HELD)
