"""What a connection may not do: be one too many, keep a message half sent, speak no TLS, outlive the daemon."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.conformance.test_streams import tls_address
from tests.kit.daemon_process import DaemonProcess, running_daemon, wait_until
from tests.kit.stream_peer import TcpPeer
from tests.kit.tls_daemon import COMMAND, write_certificate

MOST_CONNECTIONS = 3
HALF_MESSAGE_S = 10.0


@pytest.fixture
def small_daemon(tmp_path) -> Iterator[DaemonProcess]:
    """Has room for few connections."""
    write_certificate(tmp_path / "server.pem")
    sections = {"limits": {"max_connections": MOST_CONNECTIONS}}
    environment = {"TLS_CERTIFICATE": str(tmp_path / "server.pem")}
    with running_daemon(tmp_path, sections=sections, command=COMMAND, environment=environment) as running:
        yield running


def test_a_connection_too_many_is_closed_unheard_and_makes_no_trouble(small_daemon):
    peers = [TcpPeer(small_daemon.address, user=f"u{number}") for number in range(MOST_CONNECTIONS)]
    assert [peer.register().status for peer in peers] == [200] * MOST_CONNECTIONS
    with TcpPeer(small_daemon.address) as refused:
        assert refused.is_closed_by_peer()
    peers.pop().close()

    def is_admitted() -> bool:
        with TcpPeer(small_daemon.address) as peer:
            try:
                return peer.options().status == 200
            except ConnectionError:
                return False

    wait_until(is_admitted, "room where one left")
    assert [peer.options().status for peer in peers] == [200] * len(peers)
    for peer in peers:
        peer.close()


def test_who_speaks_no_tls_is_closed_and_counted_no_more(small_daemon):
    for _ in range(3 * MOST_CONNECTIONS):
        with TcpPeer(tls_address(small_daemon)) as peer:
            peer.send(peer.request("OPTIONS"))
            assert peer.is_closed_by_peer()
    small_daemon.wait_for_log("flow.handshake_failed")
    with TcpPeer(small_daemon.address) as peer:
        assert peer.options().status == 200


def test_a_half_message_ends_its_connection_though_octets_dribble(small_daemon):
    with TcpPeer(small_daemon.address) as peer, TcpPeer(small_daemon.address, user="bert") as other:
        request = peer.request("OPTIONS")
        started_s = time.monotonic()
        for octet in request[:8]:
            peer.send(bytes([octet]))
        assert other.options().status == 200
        assert peer.is_closed_by_peer(HALF_MESSAGE_S + 5)
        assert time.monotonic() - started_s >= HALF_MESSAGE_S
        assert other.options().status == 200


def test_the_daemon_ends_with_its_connections(small_daemon):
    with TcpPeer(small_daemon.address) as peer, socket.create_connection(tls_address(small_daemon)) as silent:
        assert peer.register().status == 200
        assert small_daemon.stop() == 0
        assert peer.is_closed_by_peer()
        silent.settimeout(5)
        assert silent.recv(1) == b""
    assert not [line for line in small_daemon.log_lines() if line.get("level") == "error"]
