"""The devices whose entry config.yaml is known to hold: those in the database, and those on their way into it."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock


class ListedDevices:
    """Thread-safe: noted in one thread, written in another. Devices are named by their keys."""

    def __init__(self) -> None:
        self._written: frozenset[str] = frozenset()
        self._waiting: set[str] = set()
        self._lock = Lock()

    def note(self, device_keys: Iterable[str]) -> None:
        """Have the devices written, if they are not."""
        with self._lock:
            self._waiting.update(set(device_keys) - self._written)

    def waiting(self) -> frozenset[str]:
        """Those to be written."""
        with self._lock:
            return frozenset(self._waiting)

    def written(self) -> frozenset[str]:
        """Those that were written to the database, which may have been lost since."""
        return self._written

    def set_written(self, device_keys: frozenset[str]) -> None:
        """The database holds ``device_keys``."""
        with self._lock:
            self._written = device_keys
            self._waiting -= device_keys
