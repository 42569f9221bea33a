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
    first.store.note_listed([uuid, "user2@lan", "user9@lan"])
    first.save()
    first.store.note_listed([uuid])
    first.store.stop()
    second = begin()
    assert second.restored == RestoredBindings(
        3, frozenset({uuid, "user2@lan", "user3@lan"}), frozenset({uuid, "user2@lan"})
    )
    second.save()
    connection = sqlite3.connect(tmp_path / "bindings.sqlite3")
    assert connection.execute("SELECT device_id FROM listed ORDER BY 1").fetchall() == [(uuid,), ("user2@lan",)]
    connection.close()
    second.store.note_listed(["user9@lan"])
    second.journal.hear(row(9))
    second.store.stop()
    assert "user9@lan" in begin().restored.listed


def test_devices_are_listed_though_no_binding_changed(begin):
    first = begin()
    first.journal.hear(row(1))
    first.save()
    first.store.note_listed(["user1@lan"])
    first.store.stop()
    assert begin().restored.listed == {"user1@lan"}


def test_a_device_that_registers_anew_is_not_listed_until_it_has_an_entry_again(begin):
    first = begin()
    for number in (1, 2, 3):
        first.journal.hear(row(number))
    first.store.note_listed(["user1@lan", "user2@lan"])
    first.save()
    first.store.note_unlisted("user1@lan")
    first.store.note_unlisted("user2@lan")
    first.store.note_listed(["user2@lan"])
    first.store.note_listed(["user3@lan"])
    first.store.note_unlisted("user3@lan")
    first.save()
    first.kill()
    assert begin().restored.listed == {"user2@lan"}


def test_a_device_that_registers_anew_right_after_the_start_is_not_listed(begin):
    first = begin()
    first.journal.hear(row(1))
    first.store.note_listed(["user1@lan"])
    first.save()
    first.journal.remove(1)
    first.save()
    first.kill()
    second = begin()
    second.store.note_unlisted("user1@lan")
    second.journal.hear(row(1))
    second.save()
    second.kill()
    assert begin().restored.listed == frozenset()


def test_in_another_domain_a_device_known_by_its_address_was_never_listed(begin, tmp_path, clock):
    first = begin()
    uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    first.journal.hear(row(1))
    first.journal.hear(changed(row(2), device_uuid=uuid))
    first.store.note_listed(["user1@lan", uuid])
    first.store.stop()
    second = StoredDaemon(tmp_path, clock)
    assert second.store.load(MOST_S, "Home").listed == {uuid}
    second.store.start()
    second.store.stop()
    assert begin().restored.listed == {uuid}
