"""What the gate refuses before anybody understands it, as a device sees it: 400 with the reason, or silence.

The rules themselves are tested natively (``tests/native/sip/gate_test.cpp``); here they meet the wire.
"""

from __future__ import annotations

import pytest

from tests.kit.daemon_process import DaemonProcess
from tests.kit.sip_peer import SipMessage, SipPeer


def changed(peer: SipPeer, part: bytes, other: bytes, method: str = "REGISTER") -> bytes:
    """A sound request in which ``other`` stands for ``part``."""
    octets = peer.request(method, headers=[f"Contact: {peer.contact}", "Expires: 600"])
    assert octets.count(part) == 1
    return octets.replace(part, other)


REFUSED = {
    "header-line-without-carriage-return": (b"70\r\n", b"70\n", "header lines must end in CR LF"),
    "carriage-return-alone": (b"Expires: 600", b"Subject: a\rExpires: 0", "header lines must end in CR LF"),
    "nul": (b"Expires: 600", b"Subject: a\0b", "a control character"),
    "escape": (b"Expires: 600", b"Subject: \x1b[2J", "a control character"),
    "no-empty-line": (b"Content-Length: 0\r\n\r\n", b"Content-Length: 0\r\n", "ends before the empty line"),
    "two-from": (b"Expires: 600", b"f: <sip:other@example.org>;tag=2", "stand once stands twice"),
    "two-to": (b"Expires: 600", b"To: <sip:other@example.org>", "stand once stands twice"),
    "two-call-id": (b"Expires: 600", b"i: other", "stand once stands twice"),
    "two-cseq": (b"Expires: 600", b"CSeq: 1 REGISTER", "stand once stands twice"),
    "two-max-forwards": (b"Expires: 600", b"Max-Forwards: 70", "stand once stands twice"),
    "two-content-length": (b"Expires: 600", b"l: 0", "stand once stands twice"),
    "two-expires": (b"Expires: 600", b"Expires: 600\r\nExpires: 0", "stand once stands twice"),
    "max-forwards-256": (b"Forwards: 70", b"Forwards: 256", "is no number or out of its range"),
    "content-length-negative": (b"Length: 0", b"Length: -1", "is no number or out of its range"),
    "content-length-beyond-body": (b"Length: 0", b"Length: 1", "the body is shorter"),
    "quote-open": (b"Contact: ", b'Contact: "', "a quotation mark or bracket does not end"),
    "bracket-open": (b"udp>\r\n", b"udp\r\n", "a quotation mark or bracket does not end"),
    "bracket-in-bracket": (b"Contact: <", b"Contact: <<", "a quotation mark or bracket does not end"),
    "ipv6-reference-into-the-next-line": (
        b"Expires: 600",
        b"Contact: <sip:a@[\r\nExpires: 0\r\nX: ]>",
        "a quotation mark or bracket does not end",
    ),
    "empty-ipv6-reference": (b"Expires: 600", b"Contact: <sip:a@[]>", "a quotation mark or bracket does not end"),
    "replaces-into-the-next-line": (
        b"Expires: 600",
        b"Replaces: a\r\nExpires: 600\r\nX: ;to-tag=1",
        "unreadable or contradicts itself",
    ),
    "header-behind-an-ampersand": (b"udp>\r\n", b"udp>&Expires: 0\r\n", "unreadable or contradicts itself"),
    "too-many-lines": (b"Expires: 600", b"\r\n".join([b"Y: y"] * 128), "more header lines"),
    "cookie-only": (b"branch=z9hG4bK", b"branch=z9hG4bK;x=", "the magic cookie and nothing else"),
}


