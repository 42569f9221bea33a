"""Work that each turn of the event loop could ask for, at a pace that leaves the loop to others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_PAUSE_PER_WORK = 4
"""So a fifth of the loop's time at most is spent on it."""
_SHORTEST_PAUSE_S = 0.005


class Paced:
    """Calls what it is given soon, after costly work later. On the event loop's thread."""

    def __init__(self) -> None:
        self._rests_until_s = 0.0
        self._handle: asyncio.Handle | None = None

    def __call__(self, step: Callable[[], None]) -> None:
        """Do ``step`` in a later turn; to be asked for again when it was done."""
        loop = asyncio.get_running_loop()
        if self._rests_until_s - loop.time() < _SHORTEST_PAUSE_S:
            self._handle = loop.call_soon(self._do, step)
        else:
            self._handle = loop.call_at(self._rests_until_s, self._do, step)

    def stop(self) -> None:
        """What waits is not done any more; idempotent."""
        if self._handle is not None:
            self._handle.cancel()

    def _do(self, step: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        step()
        done_s = loop.time()
        self._rests_until_s = done_s + _PAUSE_PER_WORK * (done_s - began_s)
