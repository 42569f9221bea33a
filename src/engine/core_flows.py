"""Connections between sockets and the core: octets in, output to the writer whose connection it is for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from domain.ports import FlowWriter
from domain.values import Endpoint, Transport
from engine import _engine

FLOWS_PER_TURN = 64
"""So few connections' output at once that the event loop stays responsive."""


class CoreFlows:
    """Implements ``domain.ports.StreamFlows`` on the event loop that calls ``start``.

    What is for a connection never depends on how the core's events fare: it has a queue of its own.
    """

    def __init__(self, core: _engine.Engine) -> None:
        self._core = core
        self._writers: dict[int, FlowWriter] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Carry the core's own requests and late answers to the writers from now on."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._core.flow_fd, self._on_readable)

    def stop(self) -> None:
        """Write what waits and let go of the loop; idempotent. Connections stay their owners'."""
        if self._loop is None:
            return
        self._loop.remove_reader(self._core.flow_fd)
        self._loop = None
        self.flush()

    def flush(self) -> None:
        """Give the writers all that waits, now."""
        while outputs := self._core.drain_flows(FLOWS_PER_TURN):
            self._write_all(outputs)

    def open_flow(self, transport: Transport, remote: Endpoint, local: Endpoint, writer: FlowWriter) -> int:
        connection = self._core.open_flow(
            str(transport), _numbered_zone(remote.ip), remote.port, _numbered_zone(local.ip), local.port
        )
        if connection is None:
            raise ValueError(f"no connection over {transport} from {remote.ip} to {local.ip}")
        self._writers[connection] = writer
        return connection

    def receive(self, connection: int, octets: bytes) -> None:
        if connection in self._writers:
            pieces, is_ended = self._core.receive(connection, octets)
            self._write(connection, pieces, is_ended)

    def close_flow(self, connection: int) -> None:
        if self._writers.pop(connection, None) is not None:
            self._core.close_flow(connection)

    def __len__(self) -> int:
        return len(self._writers)

    def _on_readable(self) -> None:
        self._write_all(self._core.drain_flows(FLOWS_PER_TURN))

    def _write_all(self, outputs: Sequence[tuple[int, list[bytes], bool]]) -> None:
        for connection, pieces, is_ended in outputs:
            self._write(connection, pieces, is_ended)

    def _write(self, connection: int, pieces: Sequence[bytes], is_ended: bool) -> None:
        for piece in pieces:
            writer = self._writers.get(connection)  # a writer may close while it writes
            if writer is not None:
                writer.write(piece)
        if is_ended and (writer := self._writers.get(connection)) is not None:
            writer.close()


def _numbered_zone(ip: str) -> str:
    """``fe80::1%eth0`` as the core reads it, ``fe80::1%2``."""
    address, percent, zone = ip.partition("%")
    if not percent or zone.isdigit():
        return ip
    try:
        return f"{address}%{socket.if_nametoindex(zone)}"
    except OSError:  # the interface went away meanwhile
        return address
