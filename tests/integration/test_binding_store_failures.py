"""What the store promises when the process is killed, or others touch its database while it runs."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from location.store_clock import HostClock
from tests.kit.binding_journal import VirtualClock, row
from tests.kit.stored_daemon import (
    DOMAIN,
    MOST_S,
    NAME,
    StoredDaemon,
    begin,
    events,
    fill,
    open_connection,
    spoil_pages,
    stored_rows,
)

ROOT = Path(__file__).parents[2]

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


def test_a_database_deleted_under_us_is_written_anew_though_nothing_changes(tmp_path):
    daemon = begin(tmp_path)
    daemon.journal.hear(row(1))
    daemon.journal.hear(row(2))
    daemon.store.note_listed(["user1@lan"])
    daemon.save()
    for path in tmp_path.iterdir():
        path.unlink()
    with capture_logs() as logs:
        daemon.save()
        daemon.save()
    assert events(logs) == ["bindings.database_gone"]
    assert set(stored_rows(tmp_path)) == {1, 2}
    daemon.store.stop()
    assert begin(tmp_path).restored.listed == {"user1@lan"}


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
    saver.load(MOST_S, DOMAIN)
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
