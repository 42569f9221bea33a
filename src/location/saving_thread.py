"""The thread that saves: a round now and then, one at once when asked, a last one at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

_log = structlog.get_logger(__name__)

_AFTER_CRASH_S = 30.0


class SavingThread:
    """Calls ``save`` every ``interval_s``, or when it says that it wants to be called again; at the end ``close``."""

    def __init__(self, save: Callable[[], float | None], close: Callable[[], None], interval_s: float) -> None:
        self._save = save
        self._close = close
        self._interval_s = interval_s
        self._changed = threading.Condition()
        self._rounds_wanted = 0
        self._rounds_done = 0
        self._is_stopping = False
        self._has_ended = False
        # A daemon thread: a disk that never answers shall not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="binding-store", daemon=True)

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def set_interval(self, interval_s: float) -> None:
        """Valid from now on."""
        with self._changed:
            self._interval_s = interval_s
        self.run_round()

    def run_round(self) -> int:
        """Have a round begun at once, whatever the pause; return its number for ``wait_done``."""
        with self._changed:
            self._rounds_wanted += 1
            self._changed.notify_all()
            return self._rounds_wanted

    def wait_done(self, number: int, timeout_s: float | None) -> bool:
        """Wait for the end of a round that began after ``run_round`` gave ``number``; whether it came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._rounds_done >= number or self._has_ended, timeout_s)
            return self._rounds_done >= number

    def stop(self, timeout_s: float) -> bool:
        """Save once more, close and end; whether that was done in time. Idempotent."""
        with self._changed:
            is_first, self._is_stopping = not self._is_stopping, True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        elif is_first:
            self._close()
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause_s: float | None = None
        while not self._is_stopping:
            pause_s = self._run_one(pause_s)
        while self._run_guarded() == 0:
            pass
        self._close()
        with self._changed:
            self._rounds_done, self._has_ended = self._rounds_wanted, True
            self._changed.notify_all()

    def _run_one(self, pause_s: float | None) -> float | None:
        with self._changed:
            wait_s = self._interval_s if pause_s is None else pause_s
            self._changed.wait_for(lambda: self._is_stopping or self._rounds_wanted > self._rounds_done, wait_s)
            wanted = self._rounds_wanted
            if self._is_stopping:
                return None
        pause_s = self._run_guarded()
        if pause_s != 0:
            with self._changed:
                self._rounds_done = wanted
                self._changed.notify_all()
        return pause_s

    def _run_guarded(self) -> float | None:
        try:
            return self._save()
        except Exception:  # noqa: BLE001 - the loop's edge: a fault of ours must not end the saving for good
            _log.exception("bindings.saving_crashed", next=f"tried again in {_AFTER_CRASH_S:.0f} s")
            return _AFTER_CRASH_S
