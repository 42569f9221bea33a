"""Where answers and requests go: Via, rport, received (RFC 3261 section 18.2, RFC 3581), and the flow of a binding."""

from __future__ import annotations

import pytest

from tests.kit.daemon_process import DaemonProcess, has_address, running_daemon
from tests.kit.sip_peer import SipPeer


def with_via(octets: bytes, value: str) -> bytes:
    """The request with another top Via."""
    start_line, _, rest = octets.partition(b"\r\n")
    return start_line + b"\r\nVia: " + value.encode() + b"\r\n" + rest.partition(b"\r\n")[2]


def nothing_more(peer: SipPeer) -> bool:
    """Whether nothing else came for ``peer`` before the answer to an OPTIONS that it sends now."""
    marker = peer.request("OPTIONS", call_id="marker")
    peer.send(marker)
    return peer.receive().get("call-id") == "marker"


def test_with_rport_the_answer_goes_to_the_source_port_and_says_so(
    daemon: DaemonProcess, peer: SipPeer, new_peer
) -> None:
    """RFC 3581 section 4: a device behind a NAT does not know its own port.

    device (port P)                    daemon
      | Via: host:Q;rport                 |
      |---------------------------------->|
      |     200 Via: ...;rport=P;received |   to port P
      |<----------------------------------|
    """
    other = new_peer(daemon)
    octets = with_via(peer.request("OPTIONS"), f"SIP/2.0/UDP 127.0.0.1:{other.port};branch=z9hG4bKnat;rport")
    answer = peer.exchange(octets)
    assert answer.via == {"branch": "z9hG4bKnat", "rport": str(peer.port), "received": "127.0.0.1"}
    assert nothing_more(other)


def test_without_rport_the_answer_goes_to_the_port_in_via(daemon: DaemonProcess, peer: SipPeer, new_peer) -> None:
    """RFC 3261 section 18.2.2: a device that sends from one socket and listens on another.

    device (port P)    device (port Q)       daemon
      | Via: host:Q                             |
      |---------------------------------------->|
      |                   |                 200 |   to port Q
      |                   |<--------------------|
    """
    other = new_peer(daemon)
    peer.send(with_via(peer.request("OPTIONS"), f"SIP/2.0/UDP 127.0.0.1:{other.port};branch=z9hG4bKasym"))
    answer = other.receive()
    assert (answer.status, answer.via["branch"]) == (200, "z9hG4bKasym")
    assert "rport" not in answer.via
    assert nothing_more(peer)


def test_without_rport_the_answer_goes_to_the_port_in_via_over_ipv6_too(tmp_path, new_peer) -> None:
    """RFC 3261 section 18.2.2: the port stands behind the bracket."""
    if not has_address("::1"):
        pytest.skip("this machine has no ::1")
    with running_daemon(tmp_path, ip="::1") as daemon:
        peer, other = new_peer(daemon), new_peer(daemon)
        peer.send(with_via(peer.request("OPTIONS"), f"SIP/2.0/UDP [::1]:{other.port};branch=z9hG4bKsix"))
        answer = other.receive()
        assert answer.all("via") == [f"SIP/2.0/UDP [::1]:{other.port};branch=z9hG4bKsix;received=::1"]


@pytest.mark.parametrize("sent_by", ["desk.example.org:5060", "192.0.2.50:5060", "[2001:db8::1]:5060"])
def test_received_tells_the_source_address_of_a_request_with_another_sent_by(peer: SipPeer, sent_by: str) -> None:
    """RFC 3261 section 18.2.1."""
    octets = with_via(peer.request("OPTIONS"), f"SIP/2.0/UDP {sent_by};branch=z9hG4bKrecv;rport")
    answer = peer.exchange(octets)
    assert answer.via["received"] == "127.0.0.1"
    assert answer.all("via")[0].startswith(f"SIP/2.0/UDP {sent_by};")


def test_a_received_that_the_peer_made_up_does_not_survive(peer: SipPeer) -> None:
    """RFC 3261 section 18.2.1: only the server knows it; else answers could be aimed at others."""
    via = f"SIP/2.0/UDP {peer.host_port};received=192.0.2.99;branch=z9hG4bKliar;rport"
    answer = peer.exchange(with_via(peer.request("OPTIONS"), via))
    assert answer.all("via")[0].count("received=") == 1
    assert answer.via["received"] == "127.0.0.1"


def test_all_vias_come_back_in_their_order(peer: SipPeer) -> None:
    """RFC 3261 section 8.2.6.2: proxies on the way find their own."""
    below = [f"SIP/2.0/UDP 192.0.2.{number};branch=z9hG4bK{number}" for number in (1, 2, 3)]
    octets = peer.request("REGISTER", headers=[f"Via: {below[0]}, {below[1]}", f"v: {below[2]}"])
    values = [value.strip() for line in peer.exchange(octets).all("via") for value in line.split(",")]
    assert values[1:] == below


def test_requests_to_a_device_with_rport_go_to_the_source_of_its_registration(
    lively_daemon: DaemonProcess, new_peer
) -> None:
    """RFC 3581 and RFC 5626 section 5.3: the binding remembers the flow; a Contact from behind a NAT is no use.

    device (port P)                        daemon
      | REGISTER Contact: <...@192.0.2.10>    |
      | Via: ...;rport                        |
      |-------------------------------------->|
      |         OPTIONS sip:desk@192.0.2.10   |   to port P
      |<--------------------------------------|
    """
    peer = new_peer(lively_daemon)
    peer.register(contacts=["<sip:desk@192.0.2.10:5060>"])
    # Its port may have been that of an earlier test's device, which is asked there, too.
    pings = (peer.answer_ping().start_line for _ in range(20))
    assert "OPTIONS sip:desk@192.0.2.10:5060 SIP/2.0" in pings


def test_requests_to_a_device_without_rport_go_to_its_contact(lively_daemon: DaemonProcess, new_peer) -> None:
    """RFC 3261 section 16.6: the Contact is where it wants to be reached."""
    sender, listener = new_peer(lively_daemon, uses_rport=False), new_peer(lively_daemon)
    assert sender.register(contacts=[listener.contact]).status == 200
    assert listener.answer_ping().start_line == f"OPTIONS {listener.contact_uri} SIP/2.0"
