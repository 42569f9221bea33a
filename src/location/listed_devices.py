"""The devices whose entry config.yaml has held: those in the database, on their way into it, or out of it."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock


class ListedDevices:
    """Thread-safe: noted in one thread, written in another. Devices are named as in config.yaml."""

    def __init__(self) -> None:
        self._written: frozenset[str] | None = None  # while nobody knows
        self._waiting: set[str] = set()
        self._withdrawn: set[str] = set()
        self._lock = Lock()

    def note(self, device_ids: Iterable[str]) -> None:
        """Have the devices written, if they are not."""
        with self._lock:
            noted = set(device_ids)
            self._withdrawn -= noted
            self._waiting |= noted - (self._written or frozenset())

    def withdraw(self, device_id: str) -> None:
        """Have the device removed, if it was or may have been written."""
        with self._lock:
            if self._written is None or device_id in self._written or device_id in self._waiting:
                self._waiting.discard(device_id)
                self._withdrawn.add(device_id)
                self._written = None if self._written is None else self._written - {device_id}

    def waiting(self) -> frozenset[str]:
        """Those to be written."""
        with self._lock:
            return frozenset(self._waiting)

    def withdrawn(self) -> frozenset[str]:
        """Those to be removed."""
        with self._lock:
            return frozenset(self._withdrawn)

    def written(self) -> frozenset[str]:
        """Those that were written to the database, which may have been lost since."""
        return self._written or frozenset()

    def set_written(self, device_ids: frozenset[str], removed: frozenset[str] = frozenset()) -> None:
        """The database holds ``device_ids``; ``removed`` were removed. What was asked for meanwhile still waits."""
        with self._lock:
            self._withdrawn -= removed
            self._written = device_ids - self._withdrawn
            self._waiting -= device_ids
