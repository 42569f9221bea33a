"""The core's bindings, kept in SQLite so that no restart makes a phone unreachable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from domain.ports import BindingJournal
from location.binding_loader import RestoredBindings
from location.binding_saver import BindingSaver
from location.saving_thread import SavingThread
from location.store_clock import HostClock, StoreClock

_log = structlog.get_logger(__name__)

DATABASE_NAME = "bindings.sqlite3"

_STOP_S = 5.0
"""More than a sound disk needs for 100,000 bindings, less than systemd's patience."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the database is, how far behind it may be, and the text of each listening address in the core's order."""

    state_dir: Path
    listeners: Sequence[str]
    interval_s: float = 0.5


class BindingStore:
    """``load``, then ``start``, then ``stop``; each once. In between, a thread of its own saves what changes.

    What is lost by ``kill -9`` is what changed in the last ``interval_s`` and the time of one write. Failures of the
    disk are told by the log and mended when they are over; no method raises them.
    """

    def __init__(self, settings: StoreSettings, journal: BindingJournal, clock: StoreClock | None = None) -> None:
        self._path = settings.state_dir / DATABASE_NAME
        self._saver = BindingSaver(self._path, journal, clock or HostClock(), settings.listeners)
        self._thread = SavingThread(self._saver.save, self._saver.close, settings.interval_s)

    def load(self, max_expires_s: int, domain: str) -> RestoredBindings:
        """Restore the bindings into the journal, none for longer than ``max_expires_s``; before the socket answers.

        ``domain``: that of devices which are known by their AoR.
        """
        return self._saver.load(max_expires_s, domain)

    def start(self) -> None:
        """Begin to save."""
        self._thread.start()

    def set_interval(self, interval_s: float) -> None:
        """How far behind the database may be from now on."""
        self._thread.set_interval(interval_s)

    def note_listed(self, device_ids: Iterable[str]) -> None:
        """config.yaml now holds the entries of these devices, named as there. Any thread; cheap."""
        self._saver.listed.note(device_ids)

    def note_unlisted(self, device_id: str) -> None:
        """The device, whose entry was deleted or never written, is due one. Any thread; cheap."""
        self._saver.listed.withdraw(device_id)

    def save_now(self, timeout_s: float | None = None) -> bool:
        """Save at once, even after a failure, and wait for it; False if it was not tried within ``timeout_s``."""
        return self._thread.wait_done(self._thread.run_round(), timeout_s)

    def stop(self) -> None:
        """Save everything, close and end, within a few seconds also when the disk fails; idempotent."""
        if not self._thread.stop(_STOP_S):
            _log.error("bindings.stop_given_up", path=str(self._path), reason="the disk does not answer")
