"""A bad network between a telephone and the daemon's audio: it loses, delays and reorders, and counts what it did.

What happens to the n-th packet is drawn from a seeded generator, so that each run does the same to the same packet.
To the daemon it is a NAT: audio comes from another address than the phone announced.
"""

from __future__ import annotations

import heapq
import random
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Self

_IDLE_S = 0.2
_MOST_HELD_S = 0.5
_PACKET_S = 0.02


@dataclass(frozen=True, slots=True)
class BadNetwork:
    """``loss`` is a share of the packets; each is delayed by 0 to ``jitter_s``.

    Where ``keeps_order``, a packet waits for those before it, as in a queue; else it overtakes.
    """

    loss: float = 0.0
    jitter_s: float = 0.0
    keeps_order: bool = False
    seed: int = 1


@dataclass
class Way:
    """One direction: what came, and what became of it, in the order of arrival."""

    network: BadNetwork
    arrived: int = 0
    lost: list[int] = field(default_factory=list)
    overtaken: int = 0
    transits_s: list[float] = field(default_factory=list)
    _latest_s: float = 0.0
    _draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.network.seed)  # no secret

    def due_s(self, now_s: float) -> float | None:
        """When the packet that comes now leaves; None where it is lost."""
        number, self.arrived = self.arrived, self.arrived + 1
        is_lost = self._draw.random() < self.network.loss
        due_s = now_s + min(self._draw.random() * self.network.jitter_s, _MOST_HELD_S)
        if is_lost:
            self.lost.append(number)
            return None
        if due_s < self._latest_s:
            if self.network.keeps_order:
                due_s = self._latest_s
            else:
                self.overtaken += 1
        self._latest_s = max(self._latest_s, due_s)
        return due_s

    def note_left(self, number: int, now_s: float) -> None:
        """A packet has left now; one is said each 20 ms."""
        self.transits_s.append(now_s - number * _PACKET_S)

    @property
    def strayed(self) -> int:
        """How many left clearly later than the network had them: a busy machine's doing, from their speaker on."""
        latest_s = min(self.transits_s) + self.network.jitter_s + _PACKET_S
        return sum(transit_s > latest_s for transit_s in self.transits_s)

    @property
    def lost_within(self) -> int:
        """How many were lost that a receiver can miss: those between the first and the last that got through."""
        gone, first, last = set(self.lost), 0, self.arrived - 1
        while first in gone:
            first += 1
        while last in gone:
            last -= 1
        return sum(first < number < last for number in self.lost)


class LossyRelay:
    """Relays RTP between one phone and ``target``, the daemon's port, while entered."""

    def __init__(self, target: tuple[str, int], network: BadNetwork, back: BadNetwork | None = None) -> None:
        self.to_daemon, self.to_phone = Way(network), Way(back or BadNetwork())
        self._target = target
        self._inner, self._outer = self._bound(target[0]), self._bound(target[0])
        self._phone: tuple[str, int] | None = None
        self._held: list[tuple[float, int, Way, int, bytes]] = []
        self._count = 0
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lossy-relay")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending.set()
        self._thread.join()
        self._inner.close()
        self._outer.close()

    @property
    def address(self) -> tuple[str, int]:
        """Where the phone sends."""
        name: tuple[str, int] = self._inner.getsockname()
        return name

    @property
    def outer_address(self) -> tuple[str, int]:
        """Where the daemon sees the phone."""
        name: tuple[str, int] = self._outer.getsockname()
        return name

    @staticmethod
    def _bound(ip: str) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((ip, 0))
        return made

    def _run(self) -> None:
        while not self._is_ending.is_set():
            wait_s = min(_IDLE_S, max(0.0, self._held[0][0] - time.monotonic())) if self._held else _IDLE_S
            ready, _, _ = select.select([self._inner, self._outer], [], [], wait_s)
            if self._inner in ready:
                octets, self._phone = self._inner.recvfrom(2048)
                self._hold(self.to_daemon, octets)
            if self._outer in ready:
                self._hold(self.to_phone, self._outer.recv(2048))
            while self._held and self._held[0][0] <= time.monotonic():
                self._release()

    def _hold(self, way: Way, octets: bytes) -> None:
        number, due_s = way.arrived, way.due_s(time.monotonic())
        if due_s is not None:
            self._count += 1
            heapq.heappush(self._held, (due_s, self._count, way, number, octets))

    def _release(self) -> None:
        _, _, way, number, octets = heapq.heappop(self._held)
        if way is self.to_daemon:
            self._outer.sendto(octets, self._target)
        elif self._phone is not None:
            self._inner.sendto(octets, self._phone)
        way.note_left(number, time.monotonic())
