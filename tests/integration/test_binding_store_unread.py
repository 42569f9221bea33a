"""A database that could not be opened is read nevertheless, or as soon as it can be; it is never cleared unread."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from location.binding_database import opened_image
from tests.integration.private_disk import NOBODY, PrivateDisk, as_nobody, needs_mounts, needs_root, on_private_disk
from tests.kit.binding_journal import VirtualClock, changed, row
from tests.kit.stored_daemon import NAME, StoredDaemon, begin, events, fill, leave_killed, stored_rows


@pytest.fixture
def reachable_dir() -> Iterator[Path]:
    """A directory that another user reaches; pytest's are root's alone."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_what_could_not_be_read_at_the_start_is_restored_when_it_can_be(tmp_path):
    state_dir, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    elsewhere.mkdir()
    fill(elsewhere, 10)
    daemon = StoredDaemon(state_dir, VirtualClock())
    with capture_logs() as logs:
        daemon.start()
        daemon.journal.hear(row(3))  # registered anew, under a number that the database gave to the same contact
        daemon.journal.hear(changed(row(4), contact_uri="sip:new@10.0.0.4"))  # and one that it gave to another
        daemon.save()
        elsewhere.rename(state_dir)
        daemon.save()
    assert events(logs) == ["bindings.not_saved", "bindings.restored_late", "bindings.saved_again"]
    assert logs[1]["bindings"] == 9
    contacts = sorted(each[2] for each in stored_rows(state_dir).values())
    assert contacts == sorted(["sip:new@10.0.0.4", *(str(row(number)[2]) for number in range(1, 11))])
    assert daemon.journal.numbers() == stored_rows(state_dir).keys()
    assert daemon.journal.first_number > max(daemon.journal.numbers())
    daemon.store.stop()
    assert len(begin(state_dir).journal.numbers()) == 11


def test_what_has_expired_until_it_could_be_read_is_not_restored(tmp_path):
    state_dir, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    elsewhere.mkdir()
    clock = VirtualClock()
    earlier = begin(elsewhere, clock)
    earlier.journal.hear(row(1, expires_in_ms=60_000))
    earlier.journal.hear(row(2))
    earlier.store.note_listed(["user1@lan", "user2@lan"])
    earlier.store.stop()
    daemon = begin(state_dir, clock)
    clock.advance(60_001)
    elsewhere.rename(state_dir)
    daemon.save()
    assert daemon.journal.numbers() == {2}
    assert set(stored_rows(state_dir)) == {2}
    daemon.store.stop()
    assert begin(state_dir, clock).restored.listed == {"user2@lan"}


def test_an_unread_database_that_turns_out_damaged_is_set_aside(tmp_path):
    state_dir, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / NAME).write_bytes(b"this is no database " * 1000)
    daemon = begin(state_dir)
    daemon.journal.hear(row(1))
    elsewhere.rename(state_dir)
    with capture_logs() as logs:
        daemon.save()
    assert events(logs) == ["bindings.set_aside", "bindings.saved_again"]
    assert "not restored" in logs[0]["effect"]
    assert set(stored_rows(state_dir)) == {1}
    daemon.store.stop()


@needs_mounts
@pytest.mark.parametrize("leave", [fill, leave_killed])
def test_on_a_full_disk_without_room_for_a_copy_anywhere_all_is_read_and_kept(tmp_path, monkeypatch, leave):
    def scenario(disk: PrivateDisk) -> None:
        state_dir = disk.path / "state"
        state_dir.mkdir()
        leave(state_dir, 100)
        monkeypatch.setattr(tempfile, "tempdir", str(disk.path))
        disk.fill()
        daemon = begin(state_dir)
        assert daemon.journal.numbers() == set(range(1, 101))
        daemon.save()
        disk.make_room()
        daemon.journal.hear(row(101))
        daemon.save()
        assert set(stored_rows(state_dir)) == set(range(1, 102))
        daemon.store.stop()

    with capture_logs() as logs:
        on_private_disk(tmp_path / "disk", scenario)
    assert events(logs) == ["bindings.not_saved", "bindings.saved_again"]
    assert "full" in logs[0]["reason"]
    assert "room" in logs[0]["remedy"]


