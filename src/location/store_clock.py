"""The time that kept bindings are dated by: a wall clock that nobody can set.

A row's times are ``boot time + offset``. The offset is the difference of wall and boot time at the moment when the
database was begun, and is kept in it. Within one boot a wall clock set back or forward by a day, even while the daemon
is down, changes nothing that was written; after another boot the wall clock is all there is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

JUMP_MS = 2_000
"""Wall and boot time run alike, as NTP slews both; a difference beyond this is a clock that was set."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class StoreClock(Protocol):
    """The edge where the host's time enters."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970, as the host believes."""
        ...

    def boottime_ms(self) -> int:
        """Milliseconds since the host was booted, suspension included."""
        ...

    def boot_id(self) -> str:
        """What tells one boot from another; empty where the host does not say."""
        ...


class HostClock:
    """The clocks of the kernel."""

    def wall_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1_000_000

    def boottime_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def boot_id(self) -> str:
        try:
            return _BOOT_ID.read_text().strip()
        except OSError:
            return ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a row's times count from, during one boot."""

    boot_id: str
    offset_ms: int

    def now_ms(self, clock: StoreClock) -> int:
        """This moment, as rows are dated."""
        return clock.boottime_ms() + self.offset_ms

    def has_jumped(self, clock: StoreClock) -> bool:
        """Whether the wall clock was set since the timeline began."""
        return abs(_offset_ms(clock) - self.offset_ms) > JUMP_MS


def begin_timeline(clock: StoreClock) -> Timeline:
    """A timeline that agrees with the wall clock now."""
    return Timeline(clock.boot_id(), _offset_ms(clock))


def resume_timeline(kept: Timeline | None, clock: StoreClock) -> Timeline:
    """The ``kept`` timeline if it is of this boot, else one by the wall clock."""
    if kept is not None and kept.boot_id and kept.boot_id == clock.boot_id():
        return kept
    return begin_timeline(clock)


def _offset_ms(clock: StoreClock) -> int:
    return clock.wall_ms() - clock.boottime_ms()
