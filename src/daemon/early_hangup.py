"""SIGHUP while the daemon starts, which would end the process: kept until there is something to re-read."""

from __future__ import annotations

import signal


class EarlyHangup:
    """``hold`` first of all; ``has_come`` says, once the signal has its real handler, whether that missed one."""

    def __init__(self) -> None:
        self.has_come = False

    def hold(self) -> None:
        """From now on SIGHUP is remembered. The main thread's."""
        signal.signal(signal.SIGHUP, self._note)

    def _note(self, *_: object) -> None:
        self.has_come = True