@needs_root
def test_a_database_that_may_only_be_read_is_read_and_stays_where_it_is(reachable_dir):
    fill(reachable_dir, 10)
    (reachable_dir / NAME).chmod(0o444)
    os.chown(reachable_dir, NOBODY, NOBODY)
    daemon = StoredDaemon(reachable_dir, VirtualClock())

    def serve() -> None:
        daemon.start()
        daemon.journal.hear(row(11))
        daemon.save()

    with capture_logs() as logs:
        as_nobody(serve)
        assert daemon.journal.numbers() == set(range(1, 12))
        assert [path.name for path in reachable_dir.iterdir()] == [NAME]
        os.chown(reachable_dir / NAME, NOBODY, NOBODY)
        (reachable_dir / NAME).chmod(0o600)
        daemon.save()
    assert events(logs) == ["bindings.not_saved", "bindings.saved_again"]
    assert "writable" in logs[0]["remedy"]
    assert set(stored_rows(reachable_dir)) == set(range(1, 12))
    daemon.store.stop()


@needs_root
def test_what_lies_in_a_log_of_another_user_is_restored_when_it_can_be_read(reachable_dir):
    state_dir = reachable_dir / "state"
    state_dir.mkdir()
    fill(state_dir, 10)
    shutil.copy(state_dir / NAME, reachable_dir)
    (state_dir / NAME).unlink()
    leave_killed(state_dir, 20)
    shutil.copy(reachable_dir / NAME, state_dir)
    whole = _rows_in(state_dir)
    for path in (state_dir, state_dir / NAME):
        os.chown(path, NOBODY, NOBODY)
    (state_dir / f"{NAME}-wal").chmod(0o600)
    daemon = StoredDaemon(state_dir, VirtualClock())

    def serve() -> None:
        daemon.start()
        daemon.save()

    with capture_logs() as logs:
        as_nobody(serve)
        assert daemon.journal.numbers() == set(range(1, 11))
        os.chown(state_dir / f"{NAME}-wal", NOBODY, NOBODY)
        daemon.save()
    assert events(logs) == ["bindings.not_saved", "bindings.restored_late", "bindings.saved_again"]
    assert set(stored_rows(state_dir)) == whole
    daemon.store.stop()


@pytest.mark.parametrize("seed", range(20))
def test_a_database_in_memory_holds_what_sqlite_recovers(tmp_path, seed):
    """Of a -wal cut or spoilt anywhere."""
    chance = random.Random(seed)
    running, state_dir = tmp_path / "running", tmp_path / "state"
    running.mkdir()
    daemon = begin(running)
    for number in range(1, 200):
        daemon.journal.hear(row(chance.randrange(1, 100)))
        if number % 20 == 0:
            daemon.save()
    shutil.copytree(running, state_dir, ignore=shutil.ignore_patterns("*-shm"))
    daemon.store.stop()
    wal = bytearray((state_dir / f"{NAME}-wal").read_bytes())
    if seed % 2:
        wal[chance.randrange(len(wal))] ^= 1 << chance.randrange(8)
    elif seed:
        del wal[chance.randrange(len(wal)) :]
    (state_dir / f"{NAME}-wal").write_bytes(wal)
    assert _rows_in(state_dir) == _recovered_rows(state_dir)


def _rows_in(state_dir: Path) -> set[int]:
    """As they are read into memory."""
    with opened_image(state_dir / NAME) as (database, is_whole):
        assert is_whole
        return {number for (number,) in database._connection.execute("SELECT number FROM bindings")}


def _recovered_rows(state_dir: Path) -> set[int]:
    connection = sqlite3.connect(state_dir / NAME)
    try:
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        return {number for (number,) in connection.execute("SELECT number FROM bindings")} if tables else set()
    finally:
        connection.close()
