"""A daemon as its binding store sees it: started on a state directory, saved when the test says so, killed, stopped."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from domain.ports import BindingRow
from location.binding_loader import RestoredBindings
from location.binding_store import BindingStore, StoreSettings
from location.store_clock import StoreClock
from tests.kit.binding_journal import RowJournal, VirtualClock, row

MOST_S = 7200
NEVER_S = 1e6
DOMAIN = "lan"
NAME = "bindings.sqlite3"

Logs = list[Any]


class StoredDaemon:
    """One process of ours: a core, its store, and what the log says. Rounds come only when asked for."""

    def __init__(self, state_dir: Path, clock: StoreClock, listeners: tuple[str, ...] = ("0.0.0.0:5060",)) -> None:
        self.journal = RowJournal(clock)
        self.store = BindingStore(StoreSettings(state_dir, listeners, NEVER_S), self.journal, clock)
        self.restored = RestoredBindings()

    def start(self, max_expires_s: int = MOST_S) -> RestoredBindings:
        self.restored = self.store.load(max_expires_s, DOMAIN)
        self.store.start()
        return self.restored

    def save(self) -> None:
        assert self.store.save_now(30)

    def kill(self) -> None:
        """End without a last round, as far as one process can play it; tests/integration kills a real one."""
        self.store._thread._save = lambda: None
        self.store.stop()


def stored_rows(state_dir: Path) -> dict[int, BindingRow]:
    """What another program reads in the database, by number."""
    connection = sqlite3.connect(state_dir / NAME)
    try:
        return {row[0]: row for row in connection.execute("SELECT * FROM bindings")}
    finally:
        connection.close()


def events(logs: Logs) -> list[str]:
    return [each["event"] for each in logs]


def fill(state_dir: Path, count: int = 1000) -> None:
    """A database with bindings 1 to ``count``, cleanly closed."""
    daemon = StoredDaemon(state_dir, VirtualClock())
    daemon.start()
    for number in range(1, count + 1):
        daemon.journal.hear(row(number))
    daemon.store.stop()


def leave_killed(state_dir: Path, count: int) -> None:
    """A database as a process leaves it that was killed: what it wrote last is in the -wal."""
    running = state_dir.with_name("running")
    running.mkdir()
    daemon = begin(running)
    for number in range(1, count + 1):
        daemon.journal.hear(row(number))
    daemon.save()
    shutil.copytree(running, state_dir, ignore=shutil.ignore_patterns("*-shm"), dirs_exist_ok=True)
    daemon.store.stop()


def open_connection(daemon: StoredDaemon) -> sqlite3.Connection:
    """SQLite as the store has it, to inject what only it can see."""
    database = daemon.store._saver._database
    assert database is not None
    return database._connection


def begin(state_dir: Path, clock: VirtualClock | None = None) -> StoredDaemon:
    daemon = StoredDaemon(state_dir, clock or VirtualClock())
    daemon.start()
    return daemon


def write_garbage(path: Path) -> None:
    path.write_bytes(b"this is no database " * 1000)


def spoil_pages(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xa5" * (path.stat().st_size - 3 * 4096))


def execute(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return change
