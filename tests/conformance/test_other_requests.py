"""No request but ACK ends without an answer (RFC 3261 sections 8.2 and 11)."""

from __future__ import annotations

import uuid

import pytest

from tests.kit.daemon_process import DaemonProcess
from tests.kit.sip_peer import SipMessage, SipPeer

ALLOWED = {
    "REGISTER",
    "OPTIONS",
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "UPDATE",
    "INFO",
    "PRACK",
    "SUBSCRIBE",
    "PUBLISH",
    "MESSAGE",
}
MOST_OCTETS = 4000


def allowed(answer: SipMessage) -> set[str]:
    return {method.strip() for method in (answer.get("allow") or "").split(",")}


def ask(peer: SipPeer, method: str, *, to_tag: bool = False, user: str | None = None, **options: str) -> SipMessage:
    """The answer to ``method`` for ``user`` of the domain, or for the server itself; an INVITE has its Contact."""
    uri = f"sip:{user}@{peer.domain}" if user else f"sip:{peer.domain}"
    options = {"uri": uri, "to": f"<{uri}>{';tag=there' if to_tag else ''}", **options}
    headers = [f"Contact: {peer.contact}"] if method == "INVITE" else []
    return peer.exchange(peer.request(method, headers=headers, **options))  # type: ignore[arg-type]  # all strings


def first_answer_after(peer: SipPeer, *unanswered: bytes) -> SipMessage:
    """What comes first when ``unanswered`` are sent and then an OPTIONS, whose answer it must be."""
    for octets in unanswered:
        peer.send(octets)
    marker = f"marker-{uuid.uuid4().hex}"
    peer.send(peer.request("OPTIONS", call_id=marker))
    answer = peer.receive()
    assert answer.get("call-id") == marker, answer.start_line
    return answer


def test_options_tells_what_the_server_can_do(peer: SipPeer) -> None:
    """Section 11.2.

    device                                     daemon
      | OPTIONS sip:screamrouter.local            |
      |------------------------------------------>|
      |              200 Allow, Accept, Supported |
      |<------------------------------------------|
    """
    answer = ask(peer, "OPTIONS")
    assert answer.status == 200
    assert allowed(answer) == ALLOWED
    assert answer.get("accept") == "application/sdp"
    assert answer.get("supported") == "path, 100rel, timer"
    assert ";tag=" in (answer.get("to") or "")


def test_options_for_the_router_by_its_shared_name_is_200(peer: SipPeer) -> None:
    """Section 11.2: how devices address the router."""
    assert ask(peer, "OPTIONS", user="screamrouter").status == 200


def test_options_for_a_registered_user_is_200(peer: SipPeer) -> None:
    """Section 11.2: answered as an INVITE would find the user."""
    peer.register()
    assert ask(peer, "OPTIONS", user=peer.user).status == 200


def test_options_without_max_forwards_left_is_answered_here(peer: SipPeer) -> None:
    """Section 11: it has arrived, however far it came."""
    octets = peer.request("OPTIONS").replace(b"Max-Forwards: 70", b"Max-Forwards: 0")
    assert peer.exchange(octets).status == 200


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_a_user_that_nobody_knows_is_404(peer: SipPeer, method: str) -> None:
    """Sections 8.2.2.1 and 11.2."""
    assert ask(peer, method, user="nobody").status == 404


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_a_user_of_another_domain_is_404(peer: SipPeer, method: str) -> None:
    """Section 8.2.2.1: this is no proxy."""
    assert ask(peer, method, uri="sip:alice@example.org").status == 404


def test_invite_for_a_registered_user_is_480(peer: SipPeer) -> None:
    """Section 21.4.18.

    device                          daemon
      | INVITE sip:alice@...           |
      |------------------------------->|
      |   480 Temporarily Unavailable  |
      |<-------------------------------|
      | ACK                            |
      |------------------------------->|   no answer
    """
    peer.register()
    invite = {"uri": f"sip:{peer.user}@{peer.domain}", "branch": "z9hG4bK-call", "cseq": 7}
    headers = [f"Contact: {peer.contact}"]
    answer = peer.exchange(peer.request("INVITE", headers=headers, **invite))  # type: ignore[arg-type]  # as declared
    assert answer.status == 480
    ack = peer.request("ACK", to=answer.get("to") or "", **invite)  # type: ignore[arg-type]  # the same
    assert first_answer_after(peer, ack).status == 200


@pytest.mark.parametrize("method", ["INFO", "REFER"])
def test_a_method_that_is_known_but_not_served_is_405_with_allow(peer: SipPeer, method: str) -> None:
    """Section 8.2.1."""
    answer = ask(peer, method, user="screamrouter")
    assert (answer.status, allowed(answer)) == (405, ALLOWED)


