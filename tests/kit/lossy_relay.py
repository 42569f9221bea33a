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
        self._held: list[tuple[float, int, socket.socket, bytes, tuple[str, int]]] = []
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
                self._hold(self.to_daemon, self._outer, octets, self._target)
            if self._outer in ready:
                octets = self._outer.recv(2048)
                if self._phone is not None:
                    self._hold(self.to_phone, self._inner, octets, self._phone)
            while self._held and self._held[0][0] <= time.monotonic():
                _, _, by, octets, to = heapq.heappop(self._held)
                by.sendto(octets, to)

    def _hold(self, way: Way, by: socket.socket, octets: bytes, to: tuple[str, int]) -> None:
        due_s = way.due_s(time.monotonic())
        if due_s is not None:
            self._count += 1
            heapq.heappush(self._held, (due_s, self._count, by, octets, to))
