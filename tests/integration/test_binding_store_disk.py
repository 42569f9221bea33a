"""What the store promises when the disk is full, read-only or forbidden: every failure is injected for real."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.integration.private_disk import NOBODY, PrivateDisk, as_nobody, needs_mounts, needs_root, on_private_disk
from tests.kit.binding_journal import VirtualClock, row
from tests.kit.stored_daemon import (
    NAME,
    StoredDaemon,
    begin,
    events,
    fill,
    leave_killed,
    open_connection,
    stored_rows,
    write_garbage,
)


@pytest.fixture
def reachable_dir() -> Iterator[Path]:
    """A directory that another user reaches; pytest's are root's alone."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@needs_root
def test_a_file_without_permission_is_set_aside(reachable_dir):
    """The file system rights of nobody stand for those of the daemon's user."""
    fill(reachable_dir)
    (reachable_dir / NAME).chmod(0)
    os.chown(reachable_dir, NOBODY, NOBODY)
    daemon = StoredDaemon(reachable_dir, VirtualClock())
    with capture_logs() as logs:
        as_nobody(daemon.start)
        daemon.journal.hear(row(1))
        daemon.save()
    assert events(logs) == ["bindings.set_aside"]
    assert "permission" in logs[0]["reason"]
    assert set(stored_rows(reachable_dir)) == {1}
    daemon.store.stop()


@needs_root
def test_a_directory_without_permission_is_told_once_and_used_when_there_is(reachable_dir):
    daemon = StoredDaemon(reachable_dir, VirtualClock())
    with capture_logs() as logs:
        as_nobody(daemon.start)
        daemon.journal.hear(row(1))
        daemon.save()
        os.chown(reachable_dir, NOBODY, NOBODY)
        daemon.save()
        daemon.store.stop()
    assert events(logs) == ["bindings.not_saved", "bindings.saved_again"]
    assert "permission" in logs[0]["reason"].lower()
    assert set(stored_rows(reachable_dir)) == {1}


@needs_mounts
def test_a_full_disk_is_told_once_and_everything_is_written_when_there_is_room(tmp_path):
    def scenario(disk: PrivateDisk) -> None:
        daemon = begin(disk.path)
        daemon.journal.hear(row(1))
        daemon.save()
        disk.fill()
        for number in range(1, 2001):
            daemon.journal.hear(row(number))
        daemon.save()
        daemon.journal.remove(1)
        daemon.save()
        disk.make_room()
        daemon.save()
        assert set(stored_rows(disk.path)) == set(range(2, 2001))
        daemon.store.stop()

    with capture_logs() as logs:
        on_private_disk(tmp_path / "disk", scenario)
    assert events(logs) == ["bindings.not_saved", "bindings.saved_again"]
    assert "full" in logs[0]["reason"]
    assert "room" in logs[0]["remedy"]
    assert logs[1]["bindings"] == 1999


@needs_mounts
def test_on_a_disk_that_stays_full_the_store_starts_reads_and_ends(tmp_path):
    def scenario(disk: PrivateDisk) -> None:
        fill(disk.path, 100)
        disk.fill()
        daemon = begin(disk.path)
        assert daemon.journal.numbers() == set(range(1, 101))
        daemon.journal.hear(row(101))
        daemon.store.stop()
        disk.make_room()
        assert begin(disk.path).journal.numbers() >= set(range(1, 101))

    with capture_logs() as logs:
        on_private_disk(tmp_path / "disk", scenario)
    assert events(logs)[-1] == "bindings.left_unsaved"
    assert events(logs).count("bindings.not_saved") == 1


@needs_mounts
def test_a_disk_read_only_at_the_start_is_read_and_written_when_it_is_writable(tmp_path):
    def scenario(disk: PrivateDisk) -> None:
        state_dir = disk.path / "state"
        state_dir.mkdir()
        leave_killed(state_dir, 100)
        disk.set_read_only(state_dir, is_read_only=True)
        daemon = begin(state_dir)
        assert daemon.journal.numbers() == set(range(1, 101))
        daemon.journal.hear(row(101))
        daemon.save()
        disk.set_read_only(state_dir, is_read_only=False)
        daemon.save()
        assert set(stored_rows(state_dir)) == set(range(1, 102))
        daemon.store.stop()

    with capture_logs() as logs:
        on_private_disk(tmp_path / "disk", scenario)
    assert events(logs) == ["bindings.not_saved", "bindings.saved_again"]
    assert "read-only" in logs[0]["reason"].lower()


@needs_mounts
def test_a_disk_that_becomes_read_only_is_told_once(tmp_path):
    """The kernel remounts no disk with files open for writing, but after errors: SQLite is told so in its place."""

    def scenario(disk: PrivateDisk) -> None:
        state_dir = disk.path / "state"
        state_dir.mkdir()
        daemon = begin(state_dir)
        daemon.journal.hear(row(1))
        daemon.save()
        open_connection(daemon).execute("PRAGMA query_only = 1").fetchall()
        daemon.journal.hear(row(2))
        daemon.save()
        disk.set_read_only(state_dir, is_read_only=True)
        daemon.save()
        disk.set_read_only(state_dir, is_read_only=False)
        daemon.save()
        assert set(stored_rows(state_dir)) == {1, 2}
        daemon.store.stop()

    with capture_logs() as logs:
        on_private_disk(tmp_path / "disk", scenario)
    assert events(logs) == ["bindings.not_saved", "bindings.saved_again"]
    assert "read-only" in logs[0]["reason"]


@needs_mounts
def test_a_damaged_database_on_a_read_only_disk_does_not_keep_the_daemon_from_starting(tmp_path):
    def scenario(disk: PrivateDisk) -> None:
        state_dir = disk.path / "state"
        state_dir.mkdir()
        write_garbage(state_dir / NAME)
        disk.set_read_only(state_dir, is_read_only=True)
        daemon = begin(state_dir)
        daemon.journal.hear(row(1))
        daemon.save()
        disk.set_read_only(state_dir, is_read_only=False)
        daemon.save()
        assert set(stored_rows(state_dir)) == {1}
        daemon.store.stop()

    with capture_logs() as logs:
        on_private_disk(tmp_path / "disk", scenario)
    assert events(logs) == ["bindings.not_saved", "bindings.set_aside", "bindings.saved_again"]


@needs_mounts
def test_refreshes_without_end_do_not_grow_the_log_without_limit(tmp_path):
    """Every binding refreshed again and again; the -wal stays at the size of the largest round's."""

    def scenario(disk: PrivateDisk) -> None:
        daemon = begin(disk.path)
        for number in range(1, 5001):
            daemon.journal.hear(row(number))
        daemon.save()
        sizes = []
        for refresh in range(10):
            for number in range(1, 5001):
                daemon.journal.hear(row(number, user_agent=f"Phone/{refresh}"))
            daemon.save()
            sizes.append((disk.path / f"{NAME}-wal").stat().st_size)
        assert max(sizes) <= 2 * sizes[0]
        daemon.store.stop()

    on_private_disk(tmp_path / "disk", scenario, size="64m")
