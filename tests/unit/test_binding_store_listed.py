"""Whose entry config.yaml has held: kept with the bindings, until the device registers anew after its deletion."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import pytest

from location.binding_loader import RestoredBindings
from tests.kit.binding_journal import VirtualClock, changed, row
from tests.kit.stored_daemon import MOST_S, StoredDaemon


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def begin(tmp_path, clock) -> Iterator[Callable[..., StoredDaemon]]:
    """Start a daemon on the test's state directory; all are stopped at the end."""
    daemons: list[StoredDaemon] = []

    def start(listeners: tuple[str, ...] = ("0.0.0.0:5060",), max_expires_s: int = MOST_S) -> StoredDaemon:
        daemons.append(StoredDaemon(tmp_path, clock, listeners))
        daemons[-1].start(max_expires_s)
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.store.stop()


def test_listed_devices_are_told_from_those_never_written_to_the_configuration(begin, tmp_path):
    first = begin()
    uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    first.journal.hear(changed(row(1), device_uuid=uuid))
    first.journal.hear(row(2))
    first.journal.hear(row(3))
    first.store.note_listed([uuid, "user2", "user9"])
    first.save()
    first.store.note_listed([uuid])
    first.store.stop()
    second = begin()
    assert second.restored == RestoredBindings(3, frozenset({uuid, "user2", "user3"}), frozenset({uuid, "user2"}))
    second.save()
    connection = sqlite3.connect(tmp_path / "bindings.sqlite3")
    assert connection.execute("SELECT device_id FROM listed ORDER BY 1").fetchall() == [(uuid,), ("user2",)]
    connection.close()
    second.store.note_listed(["user9"])
    second.journal.hear(row(9))
    second.store.stop()
    assert "user9" in begin().restored.listed


def test_devices_are_listed_though_no_binding_changed(begin):
    first = begin()
    first.journal.hear(row(1))
    first.save()
    first.store.note_listed(["user1"])
    first.store.stop()
    assert begin().restored.listed == {"user1"}