@pytest.mark.parametrize("method", ["BYE", "CANCEL", "UPDATE", "PRACK", "NOTIFY"])
def test_a_method_of_a_dialog_or_transaction_that_does_not_exist_is_481(peer: SipPeer, method: str) -> None:
    """Sections 9.2 and 12.2.2."""
    assert ask(peer, method, to_tag=True).status == 481
    assert ask(peer, method).status == 481


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "INFO", "SUBSCRIBE", "REFER"])
def test_a_request_within_a_dialog_that_does_not_exist_is_481(peer: SipPeer, method: str) -> None:
    """Section 12.2.2: the To tag names a dialog."""
    assert ask(peer, method, to_tag=True, user="screamrouter").status == 481


@pytest.mark.parametrize("method", ["FLY", "X-OWN", "!%*_+`'~", "REGISTERED"])
def test_a_method_that_nobody_knows_is_501(peer: SipPeer, method: str) -> None:
    """Section 21.5.2."""
    assert ask(peer, method).status == 501


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_requiring_what_is_not_there_is_420_with_unsupported(peer: SipPeer, method: str) -> None:
    """Section 8.2.2.3."""
    headers = ["Require: gruu", f"Contact: {peer.contact}"]
    octets = peer.request(method, uri=f"sip:screamrouter@{peer.domain}", headers=headers)
    answer = peer.exchange(octets)
    assert (answer.status, answer.get("unsupported")) == (420, "gruu")


@pytest.mark.parametrize("uri", ["tel:+15551234", "mailto:alice@screamrouter.local", "http://screamrouter.local/"])
@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "REGISTER"])
def test_a_request_uri_of_another_scheme_is_416(peer: SipPeer, method: str, uri: str) -> None:
    """Section 8.2.2.1."""
    assert ask(peer, method, uri=uri, to=f"<sip:{peer.aor}>").status == 416


UNREADABLE = {
    "contact": ("REGISTER", b"Max-Forwards: 70", b"Max-Forwards: 70\r\nContact: <sip:alice@"),
    "to": ("REGISTER", b"\r\nTo: <sip:", b"\r\nTo: <<sip:"),
    "from": ("REGISTER", b"\r\nFrom: <sip:", b"\r\nFrom: >sip:"),
    "request-uri": ("OPTIONS", b"OPTIONS sip:screamrouter.local", b"OPTIONS sip:alice@[::"),
    "cseq": ("OPTIONS", b"CSeq: ", b"CSeq: many "),
    "cseq-beyond-31-bits": ("OPTIONS", b"CSeq: 1 ", b"CSeq: 2147483648 "),
    "max-forwards": ("OPTIONS", b"Max-Forwards: 70", b"Max-Forwards: seventy"),
    "expires": ("REGISTER", b"Max-Forwards: 70", b"Max-Forwards: 70\r\nExpires: soon"),
    "content-length": ("OPTIONS", b"Content-Length: 0", b"Content-Length: none"),
    "less-body-than-content-length": ("OPTIONS", b"Content-Length: 0", b"Content-Length: 100"),
    "no-from": ("OPTIONS", b"\r\nFrom: ", b"\r\nSender: "),
    "no-to": ("OPTIONS", b"\r\nTo: ", b"\r\nReceiver: "),
    "no-call-id": ("OPTIONS", b"\r\nCall-ID: ", b"\r\nName: "),
}


@pytest.mark.parametrize(("method", "sound", "broken"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_request_that_cannot_be_read_is_400(peer: SipPeer, method: str, sound: bytes, broken: bytes) -> None:
    """Sections 8.2 and 21.4.1; the daemon goes on serving."""
    octets = peer.request(method)
    assert octets.count(sound) == 1
    assert peer.exchange(octets.replace(sound, broken)).status == 400
    assert peer.options().status == 200


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "INVITE", "BYE"])
def test_a_cseq_of_another_method_is_400(peer: SipPeer, method: str) -> None:
    """Section 8.1.1.5; such a request once aborted PJSIP."""
    answer = ask(peer, method, cseq_method="MESSAGE")
    assert answer.status == 400


@pytest.mark.parametrize("octets", [MOST_OCTETS, MOST_OCTETS + 1, 9000, 60000])
def test_a_datagram_that_does_not_fit_is_513(peer: SipPeer, octets: int) -> None:
    """Section 21.5.14; PJSIP alone would cut it and answer what is left."""
    bare = len(peer.request("OPTIONS", headers=["Subject: "], cseq=10000))
    request = peer.request("OPTIONS", headers=["Subject: " + "s" * (octets - bare)], cseq=10001)
    assert len(request) == octets
    assert peer.exchange(request).status == 513


def test_the_largest_datagram_that_fits_is_served(peer: SipPeer) -> None:
    """One octet below the limit."""
    bare = len(peer.request("OPTIONS", headers=["Subject: "], cseq=10000))
    request = peer.request("OPTIONS", headers=["Subject: " + "s" * (MOST_OCTETS - 1 - bare)], cseq=10001)
    assert len(request) == MOST_OCTETS - 1
    assert peer.exchange(request).status == 200


