"""Many good watchers of one device, driven together: each answers at once, and it is known when each knew what."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from typing import Self

from tests.kit.sip_peer import ANSWER_S, SipPeer
from tests.kit.watch import Watch


class Crowd:
    """``size`` watchers of ``user``, registered and subscribed once entered; each has a socket of its own."""

    def __init__(self, server: tuple[str, int], user: str, size: int = 50) -> None:
        self._watches = [Watch(SipPeer(server, user=f"crowd-{number}"), user) for number in range(size)]
        self._selector = selectors.DefaultSelector()
        self.last_told = [""] * size
        """The last document that each was sent."""

    def __enter__(self) -> Self:
        for index, watch in enumerate(self._watches):
            assert watch.peer.register().status == 200
            assert watch.subscribe().status == 200
            self.last_told[index] = watch.next_notify().body.decode()
            self._selector.register(watch.peer.own_file(), selectors.EVENT_READ, index)
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for watch in self._watches:
            watch.peer.close()

    def told_within_s(self, change: Callable[[], str]) -> float:
        """How long after ``change`` began the last of them was told a document with the word that it returns."""
        began = time.monotonic()
        word = change()
        while not all(word in told for told in self.last_told):
            left_s = began + ANSWER_S - time.monotonic()
            missing = sum(word not in told for told in self.last_told)
            assert left_s > 0, f"{missing} were not told {word!r}"
            self._take(left_s)
        return time.monotonic() - began

    def _take(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            peer = self._watches[key.data].peer
            request = peer.receive()
            assert request.method in {"NOTIFY", "OPTIONS"}, request.start_line
            peer.answer(request)
            if request.method == "NOTIFY":
                self.last_told[key.data] = request.body.decode()
