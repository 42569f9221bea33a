"""A call at the real daemon (RFC 3261 sections 9, 13.3, 14 and 15), with an audio side that only talks."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.daemon_process import ROOT, DaemonProcess, running_daemon, wait_until
from tests.kit.sip_peer import SipMessage, SipPeer

OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40002 RTP/AVP 0\r\n"
SDP = "Content-Type: application/sdp"
MOST_CALLS = 4


@pytest.fixture(scope="module")
def calling_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    directory = tmp_path_factory.mktemp("calls")
    sections = {
        "devices": {"hall@screamrouter.local": {"name": "Hall", "role": "sink"}},
        "limits": {"max_calls": MOST_CALLS},
    }
    command = (sys.executable, str(ROOT / "tests/kit/calling_daemon.py"))
    environment = {"MEDIA_REPORT": str(directory / "media.json")}
    with running_daemon(directory, sections=sections, command=command, environment=environment) as running:
        yield running


def media_report(daemon: DaemonProcess) -> list[dict[str, object]]:
    path = Path(daemon.config_path.parent / "media.json")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


class Call:
    """One INVITE and its dialog, from the caller's side."""

    def __init__(
        self, peer: SipPeer, user: str = "echo", *, offer: bytes = OFFER, headers: tuple[str, ...] = ()
    ) -> None:
        self.peer = peer
        self.uri = f"sip:{user}@{peer.domain}"
        self.to = f"<{self.uri}>"
        self.branch = f"z9hG4bKcall{uuid.uuid4().hex}"
        self.call_id = uuid.uuid4().hex
        lines = [f"Contact: {peer.contact}", *headers, *([SDP] if offer else [])]
        self.invite = peer.request(
            "INVITE", uri=self.uri, call_id=self.call_id, branch=self.branch, headers=lines, body=offer
        )
        self.cseq = peer.cseq
        self.answers: list[SipMessage] = []

    def send(self) -> SipMessage:
        """The final answer."""
        self.peer.send(self.invite)
        return self.final()

    def final(self) -> SipMessage:
        while True:
            answer = self.peer.receive()
            self.answers.append(answer)
            if answer.status >= 200 and "INVITE" in (answer.get("cseq") or ""):
                self.to = answer.get("to") or ""
                return answer

    def ack(self, cseq: int = 0, branch: str = "") -> None:
        """With the INVITE's ``branch`` for a refusal, with a new one for a 2xx (section 17.1.1.3)."""
        number = cseq or self.cseq
        named = {"uri": self.uri, "to": self.to, "call_id": self.call_id, "branch": branch}
        self.peer.send(self.peer.request("ACK", cseq=number, **named))  # type: ignore[arg-type]  # strings, all of them

    def ask(self, method: str, *, headers: tuple[str, ...] = (), body: bytes = b"") -> SipMessage:
        octets = self.peer.request(method, uri=self.uri, to=self.to, call_id=self.call_id, headers=headers, body=body)
        return self.peer.exchange(octets)

    def up(self) -> Call:
        assert self.send().status == 200
        self.ack()
        return self

    def end(self) -> None:
        assert self.ask("BYE").status == 200


@pytest.fixture
def caller(calling_daemon, new_peer) -> SipPeer:
    made: SipPeer = new_peer(calling_daemon)
    return made


def test_a_call_is_tried_answered_acknowledged_and_ended(calling_daemon, caller) -> None:
    """Section 13.3.1 and 15.1.2.

    caller                     daemon
      | INVITE sip:echo@...       |
      |-------------------------->|
      |   100, 200 (answer)       |
      |<--------------------------|
      | ACK, BYE                  |
      |-------------------------->|
      |   200                     |
      |<--------------------------|
    """
    call = Call(caller)
    answer = call.send()
    assert (answer.status, call.answers[0].status) == (200, 100)
    assert answer.get("content-type") == "application/sdp"
    assert answer.body.startswith(b"v=0")
    assert answer.bindings[0].uri == f"sip:127.0.0.1:{calling_daemon.port}"
    call.ack()
    call.end()
    legs = [one["leg"] for one in media_report(calling_daemon) if one["what"] == "open"]
    wait_until(lambda: {"what": "close", "leg": legs[-1]} in media_report(calling_daemon), "the leg is closed")
    assert call.ask("BYE").status == 481


def test_a_sink_is_called_by_its_name(calling_daemon, caller) -> None:
    call = Call(caller, "hall").up()
    opened = [one for one in media_report(calling_daemon) if one["what"] == "open"][-1]
    assert (opened["target"], opened["device"]) == ("sink", "hall@screamrouter.local")
    call.end()


@pytest.mark.parametrize("user", ["nobody", ""])
def test_a_name_that_nobody_has_is_404_with_a_reason(caller, user: str) -> None:
    """Section 21.4.5."""
    call = Call(caller, user or "x")
    call.invite = call.invite.replace(b"INVITE sip:x@", b"INVITE sip:")
    answer = call.send()
    assert answer.status == 404
    assert "nobody" in (answer.get("warning") or "")
    call.ack(branch=call.branch)


def test_an_offer_without_a_common_codec_is_488(caller) -> None:
    """Section 21.4.26."""
    call = Call(caller, offer=OFFER + b"a=refuse-me\r\n")
    assert call.send().status == 488
    call.ack(branch=call.branch)


