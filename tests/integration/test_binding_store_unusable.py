"""What the store promises when something else stands in the place of its database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domain.ports import BindingRow
from location.binding_schema import APPLICATION_ID, VERSION
from location.set_aside import KEPT
from tests.kit.binding_journal import DAY_MS, VirtualClock, row
from tests.kit.stored_daemon import (
    NAME,
    StoredDaemon,
    begin,
    events,
    execute,
    fill,
    spoil_pages,
    stored_rows,
    write_garbage,
)

DATE = "20250615T150640Z"  # the virtual clock's


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


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
    "no-address": (execute("UPDATE bindings SET flow_ip = 'here' WHERE number = 7"), "damaged"),
    "nul-in-address": (execute("UPDATE bindings SET target_ip = '1.2.3.4' || char(0) WHERE number = 7"), "damaged"),
    "cseq-too-high": (execute(f"UPDATE bindings SET cseq = {2**32} WHERE number = 7"), "damaged"),
    "reg-id-too-high": (execute(f"UPDATE bindings SET reg_id = {2**32} WHERE number = 7"), "damaged"),
    "number-too-high": (execute(f"UPDATE bindings SET number = {2**63 - 1} WHERE number = 7"), "damaged"),
    "expires-too-late": (execute(f"UPDATE bindings SET expires_at_ms = {2**63 - 1} WHERE number = 7"), "damaged"),
    "heard-too-early": (execute(f"UPDATE bindings SET last_heard_ms = {-(2**63)} WHERE number = 7"), "damaged"),
    "next-number-too-high": (execute(f"UPDATE meta SET next_number = {2**63 - 1}"), "damaged"),
    "time-too-far": (execute(f"UPDATE meta SET offset_ms = {2**63 - 1}"), "damaged"),
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


def test_what_the_core_does_not_take_is_set_aside(tmp_path, monkeypatch):
    fill(tmp_path, 10)
    daemon = StoredDaemon(tmp_path, VirtualClock())
    restore = daemon.journal.restore

    def refuse(rows: Sequence[BindingRow], now_ms: int, first_number: int) -> int:
        if rows:
            raise ValueError("row 0 is no binding")
        return restore(rows, now_ms, first_number)

    monkeypatch.setattr(daemon.journal, "restore", refuse)
    with capture_logs() as logs:
        daemon.start()
    assert events(logs) == ["bindings.set_aside"]
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