def test_what_a_datagram_has_beyond_its_content_length_is_discarded(daemon: DaemonProcess, peer: SipPeer) -> None:
    """Section 18.3: the surplus would make this description unreadable."""
    description = b"v=0\r\ns=-\r\na=x-screamrouter-role:source\r\n"
    headers = [f"Contact: {peer.contact}", "Content-Type: application/sdp"]
    octets = peer.request("REGISTER", headers=headers, body=description)
    assert peer.exchange(octets + b"surplus").status == 200
    assert daemon.wait_for_device(peer.aor, role="source")
    assert not [line for line in daemon.log_lines() if line.get("device") == peer.aor and "problem" in line]


@pytest.mark.parametrize("version", ["SIP/1.0", "SIP/3.0", "SIP/2.1"])
def test_another_version_of_sip_is_505(peer: SipPeer, version: str) -> None:
    """Section 21.5.6."""
    octets = peer.request("OPTIONS").replace(b" SIP/2.0\r\nVia", f" {version}\r\nVia".encode())
    assert peer.exchange(octets).status == 505


def test_ack_is_never_answered(peer: SipPeer) -> None:
    """Section 17.1.1.3: whether it matches a call, cannot be read, or names what is not there.

    device                          daemon
      | ACK, several                   |
      |------------------------------->|
      | OPTIONS                        |
      |------------------------------->|
      |            200 to the OPTIONS  |
      |<-------------------------------|
    """
    plain = peer.request("ACK")
    acknowledgements = [
        plain,
        peer.request("ACK", to=f"<sip:{peer.aor}>;tag=there"),
        peer.request("ACK", uri="sip:nobody@example.org"),
        peer.request("ACK", headers=["Require: 100rel"]),
        peer.request("ACK", cseq_method="INVITE"),
        plain.replace(b"\r\nFrom: <", b"\r\nFrom: >"),
        peer.request("ACK", headers=["Subject: " + "s" * MOST_OCTETS]),
    ]
    assert first_answer_after(peer, *acknowledgements).status == 200


@pytest.mark.parametrize("missing", [b"Via", b"CSeq"])
def test_a_request_whose_answer_could_not_be_told_as_one_is_not_answered(peer: SipPeer, missing: bytes) -> None:
    """Section 17.1.3: its sender finds the transaction by branch and CSeq."""
    assert first_answer_after(peer, peer.request("OPTIONS").replace(missing + b": ", b"X-Was: ")).status == 200


def test_a_response_to_nothing_is_not_answered(peer: SipPeer) -> None:
    """Section 18.1.2."""
    stray = b"SIP/2.0 200 OK\r\n" + peer.request("OPTIONS").partition(b"\r\n")[2]
    assert first_answer_after(peer, stray).status == 200


@pytest.mark.parametrize(
    "octets",
    [b"\r\n\r\n", b"\x00", b"hello", b"", bytes(range(256)) * 8],
    ids=["keep-alive", "nul", "word", "nothing", "every-octet"],
)
def test_what_is_no_sip_is_not_answered(peer: SipPeer, octets: bytes) -> None:
    """RFC 5626 section 3.5.1: keep-alives; and whatever else strays in."""
    assert first_answer_after(peer, octets).status == 200


def test_a_retransmitted_request_gets_the_same_answer(peer: SipPeer) -> None:
    """Section 8.2.7: the To tag is the same for every copy."""
    octets = peer.request("OPTIONS")
    assert peer.exchange(octets) == peer.exchange(octets)


def test_different_requests_get_different_to_tags(peer: SipPeer) -> None:
    """Section 8.2.6.2."""
    assert peer.options(call_id="one").get("to") != peer.options(call_id="two").get("to")


def test_requests_are_counted(daemon: DaemonProcess, peer: SipPeer) -> None:
    """The counters that the owner sees: each request once, each answer once."""
    before = daemon.statistics()
    for _ in range(5):
        peer.options()
    after = daemon.statistics()
    assert {name: after[name] - before[name] for name in ("requests", "replies", "refused", "dropped")} == {
        "requests": 5,
        "replies": 5,
        "refused": 0,
        "dropped": 0,
    }


def test_a_device_under_its_uuid_is_found_in_either_case_of_its_digits(daemon):
    """RFC 3261 section 11.2; a UUID is one name however it is written (RFC 4122 section 3)."""
    name = "3fd07cc4-9f3c-4c55-a0a6-1d5c11a6be01"
    with SipPeer(daemon.address, user=name, to_user="screamrouter") as device:
        assert device.register().status == 200
        for user in (name, name.upper()):
            answer = device.exchange(device.request("OPTIONS", uri=f"sip:{user}@screamrouter.local"))
            assert answer.status == 200, user


@pytest.mark.parametrize("method", ["register", "Options", "invite"])
def test_a_method_in_another_case_is_another_method(peer: SipPeer, method: str) -> None:
    """RFC 3261 section 7.1: methods are case-sensitive."""
    assert peer.exchange(peer.request(method)).status == 501