@pytest.mark.parametrize(("part", "other", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_the_gate_refuses_is_400_with_the_reason_and_changes_nothing(
    peer: SipPeer, part: bytes, other: bytes, sentence: str
) -> None:
    """Section 20.43."""
    peer.send(changed(peer, part, other))
    answer = peer.receive()
    assert answer.status == 400
    assert sentence in (answer.get("warning") or "")
    assert peer.query() == []


def answered_behind(peer: SipPeer, octets: bytes) -> SipMessage:
    """The first answer when an OPTIONS is sent behind ``octets``."""
    peer.send(octets)
    peer.send(peer.request("OPTIONS", call_id="behind"))
    return peer.receive()


@pytest.mark.parametrize("via", [b"nonsense", b"SIP/2.0/UDP", b"SIP/2.0/UDP ;branch=z9hG4bK1", b""])
def test_a_request_without_a_usable_via_is_not_answered(peer: SipPeer, via: bytes) -> None:
    """Section 18.2.2: nobody could tell the answer as his."""
    octets = peer.request("OPTIONS")
    start, end = octets.index(b"SIP/2.0/UDP"), octets.index(b"\r\nMax-Forwards")
    assert answered_behind(peer, octets[:start] + via + octets[end:]).get("call-id") == "behind"


@pytest.mark.parametrize("fault", [b"\0", b"\n", b'"', b"&"])
@pytest.mark.parametrize("first_line", [b"SIP/2.0 200 OK", b"sip/2.0 400 x", b"SIP /2.0 200", b"ACK sip:a SIP/2.0"])
def test_a_faulty_response_or_ack_is_not_answered(peer: SipPeer, first_line: bytes, fault: bytes) -> None:
    """Sections 17.1.1.3 and 18.1.2: who answers those is made to talk to whomever the sender names."""
    _, _, rest = changed(peer, b"Expires: 600", b"To: " + fault).partition(b"\r\n")
    assert answered_behind(peer, first_line + b"\r\n" + rest).get("call-id") == "behind"


def test_a_fault_behind_empty_lines_is_answered_too(peer: SipPeer) -> None:
    """Section 7.5: empty lines before a message are skipped."""
    assert peer.exchange(b"\r\n\r\n" + changed(peer, b"Forwards: 70", b"Forwards: x")).status == 400


def test_credentials_of_an_unknown_scheme_are_as_none(peer: SipPeer) -> None:
    """RFC 4475 section 3.3.7; nothing else of the request is lost."""
    headers = ["Authorization: Nobody knows=this", "Path: <sip:edge.test;lr>", "Supported: path"]
    answer = peer.register(headers=headers)
    assert (answer.status, answer.get("path")) == (200, "<sip:edge.test;lr>")
    assert [contact.uri for contact in peer.query()] == [peer.contact_uri]
    assert answer.via["rport"] == str(peer.port)


def test_credentials_of_an_unknown_scheme_do_not_hide_another_fault(peer: SipPeer) -> None:
    """A Contact that PJSIP cannot read must not be left out silently."""
    headers = ["Authorization: Nobody knows=this", "Contact: <sip:a@h:99999>"]
    assert peer.register(headers=headers).status == 400
    assert peer.query() == []


def test_control_characters_in_a_user_are_kept_apart(peer: SipPeer) -> None:
    """RFC 4475 section 3.1.1.4: a NUL is no percent sign followed by zeros, and neither ends a name."""
    for user in ("nul-%00", "nul-%2500", "nul-"):
        to = f"<sip:{user}@{peer.domain}>"
        answer = peer.register(to=to, contacts=[f"<sip:{user}@{peer.host_port}>"], call_id=user)
        assert answer.status == 200, user
        assert len(answer.bindings) == 1, user


def test_refusals_of_the_gate_are_counted_and_logged(daemon: DaemonProcess, peer: SipPeer) -> None:
    """The owner sees them as any other refusal."""
    before = daemon.statistics()
    assert peer.exchange(changed(peer, b"Expires: 600", b"CSeq: 1 REGISTER")).status == 400
    after = daemon.statistics()
    assert {name: after[name] - before[name] for name in ("requests", "replies", "refused")} == {
        "requests": 1,
        "replies": 1,
        "refused": 1,
    }


def test_an_answer_to_a_ping_counts_however_badly_it_is_written(lively_daemon: DaemonProcess, new_peer) -> None:
    """Nobody but the device knows the token in the ping's branch; a stray response with such a fault is dropped."""
    peer = new_peer(lively_daemon)
    peer.register()
    before = lively_daemon.statistics()["dropped"]
    peer.answer_ping("200 OK\r\nMax-Forwards: 999")
    assert peer.options().status == 200
    assert lively_daemon.statistics()["dropped"] == before
    peer.send(peer.request("OPTIONS").replace(b"OPTIONS sip:screamrouter.local SIP/2.0", b"SIP/2.0 200 OK", 1))
    assert peer.options().status == 200
    assert lively_daemon.statistics()["dropped"] == before + 1
