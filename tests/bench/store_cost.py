"""What keeping bindings in SQLite costs: `PYTHONPATH=.:src python -m tests.bench.store_cost [DIRECTORY]`.

CPU (user and system, of the whole process) for each changed binding when 10,000 change in one round, with a journal of
prepared rows, so the core's own work is not in it; and the time to load 10,000 and 100,000 bindings.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from domain.ports import BindingChanges, BindingRow
from location.binding_saver import BindingSaver
from location.store_clock import HostClock
from tests.kit.binding_journal import HOUR_MS, changed, row

_BINDINGS = 10_000
_ROUNDS = 10
_LOADED = (10_000, 100_000)
_MOST_S = 7200


class PreparedJournal:
    """``domain.ports.BindingJournal`` whose changes are slices of a list."""

    def __init__(self) -> None:
        self.rows: list[BindingRow] = []
        self._taken = 0
        self.restored = 0

    def change(self, rows: list[BindingRow]) -> None:
        """All of ``rows`` changed."""
        self.rows, self._taken = rows, 0

    def take_changes(self, most: int, now_ms: int) -> BindingChanges:
        saved = self.rows[self._taken : self._taken + most]
        self._taken += most
        return BindingChanges(saved, (), is_last=self._taken >= len(self.rows))

    def retake_bindings(self) -> None:
        self._taken = 0

    def restore(self, rows: Sequence[BindingRow], now_ms: int, first_number: int) -> int:
        self.restored = len(rows)
        return self.restored


def prepared_rows(count: int) -> list[BindingRow]:
    """Bindings of phones with a UUID, which expire in an hour."""
    expires_at_ms = HostClock().wall_ms() + HOUR_MS
    uuid = "f81d4fae-7dec-11d0-a765-{:012x}"
    agent = "Linphone-Desktop/5.2.6 (reception) debian/12 Qt/5.15.8 LinphoneSDK/5.3.51 (tags/5.3.51^0)"
    return [
        changed(row(number, user_agent=agent, expires_in_ms=expires_at_ms), device_uuid=uuid.format(number))
        for number in range(1, count + 1)
    ]


def octets_of(rows: Sequence[BindingRow]) -> float:
    """The mean size of a row: its texts, and eight octets a number."""
    sizes = (sum(len(field) if isinstance(field, str | bytes) else 8 for field in each) for each in rows)
    return statistics.mean(sizes)


def measure_saving(directory: Path, is_shuffled: bool) -> list[float]:
    """Microseconds of CPU a changed binding, of each round."""
    journal, rows = PreparedJournal(), prepared_rows(_BINDINGS)
    saver = BindingSaver(directory / "bindings.sqlite3", journal, HostClock(), ["0.0.0.0:5060"])
    saver.load(_MOST_S, "lan")
    costs = []
    for _ in range(_ROUNDS + 1):
        if is_shuffled:
            random.shuffle(rows)
        journal.change(rows)
        before_ns = time.process_time_ns()
        saver.save()
        costs.append((time.process_time_ns() - before_ns) / 1000 / len(rows))
    saver.close()
    return costs[1:]  # the first round begins the database


def measure_loading(directory: Path, count: int) -> tuple[float, float]:
    """Seconds of CPU and of the wall for ``load`` of ``count`` bindings."""
    path = directory / "bindings.sqlite3"
    journal = PreparedJournal()
    saver = BindingSaver(path, journal, HostClock(), ["0.0.0.0:5060"])
    saver.load(_MOST_S, "lan")
    journal.change(prepared_rows(count))
    while saver.save() == 0:
        pass
    saver.close()
    again = PreparedJournal()
    saver = BindingSaver(path, again, HostClock(), ["0.0.0.0:5060"])
    cpu_ns, wall_ns = time.process_time_ns(), time.perf_counter_ns()
    saver.load(_MOST_S, "lan")
    cpu_s, wall_s = (time.process_time_ns() - cpu_ns) / 1e9, (time.perf_counter_ns() - wall_ns) / 1e9
    saver.close()
    if again.restored != count:
        raise SystemExit(f"{again.restored} of {count} bindings were loaded")
    return cpu_s, wall_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, help="where to put the databases")
    parent = parser.parse_args().directory
    print(f"rows of {octets_of(prepared_rows(100)):.0f} octets")
    for label, is_shuffled in (("in order", False), ("shuffled", True)):
        with tempfile.TemporaryDirectory(dir=parent) as directory:
            costs = measure_saving(Path(directory), is_shuffled)
        print(
            f"saving {_BINDINGS} changed bindings, {label}: median {statistics.median(costs):.1f} us of CPU each, "
            f"best {min(costs):.1f}, worst {max(costs):.1f} of {len(costs)} rounds"
        )
    for count in _LOADED:
        with tempfile.TemporaryDirectory(dir=parent) as directory:
            cpu_s, wall_s = measure_loading(Path(directory), count)
        print(f"loading {count} bindings: {cpu_s:.3f} s of CPU, {wall_s:.3f} s of the wall, without the core's part")


if __name__ == "__main__":
    main()
