"""A core's journal of bindings for tests: rows by number, with the time that each has left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from domain.ports import BINDING_FIELDS, BindingChanges, BindingRow, Octets
from location.store_clock import StoreClock

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_EXPIRES: Final = 19
_HEARD: Final = 20


class VirtualClock:
    """The host's clocks under the test's hand."""

    def __init__(self) -> None:
        self.wall = 1_750_000_000_000
        self.boottime = 5_000_000
        self.boot = "first-boot"

    def wall_ms(self) -> int:
        return self.wall

    def boottime_ms(self) -> int:
        return self.boottime

    def boot_id(self) -> str:
        return self.boot

    def advance(self, duration_ms: int) -> None:
        """Time goes by."""
        self.wall += duration_ms
        self.boottime += duration_ms

    def set_wall(self, by_ms: int) -> None:
        """Somebody sets the clock."""
        self.wall += by_ms

    def reboot(self, boot: str = "second-boot") -> None:
        """The wall clock goes on, the other begins anew."""
        self.boot = boot
        self.boottime = 20_000


class RowJournal:
    """Implements ``domain.ports.BindingJournal`` with the bindings' remaining time by the boot clock, as the core has.

    ``restored`` are the rows that were given back, with their times as they came.
    """

    def __init__(self, clock: StoreClock) -> None:
        self._clock = clock
        self._bindings: dict[int, BindingRow] = {}
        self._changed: dict[int, None] = {}
        self._removed: list[int] = []
        self.has_lost = False
        self.takes = 0
        self.retakes = 0
        self.restored: list[BindingRow] = []
        self.restored_at_ms = 0
        self.first_number = 0

    def hear(self, binding: BindingRow) -> None:
        """A binding was made or refreshed; its times are milliseconds from now."""
        self._bindings[binding[0]] = _moved(binding, self._clock.boottime_ms())
        self._changed[binding[0]] = None

    def remove(self, number: int) -> None:
        """A binding ended."""
        del self._bindings[number]
        self._changed.pop(number, None)
        self._removed.append(number)

    def lose_removals(self) -> None:
        """More was removed than the core could remember."""
        self._removed.clear()
        self.has_lost = True

    def numbers(self) -> set[int]:
        """The bindings that live."""
        return set(self._bindings)

    def left_ms(self) -> dict[int, int]:
        """How long each binding lives on."""
        return {number: row[_EXPIRES] - self._clock.boottime_ms() for number, row in self._bindings.items()}

    def take_changes(self, most: int, now_ms: int) -> BindingChanges:
        self.takes += 1
        numbers = list(self._changed)[:most]
        for number in numbers:
            del self._changed[number]
        removed, self._removed = self._removed, []
        ahead_ms = now_ms - self._clock.boottime_ms()
        saved = [_moved(self._bindings[number], ahead_ms) for number in numbers]
        return BindingChanges(saved, removed, is_last=not self._changed, has_lost=self.has_lost)

    def retake_bindings(self) -> None:
        self.retakes += 1
        self.has_lost = False
        self._changed = dict.fromkeys(self._bindings)

    def restore(self, rows: Sequence[BindingRow], now_ms: int, first_number: int) -> int:
        self.restored, self.restored_at_ms, self.first_number = list(rows), now_ms, first_number
        behind_ms = self._clock.boottime_ms() - now_ms
        unexpired = {row[0]: _moved(row, behind_ms) for row in rows if row[_EXPIRES] > now_ms}
        self._bindings.update(unexpired)
        return len(unexpired)


def row(
    number: int, *, user_agent: Octets = "Phone/1", transport: str = "udp", expires_in_ms: int = HOUR_MS
) -> BindingRow:
    """A binding of about 400 octets whose device has no UUID; its times are milliseconds from now."""
    ip = f"10.0.{number >> 8 & 255}.{number & 255}"
    return (
        number,
        f"user{number}",
        f"<sip:user{number}@{ip}:5060;transport=udp;ob>",
        f"{number:032x}@{ip}",
        7,
        "",
        f"<urn:uuid:f81d4fae-7dec-11d0-a765-{number:012x}>",
        1,
        500,
        "<sip:10.0.255.254;lr>",
        user_agent,
        "",
        b"",
        transport,
        ip,
        5060,
        ip,
        5060,
        0,
        expires_in_ms,
        0,
    )


def changed(binding: BindingRow, **fields: object) -> BindingRow:
    """The binding with other values of some fields."""
    values = dict(zip(BINDING_FIELDS, binding, strict=True)) | fields
    return tuple(values.values())  # type: ignore[return-value]  # the fields' names are BINDING_FIELDS


def _moved(binding: BindingRow, by_ms: int) -> BindingRow:
    return changed(binding, expires_at_ms=binding[_EXPIRES] + by_ms, last_heard_ms=binding[_HEARD] + by_ms)
