"""The core's output finds the writer whose connection it is for, and never a connection that is gone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from domain.values import Endpoint, Transport
from engine import _engine
from engine.core_flows import CoreFlows

PHONE = Endpoint("192.0.2.7", 40_000)
HERE = Endpoint("192.0.2.1", 5060)


class Writer:
    """A ``FlowWriter`` that remembers; ``on_write`` is called at each write."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False
        self.on_write: Any = None

    def write(self, octets: bytes) -> None:
        self.written.append(octets)
        if self.on_write is not None:
            self.on_write()

    def close(self) -> None:
        self.is_closed = True


class Core:
    """The core's connections as a test wants them: ``answers`` to what is received, ``waiting`` to be drained."""

    def __init__(self) -> None:
        self.flow_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.closed: list[int] = []
        self.answers: tuple[list[bytes], bool] = ([], False)
        self.waiting: list[tuple[int, list[bytes], bool]] = []
        self._next = 1

    def open_flow(self, transport: str, remote_ip: str, *_: object) -> int | None:
        if remote_ip == "nowhere":
            return None
        self._next += 1
        return self._next

    def receive(self, connection: int, octets: bytes) -> tuple[list[bytes], bool]:
        return self.answers

    def close_flow(self, connection: int) -> None:
        self.closed.append(connection)

    def drain_flows(self, most: int) -> Sequence[tuple[int, list[bytes], bool]]:
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        if not self.waiting and taken:
            os.eventfd_read(self.flow_fd)
        return taken

    def say(self, *outputs: tuple[int, list[bytes], bool]) -> None:
        self.waiting.extend(outputs)
        os.eventfd_write(self.flow_fd, 1)


@pytest.fixture
def core() -> Iterator[Core]:
    made = Core()
    yield made
    os.close(made.flow_fd)


def flows_of(core: Core) -> CoreFlows:
    return CoreFlows(cast("_engine.Engine", core))


def test_answers_are_written_before_receive_returns(core: Core) -> None:
    flows, writer = flows_of(core), Writer()
    connection = flows.open_flow(Transport.TCP, PHONE, HERE, writer)
    core.answers = ([b"one", b"two"], False)
    flows.receive(connection, b"request")
    assert (writer.written, writer.is_closed) == ([b"one", b"two"], False)
    core.answers = ([b"bye"], True)
    flows.receive(connection, b"garbage")
    assert (writer.written[-1], writer.is_closed) == (b"bye", True)


def test_the_cores_own_requests_reach_their_writers_by_the_descriptor(core: Core) -> None:
    async def play() -> None:
        flows, first, second = flows_of(core), Writer(), Writer()
        flows.start()
        numbers = [flows.open_flow(Transport.WSS, PHONE, HERE, writer) for writer in (first, second)]
        done = asyncio.Event()
        second.on_write = done.set
        core.say((numbers[0], [b"a", b"b"], False), (99, [b"nobody"], True), (numbers[1], [b"c"], True))
        await asyncio.wait_for(done.wait(), 5)
        flows.stop()
        assert (first.written, second.written) == ([b"a", b"b"], [b"c"])
        assert (first.is_closed, second.is_closed) == (False, True)

    asyncio.run(play())


def test_what_waits_is_written_at_the_stop(core: Core) -> None:
    async def play() -> None:
        flows, writer = flows_of(core), Writer()
        flows.start()
        connection = flows.open_flow(Transport.TLS, PHONE, HERE, writer)
        core.say(*((connection, [b"x"], False) for _ in range(200)))
        flows.stop()
        flows.stop()
        assert len(writer.written) == 200

    asyncio.run(play())


def test_a_writer_that_closes_while_it_is_written_to_gets_nothing_more(core: Core) -> None:
    flows, writer = flows_of(core), Writer()
    connection = flows.open_flow(Transport.TCP, PHONE, HERE, writer)
    writer.on_write = lambda: flows.close_flow(connection)
    core.answers = ([b"one", b"two"], True)
    flows.receive(connection, b"request")
    assert (writer.written, writer.is_closed) == ([b"one"], False)
    assert core.closed == [connection]


def test_a_closed_connection_is_closed_once_and_received_on_no_more(core: Core) -> None:
    flows, writer = flows_of(core), Writer()
    connection = flows.open_flow(Transport.TCP, PHONE, HERE, writer)
    flows.close_flow(connection)
    flows.close_flow(connection)
    core.answers = ([b"late"], False)
    flows.receive(connection, b"request")
    assert (core.closed, writer.written, len(flows)) == ([connection], [], 0)


def test_an_address_that_is_none_is_an_error_of_the_caller(core: Core) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        flows_of(core).open_flow(Transport.TCP, Endpoint("nowhere", 1), HERE, Writer())