def test_a_2xx_is_repeated_until_its_ack(caller) -> None:
    """Section 13.3.1.4."""
    call = Call(caller)
    first = call.send()
    assert call.final() == first
    call.ack()
    call.end()


def test_a_call_without_an_offer_gets_ours_and_answers_in_its_ack(calling_daemon, caller) -> None:
    """RFC 3264 section 4."""
    call = Call(caller, offer=b"")
    assert call.send().body.startswith(b"v=0")
    caller.send(
        caller.request("ACK", uri=call.uri, to=call.to, call_id=call.call_id, cseq=call.cseq, headers=[SDP], body=OFFER)
    )
    wait_until(lambda: media_report(calling_daemon)[-1]["what"] == "complete", "the answer reaches the leg")
    call.end()


def test_hold_by_re_invite_and_resume_by_update(calling_daemon, caller) -> None:
    """Section 14.2, RFC 3311."""
    call = Call(caller).up()
    hold = call.ask("INVITE", headers=(SDP, f"Contact: {caller.contact}"), body=OFFER + b"a=sendonly\r\n")
    assert hold.status == 200
    call.ack(caller.cseq)
    assert media_report(calling_daemon)[-1]["is_hold"]
    resumed = call.ask("UPDATE", headers=(SDP, f"Contact: {caller.contact}"), body=OFFER)
    assert (resumed.status, resumed.body[:3]) == (200, b"v=0")
    assert not media_report(calling_daemon)[-1]["is_hold"]
    call.end()


def test_a_digit_by_info_reaches_the_leg_once(calling_daemon, caller) -> None:
    """RFC 6086 with the usual body of phones."""
    call = Call(caller).up()
    headers = ("Content-Type: application/dtmf-relay",)
    info = caller.request("INFO", uri=call.uri, to=call.to, call_id=call.call_id, headers=headers, body=b"Signal=5")
    assert caller.exchange(info).status == 200
    assert caller.exchange(info).status == 200
    assert call.ask("OPTIONS").status == 200
    leg = media_report(calling_daemon)[-1]["leg"]
    assert calling_daemon.wait_for_log("call.digit", leg=leg)["digit"] == "5"
    call.end()
    wait_until(lambda: {"what": "close", "leg": leg} in media_report(calling_daemon), "the leg is closed")
    assert [line["leg"] for line in calling_daemon.log_lines() if line["event"] == "call.digit"] == [leg]


def has_no_calls(daemon: DaemonProcess) -> bool:
    told = [(line["event"], line.get("call_id")) for line in daemon.log_lines()]
    ended = {call_id for event, call_id in told if event == "call.ended"}
    return all(call_id in ended for event, call_id in told if event == "call.answered")


def test_more_calls_than_allowed_are_503(calling_daemon, caller) -> None:
    wait_until(lambda: has_no_calls(calling_daemon), "the calls of earlier tests are over")
    calls = [Call(caller).up() for _ in range(MOST_CALLS)]
    answer = Call(caller).send()
    assert answer.status == 503
    assert "limits.max_calls" in (answer.get("warning") or "")
    for call in calls:
        call.end()
    wait_until(lambda: has_no_calls(calling_daemon), "their places are free again")
    Call(caller).up().end()


def test_a_call_into_another_domain_is_404_and_another_scheme_416(caller) -> None:
    """Section 8.2.2.1."""
    other = Call(caller)
    other.invite = other.invite.replace(b"INVITE sip:echo@screamrouter.local", b"INVITE sip:echo@example.org")
    assert other.send().status == 404
    scheme = Call(caller)
    scheme.invite = scheme.invite.replace(b"INVITE sip:echo@screamrouter.local", b"INVITE tel:+15551234")
    assert scheme.send().status == 416


def test_a_required_extension_that_is_not_there_is_420_and_100rel_is_there(caller) -> None:
    """Section 8.2.2.3."""
    answer = Call(caller, headers=("Require: gruu",)).send()
    assert (answer.status, answer.get("unsupported")) == (420, "gruu")
    Call(caller, headers=("Require: 100rel",)).up().end()


def test_a_session_interval_below_the_least_is_422_with_min_se(caller) -> None:
    """RFC 4028 section 9."""
    answer = Call(caller, headers=("Supported: timer", "Session-Expires: 60")).send()
    assert (answer.status, answer.get("min-se")) == (422, "90")


def test_the_four_packets_that_once_killed_pjsip_are_answered(caller) -> None:
    """INVITE, its refusal, ACK, then OPTIONS on the same branch with the CSeq of INVITE."""
    call = Call(caller, "nobody")
    assert call.send().status == 404
    call.ack(branch=call.branch)
    killer = caller.request("OPTIONS", call_id=call.call_id, branch=call.branch, cseq=call.cseq, cseq_method="INVITE")
    assert caller.exchange(killer).status == 400
    assert caller.options().status == 200


def test_the_daemon_says_bye_when_it_ends(tmp_path, new_peer) -> None:
    """Section 15.1.1."""
    command = (sys.executable, str(ROOT / "tests/kit/calling_daemon.py"))
    environment = {"MEDIA_REPORT": str(tmp_path / "media.json")}
    with running_daemon(tmp_path, command=command, environment=environment) as daemon:
        peer = new_peer(daemon)
        Call(peer).up()
        daemon.process.terminate()
        bye = peer.receive()
        assert bye.method == "BYE"
        peer.answer(bye)
        assert daemon.stop() == 0
        assert media_report(daemon)[-1]["what"] == "close"
