"""SIP over TCP and TLS: what RFC 3261 section 18 and RFC 5626 promise, at the running daemon.

device                          daemon
|-- connect ------------------->|
|-- REGISTER ------------------>|
|<-- 200, Via with received ----|
|<-- OPTIONS (ping) ------------|   down the same connection
|-- CRLF CRLF ----------------->|
|<-- CRLF ----------------------|
|-- close --------------------->|   the binding is gone
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kit.daemon_process import DaemonProcess, running_daemon, wait_until
from tests.kit.sip_peer import SipPeer
from tests.kit.stream_peer import TcpPeer, TlsPeer
from tests.kit.tls_daemon import COMMAND, write_certificate

Connect = Callable[..., TcpPeer]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[str, ssl.SSLContext]:
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    return str(path), write_certificate(path)


@pytest.fixture(scope="module")
def stream_daemon(tmp_path_factory, certificate) -> Iterator[DaemonProcess]:
    """Serves UDP, TCP and TLS; pings every fifth of a second."""
    sections = {"liveness": {"ping_interval_s": 0.2, "timeout_s": 2}, "registrar": {"min_expires_s": 1}}
    environment = {"TLS_CERTIFICATE": certificate[0]}
    directory = tmp_path_factory.mktemp("streams")
    with running_daemon(directory, sections=sections, command=COMMAND, environment=environment) as running:
        yield running


def tls_address(daemon: DaemonProcess) -> tuple[str, int]:
    started = daemon.wait_for_log("sip.streams_started")
    (place,) = [one for one in started["listening"] if one.endswith("over TLS")]
    return daemon.ip, int(place.split()[2])


@pytest.fixture
def connect_tcp(stream_daemon) -> Iterator[Connect]:
    with contextlib.ExitStack() as stack:

        def connect(**fields: Any) -> TcpPeer:
            fields = {"user": f"user-{uuid.uuid4().hex[:12]}", **fields}
            return stack.enter_context(TcpPeer(stream_daemon.address, **fields))

        yield connect


@pytest.fixture(params=["tcp", "tls"])
def connect(request, stream_daemon, certificate, connect_tcp) -> Iterator[Connect]:
    if request.param == "tcp":
        yield connect_tcp
        return
    with contextlib.ExitStack() as stack:

        def connect_tls(**fields: Any) -> TcpPeer:
            fields = {"user": f"user-{uuid.uuid4().hex[:12]}", "context": certificate[1], **fields}
            return stack.enter_context(TlsPeer(tls_address(stream_daemon), **fields))

        yield connect_tls


@pytest.fixture
def watcher(stream_daemon) -> Iterator[SipPeer]:
    """Asks over UDP who is registered."""
    with SipPeer(stream_daemon.address, user="watcher") as made:
        yield made


def bindings_of(watcher: SipPeer, peer: SipPeer) -> list[str]:
    answer = watcher.register(contacts=[], expires=None, to=f"<sip:{peer.aor}>", call_id=uuid.uuid4().hex)
    return [contact.uri for contact in answer.bindings]


def wait_until_unbound(watcher: SipPeer, peer: SipPeer) -> None:
    wait_until(lambda: not bindings_of(watcher, peer), f"{peer.aor} without a binding")


def test_register_and_options_are_answered_down_their_connection(connect):
    """RFC 3261 section 18.2.2; received as section 18.2.1, rport as RFC 3581 section 4 have it."""
    peer = connect()
    answer = peer.register()
    assert answer.status == 200
    assert [contact.uri for contact in answer.bindings] == [peer.contact_uri]
    assert (answer.via["received"], answer.via["rport"]) == (peer.ip, str(peer.port))
    assert peer.options().status == 200


def test_an_answer_goes_back_by_the_connection_whatever_via_says(connect):
    """RFC 3261 section 18.2.2."""
    peer = connect()
    request = peer.request("OPTIONS").replace(peer.host_port.encode(), b"192.0.2.99:5999", 1)
    assert peer.exchange(request).status == 200


def test_a_device_is_pinged_down_the_connection_it_registered_on(connect, stream_daemon):
    peer = connect()
    assert peer.register().status == 200
    ping = peer.answer_ping()
    assert ping.start_line == f"OPTIONS {peer.contact_uri} SIP/2.0"
    sent_by = tls_address(stream_daemon) if peer.transport == "TLS" else stream_daemon.address
    assert ping.get("via").startswith(f"SIP/2.0/{peer.transport} {sent_by[0]}:{sent_by[1]};")
    assert ping.get("contact") == f"<sip:{sent_by[0]}:{sent_by[1]};transport={peer.transport.lower()}>"
    live = wait_until(lambda: round_trip(stream_daemon, peer), "a round-trip time")
    assert 0 < live < 5_000


def round_trip(daemon: DaemonProcess, peer: SipPeer) -> float | None:
    return (daemon.live_devices().get(peer.aor) or {}).get("rtt_ms")


def test_a_closed_connection_ends_its_bindings_at_once(connect, watcher, stream_daemon):
    """RFC 5626 section 5.3: nobody can be reached by a flow that is gone."""
    peer = connect()
    assert peer.register().status == 200
    assert bindings_of(watcher, peer) == [peer.contact_uri]
    stream_daemon.wait_for_device(peer.aor, online=True)
    peer.close()
    wait_until_unbound(watcher, peer)
    stream_daemon.wait_for_device(peer.aor, online=False)


def test_a_reset_connection_ends_its_bindings_at_once(connect_tcp, watcher):
    peer = connect_tcp()
    assert peer.register().status == 200
    peer._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    wait_until_unbound(watcher, peer)


def test_a_device_that_comes_back_keeps_its_binding_when_its_old_connection_ends(connect, watcher):
    """The new connection stands before the old one is found dead: the binding has moved and stays."""
    peer = connect()
    contact = f'{peer.contact};+sip.instance="<urn:uuid:{uuid.uuid4()}>";reg-id=1'
    assert peer.register(contacts=[contact], headers=["Supported: path, outbound"]).status == 200
    peer.reconnect()
    moved = f"<sip:{peer.user}@{peer.host_port}>{contact.partition('>')[2]}"
    answer = peer.register(contacts=[moved], headers=["Supported: path, outbound"])
    assert len(answer.bindings) == 1
    peer.close_old()
    assert peer.options().status == 200
    assert bindings_of(watcher, peer) == [f"sip:{peer.user}@{peer.host_port}"]


@pytest.mark.parametrize("octets", [b"\r\n\r\n", b"\r\n\r\n\r\n\r\n"], ids=["one", "two"])
def test_a_keep_alive_is_answered(connect, octets):
    """RFC 5626 section 4.4.1."""
    peer = connect()
    peer.send(octets)
    assert peer.receive_octets(len(octets) // 2) == octets[: len(octets) // 2]
    assert peer.options().status == 200


def test_keep_alives_keep_a_device_reachable_that_answers_no_ping(connect, stream_daemon):
    peer = connect()
    assert peer.register().status == 200
    stream_daemon.wait_for_device(peer.aor, online=True)
    stream_daemon.wait_for_device(peer.aor, online=False)
    peer.send(b"\r\n\r\n")
    stream_daemon.wait_for_device(peer.aor, online=True)


def test_requests_that_come_at_once_are_answered_in_their_order(connect):
    peer = connect()
    peer.send(b"".join(peer.request("OPTIONS") for _ in range(50)))
    assert [peer.receive().get("cseq") for _ in range(50)] == [f"{number} OPTIONS" for number in range(1, 51)]


def test_a_request_that_dribbles_is_answered(connect):
    peer = connect()
    request = peer.request("OPTIONS")
    for start in range(0, len(request), 7):
        peer.send(request[start : start + 7])
    assert peer.receive().status == 200


def padded(peer: SipPeer, method: str, octets: int) -> bytes:
    """A request of exactly this length, with header lines that nobody knows and a body."""
    lines = [f"X-Padding: {'x' * 1000}" for _ in range(20)]
    room = octets - len(peer.request(method, headers=lines, body=b"")) - len("65000") + 1
    request = peer.request(method, headers=lines, body=b"b" * room)
    assert len(request) == octets
    return request


def test_a_message_of_64_kilobytes_is_answered(connect):
    peer = connect()
    answer = peer.exchange(padded(peer, "OPTIONS", 65_535))
    assert answer.status == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [("Content-Length: 65536", 513), ("Content-Length: -1", 400), ("Content-Length: 0\r\nl: 0", 400), ("X: 1", 400)],
    ids=["too-long", "negative", "twice", "missing"],
)
def test_a_length_that_cannot_be_is_told_and_ends_the_connection(connect, header, status):
    """RFC 3261 section 18.3: nobody knows where the next message would begin."""
    peer = connect()
    peer.send(peer.request("OPTIONS").replace(b"Content-Length: 0", header.encode()))
    assert peer.receive().status == status
    assert peer.is_closed_by_peer()


def test_a_header_without_end_is_told_and_ends_the_connection(connect):
    peer = connect()
    request = peer.request("OPTIONS", headers=[f"X: {'x' * 1000}" for _ in range(60)])
    peer.send(request[:40_000])
    assert peer.receive().status == 513
    assert peer.is_closed_by_peer()


def test_garbage_ends_the_connection_and_no_other(connect):
    other, peer = connect(), connect()
    peer.send(bytes(range(256)) * 40 + b"\r\n\r\n")
    assert peer.is_closed_by_peer()
    assert other.register().status == 200


def test_a_request_that_cannot_be_understood_is_refused_and_the_connection_goes_on(connect):
    peer = connect()
    assert peer.exchange(peer.request("OPTIONS", cseq_method="INVITE")).status == 400
    assert peer.options().status == 200


def test_a_connection_may_end_at_any_point_of_a_request(connect, watcher):
    """What was sent whole before is performed; what was not is forgotten."""
    peer = connect()
    request = peer.request("REGISTER", headers=[f"Contact: {peer.contact}"])
    for end in (1, len(request) // 2, len(request) - 1):
        broken = connect(user=peer.user)
        broken.send(request[:end])
        broken.close()
    assert bindings_of(watcher, peer) == []
    assert connect().register().status == 200


def test_outbound_is_supported_and_told_when_it_is_used(connect):
    """RFC 5626 section 6: Require: outbound where reg-id and instance were, and the device knows it."""
    peer = connect()
    contact = f'<{peer.contact_uri};ob>;+sip.instance="<urn:uuid:{uuid.uuid4()}>";reg-id=1'
    headers = ["Supported: path, outbound", "Require: outbound"]
    answer = peer.register(contacts=[contact], headers=headers)
    assert answer.status == 200
    assert "outbound" in (answer.get("require") or "")
    plain = connect().register()
    assert plain.get("require") is None
    assert "outbound" in plain.get("supported")


def test_two_flows_of_one_instance_stand_side_by_side(connect, watcher):
    """RFC 5626 section 6: bindings with other reg-ids are others."""
    instance = uuid.uuid4()
    first = connect()
    second = connect(user=first.user)
    for reg_id, peer in enumerate((first, second), 1):
        contact = f'{peer.contact};+sip.instance="<urn:uuid:{instance}>";reg-id={reg_id}'
        assert peer.register(contacts=[contact], headers=["Supported: path, outbound"]).status == 200
    assert len(bindings_of(watcher, first)) == 2
    first.close()
    wait_until(lambda: bindings_of(watcher, first) == [second.contact_uri], "the other flow's binding alone")


def test_who_reads_no_answers_is_cut_off_and_nobody_else_waits(connect_tcp, stream_daemon):
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(stream_daemon.address)
    made.settimeout(20)
    deaf = connect_tcp(own_socket=made)
    vias = [f"Via: SIP/2.0/UDP h{hop};branch=z9hG4bK{'v' * 800}" for hop in range(30)]
    request = deaf.request("OPTIONS", headers=vias)
    with contextlib.suppress(OSError):
        for _ in range(4_000):
            deaf.send(request)
    other = connect_tcp()
    assert other.options().status == 200
    stream_daemon.wait_for_log("flow.aborted", timeout_s=20)
    assert stream_daemon.is_running()
