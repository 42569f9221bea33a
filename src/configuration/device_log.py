"""Log lines of devices that come and go: each one by itself, but of a flood the first, and then sums."""

from __future__ import annotations

import asyncio
from collections import Counter

import structlog

_log = structlog.get_logger(__name__)
_MOST_LINES = 50
_WINDOW_S = 1.0


class DeviceLog:
    """Tells of at most 50 devices a second; how many more there were is told when the second is over.

    Every method belongs to the event loop's thread.
    """

    def __init__(self) -> None:
        self._lines = 0
        self._left_out: Counter[str] = Counter()
        self._window: asyncio.TimerHandle | None = None

    def tell(self, event: str, **fields: object) -> None:
        """Log ``event`` with ``fields``, or count it for ``<event>_many``."""
        if self._window is None:
            self._window = asyncio.get_running_loop().call_later(_WINDOW_S, self.flush)
        if self._lines < _MOST_LINES:
            self._lines += 1
            _log.info(event, **fields)
        else:
            self._left_out[event] += 1

    def flush(self) -> None:
        """Tell what was only counted until now; idempotent."""
        if self._window is not None:
            self._window.cancel()
            self._window = None
        for event, count in self._left_out.items():
            _log.info(f"{event}_many", count=count, beside=f"the first {_MOST_LINES} lines of the last second")
        self._left_out.clear()
        self._lines = 0
