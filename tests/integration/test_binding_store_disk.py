"""What the store promises when the disk, the database or the process fails: every failure is injected for real."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from location.binding_schema import APPLICATION_ID, VERSION
from location.set_aside import KEPT
from location.store_clock import HostClock
from tests.integration.private_disk import NOBODY, PrivateDisk, as_nobody, on_private_disk, why_impossible
from tests.kit.binding_journal import DAY_MS, VirtualClock, row
from tests.kit.stored_daemon import MOST_S, StoredDaemon, stored_rows

ROOT = Path(__file__).parents[2]
NAME = "bindings.sqlite3"
DATE = "20250615T150640Z"  # the virtual clock's

needs_mounts = pytest.mark.skipif(why_impossible() is not None, reason=str(why_impossible()))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")

Logs = list[Any]


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


# ---- killed ----

WRITER = """
import sys
from pathlib import Path
from location.store_clock import HostClock
from tests.kit.binding_journal import row
from tests.kit.stored_daemon import StoredDaemon
daemon = StoredDaemon(Path(sys.argv[1]), HostClock())
daemon.start()
for number in range(1, 1_000_000):
    daemon.journal.hear(row(number))
    if number % 50 == 0:
        daemon.save()
        print(number, flush=True)
"""


@pytest.mark.parametrize("rounds", [1, 2, 3, 5, 8, 13, 40])
def test_what_was_saved_before_a_kill_is_there_after_it(tmp_path, rounds):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(rounds)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().splitlines()]
    daemon = StoredDaemon(tmp_path, HostClock())
    with capture_logs() as logs:
        daemon.start()
    assert logs == []
    assert set(range(1, told[-1] + 1)) <= daemon.journal.numbers() <= set(range(1, told[-1] + 51))
    daemon.store.stop()


def test_of_a_log_cut_in_half_the_first_rounds_are_kept(tmp_path):
    """As a power cut on a disk that lies about syncing: SQLite takes the whole transactions and no more."""
    running = tmp_path / "running"
    running.mkdir()
    daemon = begin(running)
    for number in range(1, 101):
        daemon.journal.hear(row(number))
        daemon.save()
    cut = tmp_path / "cut"
    shutil.copytree(running, cut, ignore=shutil.ignore_patterns("*-shm"))
    daemon.store.stop()
    log = cut / f"{NAME}-wal"
    os.truncate(log, log.stat().st_size // 2)
    with capture_logs() as logs:
        again = begin(cut)
    count = len(again.journal.numbers())
    assert again.journal.numbers() == set(range(1, count + 1))
    assert 10 < count < 90
    assert logs == []
    again.store.stop()


# ---- a database that cannot be used ----


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


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


def become_foreign(path: Path) -> None:
    path.unlink()
    execute("CREATE TABLE recipes (name TEXT)")(path)


def become_directory(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "something").touch()


UNUSABLE = {
    "truncated": (truncate, "damaged"),
    "garbage": (write_garbage, "damaged"),
    "spoilt-pages": (spoil_pages, "damaged"),
    "no-such-column": (execute("ALTER TABLE bindings DROP COLUMN path"), "damaged"),
    "no-such-table": (execute("DROP TABLE meta"), "damaged"),
    "no-binding": (execute("UPDATE bindings SET flow_port = 'x' WHERE number = 7"), "damaged"),
    "no-text": (execute("UPDATE bindings SET flow_ip = CAST(x'ff' AS TEXT) WHERE number = 7"), "damaged"),
    "no-meta": (execute("UPDATE meta SET offset_ms = 'x'"), "damaged"),
    "newer": (execute(f"PRAGMA user_version = {VERSION + 1}"), "newer"),
    "other-program": (execute(f"PRAGMA application_id = {APPLICATION_ID + 1}"), "foreign"),
    "foreign": (become_foreign, "foreign"),
    "directory": (become_directory, "foreign"),
}


@pytest.mark.parametrize(("spoil", "kind"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_used_is_set_aside_and_a_new_database_begun(tmp_path, spoil, kind):
    fill(tmp_path)
    spoil(tmp_path / NAME)
    with capture_logs() as logs:
        daemon = begin(tmp_path)
        daemon.journal.hear(row(5))
        daemon.save()
    assert events(logs) == ["bindings.set_aside"]
    assert logs[0]["kept_as"] == str(tmp_path / f"{NAME}.{kind}-{DATE}")
    assert logs[0]["log_level"] == "warning"
    assert all(logs[0][field] for field in ("path", "reason", "effect", "remedy"))
    assert Path(logs[0]["kept_as"]).exists()
    assert daemon.journal.restored == []
    assert set(stored_rows(tmp_path)) == {5}
    daemon.store.stop()


def test_what_is_set_aside_overwrites_nothing_set_aside_before(tmp_path):
    contents = {b"garbage %d " % number * 1000 for number in range(KEPT)}
    for content in contents:
        (tmp_path / NAME).write_bytes(content)
        begin(tmp_path).store.stop()
    assert {path.read_bytes() for path in tmp_path.glob(f"{NAME}.damaged-{DATE}*")} == contents


def test_of_the_damaged_the_newest_are_kept(tmp_path):
    clock, contents = VirtualClock(), []
    for number in range(KEPT + 3):
        contents.append(b"garbage %d " % number * 1000)
        (tmp_path / NAME).write_bytes(contents[-1])
        clock.advance(1000)
        begin(tmp_path, clock).store.stop()
        assert {path.read_bytes() for path in tmp_path.glob(f"{NAME}.damaged-*")} == set(contents[-KEPT:])
    clock.set_wall(-DAY_MS)
    (tmp_path / NAME).write_bytes(b"garbage of yesterday " * 1000)
    begin(tmp_path, clock).store.stop()
    aside = {path.read_bytes() for path in tmp_path.glob(f"{NAME}.damaged-*")}
    assert aside == {b"garbage of yesterday " * 1000, *contents[1 - KEPT :]}


def test_a_foreign_thing_is_never_deleted_and_its_log_goes_with_it(tmp_path):
    for _ in range(KEPT + 2):
        become_directory(tmp_path / NAME)
        (tmp_path / f"{NAME}-wal").touch()
        begin(tmp_path).store.stop()
    directories = {path for path in tmp_path.iterdir() if path.is_dir()}
    assert len(directories) == KEPT + 2
    assert all((tmp_path / f"{path.name}-wal").exists() for path in directories)


def test_a_database_begun_by_a_process_that_was_killed_then_is_begun_again(tmp_path):
    execute("PRAGMA journal_mode = WAL")(tmp_path / NAME)
    with capture_logs() as logs:
        daemon = begin(tmp_path)
        daemon.journal.hear(row(1))
        daemon.save()
    assert logs == []
    assert set(stored_rows(tmp_path)) == {1}
    daemon.store.stop()


def test_a_missing_directory_is_told_once_and_used_when_it_is_there(tmp_path):
    state_dir = tmp_path / "state"
    daemon = StoredDaemon(state_dir, VirtualClock())
    with capture_logs() as logs:
        daemon.start()
        daemon.journal.hear(row(1))
        daemon.save()
        daemon.save()
        state_dir.mkdir()
        daemon.journal.hear(row(2))
        daemon.save()
    assert events(logs) == ["bindings.not_saved", "bindings.saved_again"]
    assert str(state_dir) in logs[0]["remedy"]
    assert logs[1]["bindings"] == 2
    assert set(stored_rows(state_dir)) == {1, 2}
    daemon.store.stop()


# ---- while running ----


def test_a_database_deleted_under_us_is_written_anew_though_nothing_changes(tmp_path):
    daemon = begin(tmp_path)
    daemon.journal.hear(row(1))
    daemon.journal.hear(row(2))
    daemon.store.note_listed(["user1"])
    daemon.save()
    for path in tmp_path.iterdir():
        path.unlink()
    with capture_logs() as logs:
        daemon.save()
        daemon.save()
    assert events(logs) == ["bindings.database_gone"]
    assert set(stored_rows(tmp_path)) == {1, 2}
    daemon.store.stop()
    assert begin(tmp_path).restored.listed == {"user1"}


def test_a_log_deleted_under_us_loses_nothing(tmp_path):
    daemon = begin(tmp_path)
    daemon.journal.hear(row(1))
    daemon.save()
    (tmp_path / f"{NAME}-wal").unlink()
    daemon.save()
    (tmp_path / "copy").mkdir()
    for path in tmp_path.glob(f"{NAME}*"):
        shutil.copy(path, tmp_path / "copy")
    assert set(stored_rows(tmp_path / "copy")) == {1}
    daemon.store.stop()


def test_a_database_damaged_under_us_is_set_aside_and_written_anew(tmp_path):
    daemon = begin(tmp_path)
    for number in range(1, 1001):
        daemon.journal.hear(row(number))
    daemon.save()
    connection = open_connection(daemon)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute("PRAGMA shrink_memory").fetchall()
    spoil_pages(tmp_path / NAME)
    daemon.journal.hear(row(500))
    with capture_logs() as logs:
        daemon.save()
    assert events(logs) == ["bindings.set_aside"]
    assert set(stored_rows(tmp_path)) == set(range(1, 1001))
    daemon.store.stop()


def test_a_lock_of_another_program_is_told_once_and_waited_for(tmp_path):
    daemon = begin(tmp_path)
    daemon.journal.hear(row(1))
    daemon.save()
    other = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    daemon.journal.hear(row(2))
    with capture_logs() as logs:
        daemon.save()
        daemon.journal.remove(1)
        daemon.save()
        other.execute("ROLLBACK")
        daemon.save()
    other.close()
    assert events(logs) == ["bindings.not_saved", "bindings.saved_again"]
    assert "another program" in logs[0]["reason"]
    assert set(stored_rows(tmp_path)) == {2}
    daemon.store.stop()


def test_a_database_locked_at_the_start_is_read_nevertheless(tmp_path):
    fill(tmp_path, 10)
    other = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    other.execute("BEGIN EXCLUSIVE")
    with capture_logs() as logs:
        daemon = begin(tmp_path)
    assert events(logs) == ["bindings.not_saved"]
    assert daemon.journal.numbers() == set(range(1, 11))
    other.execute("ROLLBACK")
    other.close()
    daemon.save()
    daemon.store.stop()
    assert begin(tmp_path).restored.bindings == 10


def test_after_a_failure_the_store_tries_again_by_itself_ever_more_seldom(tmp_path):
    daemon = StoredDaemon(tmp_path / "missing", VirtualClock())
    saver = daemon.store._saver
    saver.load(MOST_S)
    assert [saver.save() for _ in range(8)] == [2, 4, 8, 16, 30, 30, 30, 30]
    (tmp_path / "missing").mkdir()
    assert saver.save() is None
    shutil.rmtree(tmp_path / "missing")
    assert saver.save() == 1


def test_the_thread_waits_as_long_as_the_failure_asks(tmp_path):
    """And a fault of ours is tried again too, not the end of all saving."""
    daemon = StoredDaemon(tmp_path, VirtualClock())
    answers: list[float | RuntimeError | None] = [0.001, RuntimeError("ours"), 0.001, None]
    done = threading.Event()

    def save() -> float | None:
        answer = answers.pop(0) if answers else None
        if not answers:
            done.set()
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    daemon.store._thread._save = save
    daemon.store._thread.start()
    with capture_logs() as logs:
        assert daemon.store.save_now(30)
        while len(answers) > 2:
            assert daemon.store.save_now(30)
        assert daemon.store.save_now(30)
        assert daemon.store.save_now(30)
    assert events(logs) == ["bindings.saving_crashed"]
    assert done.wait(30)
    daemon.store.stop()


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


# ---- a disk of its own ----


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
