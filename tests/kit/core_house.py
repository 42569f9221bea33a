"""A core in this process with its sockets, whoever is in it, and a policy that is the test's own."""

from __future__ import annotations

import select
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Self, TypeVar

from domain.events import CoreEvent
from domain.ports import EngineConfig, ListenAddress
from domain.values import Endpoint, Transport
from domain.watching import NotifierConfig
from engine.core_engine import CoreEngine
from sip_server.sip_manager import LIBRARY_PATH, SipManager
from tests.kit.daemon_process import wait_until
from tests.kit.sip_peer import SipMessage, SipPeer, parse_message

DOMAIN = "screamrouter.local"
_CONFIG = EngineConfig(
    DOMAIN, frozenset({DOMAIN, "127.0.0.1"}), ping_interval_ms=3_600_000, liveness_timeout_ms=7_200_000
)
_Event = TypeVar("_Event")


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class StreamPeer:
    """A device on a connection whose socket is this test."""

    def __init__(self, house: CoreHouse, user: str, transport: Transport = Transport.TCP) -> None:
        self._house = house
        self._octets = b""
        self.is_closed = False
        self.connection = house.engine.flows.open_flow(
            transport, Endpoint("127.0.0.9", 40_000), Endpoint("127.0.0.1", 5060), self
        )
        self.texts = SipPeer(house.address, user=user)
        """Writes its requests, for which it needs no socket."""
        self.texts.close()
        self.via = {Transport.TCP: "TCP", Transport.WS: "WS"}[transport]

    def write(self, octets: bytes) -> None:
        self._octets += octets

    def close(self) -> None:
        self.is_closed = True

    def send(self, octets: bytes) -> None:
        self._house.engine.flows.receive(
            self.connection, octets.replace(b"SIP/2.0/UDP", f"SIP/2.0/{self.via}".encode())
        )

    def hang_up(self) -> None:
        self._house.engine.flows.close_flow(self.connection)

    def receive(self) -> SipMessage:
        """The next message that the core wrote."""
        wait_until(self._has_message, "nothing came down the connection")
        end = self._end_of_message()
        octets, self._octets = self._octets[:end], self._octets[end:]
        return parse_message(octets)

    def _has_message(self) -> bool:
        self._house.engine.flows.flush()
        return 0 < self._end_of_message() <= len(self._octets)

    def _end_of_message(self) -> int:
        """0 while not even its header is there."""
        head, end, _ = self._octets.partition(b"\r\n\r\n")
        if not end:
            return 0
        return len(head + end) + int(parse_message(head + end).get("content-length") or 0)


class CoreHouse:
    """Use as a context; ``address`` is the core's."""

    def __init__(self, notifier: NotifierConfig) -> None:
        self.engine = CoreEngine(_WallClock(), LIBRARY_PATH)
        self.engine.apply_config(_CONFIG)
        self.engine.watching.apply_notifier(notifier)
        self._sip = SipManager(self.engine)
        self._exits = ExitStack()
        self._waiting: list[CoreEvent] = []

    def __enter__(self) -> Self:
        (bound,) = self._sip.start([ListenAddress("127.0.0.1", 0)])
        self.address = (bound.ip, bound.port)
        self._exits.callback(self._sip.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def stop(self) -> None:
        """Take the core down, as at the daemon's end; idempotent."""
        self._sip.stop()

    def peer(self, user: str, *, is_registered: bool = True) -> SipPeer:
        peer = self._exits.enter_context(SipPeer(self.address, user=user))
        if is_registered:
            assert peer.register().status == 200
        return peer

    def event(self, kind: type[_Event]) -> _Event:
        """The next such event; those of other kinds are passed over."""
        while True:
            while self._waiting:
                event = self._waiting.pop(0)
                if isinstance(event, kind):
                    return event
            ready, _, _ = select.select([self.engine.event_fd], [], [], 5.0)
            assert ready, f"no {kind.__name__} came"
            self._waiting.extend(self.engine.drain())

    def events(self) -> Sequence[CoreEvent]:
        """What has come and was not looked at."""
        waiting, self._waiting = [*self._waiting, *self.engine.drain()], []
        return waiting
