"""One TCP or TLS connection: octets to the core, the core's to the socket, and an end to peers that do not read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import structlog

from domain.ports import StreamFlows
from domain.values import Endpoint, Transport

log = structlog.get_logger()

MOST_UNSENT_OCTETS = 256 * 1024
"""What a peer may leave unread; beyond it the connection is aborted."""
UNSENT_S = 10.0
"""How long a peer may take nothing while something waits for it."""
_PAUSE_ABOVE_OCTETS = 64 * 1024
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""A half-open peer is found within two minutes even where nothing is registered and nothing sent."""
_USER_TIMEOUT_MS = 30_000
"""What is sent must be acknowledged by then (RFC 5482): a registered peer that lost power is found by our pings."""


class StreamConnection(asyncio.Protocol):
    """Implements ``domain.ports.FlowWriter``. ``on_lost`` is called once, when the connection has ended."""

    def __init__(self, flows: StreamFlows, transport: Transport, on_lost: Callable[[StreamConnection], None]) -> None:
        self._flows = flows
        self._kind = transport
        self._on_lost = on_lost
        self._socket: asyncio.Transport | None = None
        self._connection: int | None = None
        self._patience: asyncio.TimerHandle | None = None

    @property
    def is_made(self) -> bool:
        """Whether it has stood, with TLS if it has any: then ``on_lost`` tells of its end."""
        return self._socket is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast("asyncio.Transport", transport)
        remote, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not remote or not local:  # reset before it was accepted
            self._socket.abort()
            return
        set_timeouts(transport.get_extra_info("socket"))
        self._socket.set_write_buffer_limits(_PAUSE_ABOVE_OCTETS)
        self._connection = self._flows.open_flow(self._kind, _endpoint(remote), _endpoint(local), self)

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._flows.receive(self._connection, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._forget_patience()
        connection, self._connection = self._connection, None
        if connection is not None:
            self._flows.close_flow(connection)
        self._on_lost(self)

    def write(self, octets: bytes) -> None:
        if self._socket is None or self._socket.is_closing():
            return
        self._socket.write(octets)
        if self._socket.get_write_buffer_size() > MOST_UNSENT_OCTETS:
            self.abort()

    def close(self) -> None:
        if self._socket is None or self._socket.is_closing():
            return
        self._socket.close()
        self._lose_patience_later()

    def pause_writing(self) -> None:
        """Who takes no answers may ask nothing more, which leaves every other connection its time."""
        if self._socket is not None and not self._socket.is_closing():
            self._socket.pause_reading()
        self._lose_patience_later()

    def resume_writing(self) -> None:
        if self._socket is None or self._socket.is_closing():
            return
        self._forget_patience()
        self._socket.resume_reading()

    def _lose_patience_later(self) -> None:
        if self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(UNSENT_S, self.abort)

    def _forget_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def abort(self) -> None:
        """End it now, unsent or not."""
        if self._socket is not None:
            log.info("flow.aborted", transport=str(self._kind), peer=self._socket.get_extra_info("peername"))
            self._socket.abort()


def set_timeouts(made: socket.socket) -> None:
    """Answers leave at once, and a peer that is gone without a word is found."""
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        made.setsockopt(socket.IPPROTO_TCP, option, value)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)


def _endpoint(name: tuple[str, int] | tuple[str, int, int, int]) -> Endpoint:
    ip, port, *rest = name
    zone = rest[1] if len(rest) > 1 else 0
    address = ip.partition("%")[0]
    return Endpoint(f"{address}%{zone}" if zone else address, port)
