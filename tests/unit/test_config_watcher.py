"""Edits are noticed however they are made; a file that is invalid for a moment is not shouted about."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from configuration.config_rewrite import FileBusy
from configuration.config_watcher import ConfigWatcher, WatchTiming
from configuration.file_route import route_to
from configuration.problem import ConfigRejected, Problem

BY_NOTICE = WatchTiming(look_s=3600, patience_s=0.05, most_patience_s=0.2)
BY_LOOKING = WatchTiming(look_s=0.01, patience_s=0.05, most_patience_s=0.2)
BAD = ConfigRejected([Problem(Path("c"), "wrong")])


class FakeFile:
    """What ``sync`` finds: a plan of outcomes, the last one for ever."""

    def __init__(self) -> None:
        self.plan: list[bool | Exception] = [False]
        self.reads = 0
        self.was_read = asyncio.Event()

    async def sync(self) -> bool:
        self.reads += 1
        self.was_read.set()
        outcome = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def next_read(self) -> None:
        self.was_read.clear()
        await asyncio.wait_for(self.was_read.wait(), 2)


@pytest.fixture
def file():
    return FakeFile()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "dir" / "config.yaml"
    path.parent.mkdir()
    path.write_text("a")
    return path


@pytest.fixture
async def watch(file):
    started = []

    async def start(path: Path, timing: WatchTiming = BY_NOTICE) -> ConfigWatcher:
        watcher = ConfigWatcher(path, file.sync, timing)
        started.append(watcher)
        watcher.start()
        await file.next_read()
        await settled(file)
        return watcher

    yield start
    for watcher in started:
        await watcher.stop()


async def settled(file: FakeFile) -> None:
    """The kernel's notices so far have been taken."""
    reads = -1
    while reads != file.reads:
        reads = file.reads
        await asyncio.sleep(0.02)


def truncate_and_write(path: Path) -> None:
    path.write_text("b")


def rename_over(path: Path) -> None:
    (path.parent / "new").write_text("b")
    (path.parent / "new").rename(path)


def keep_backup(path: Path) -> None:
    path.rename(path.with_suffix(".yaml~"))
    path.write_text("b")


def delete(path: Path) -> None:
    path.unlink()


def append(path: Path) -> None:
    with path.open("a") as opened:
        opened.write("b")


def allow_nobody(path: Path) -> None:
    path.chmod(0)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_link(path: Path) -> None:
    (path.parent / "other").write_text("b")
    path.unlink()
    path.symlink_to("other")


def write_with_old_times(path: Path) -> None:
    before = path.stat()
    path.write_text("b")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


EDITS = [
    truncate_and_write,
    rename_over,
    keep_backup,
    delete,
    append,
    allow_nobody,
    replace_by_directory,
    replace_by_link,
    write_with_old_times,
]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("timing", [BY_NOTICE, BY_LOOKING], ids=["notice", "looking"])
async def test_edit_is_noticed(file, path, watch, edit, timing):
    await watch(path, timing)
    edit(path)
    await file.next_read()


async def test_edit_is_noticed_without_inotify(file, path, watch, monkeypatch):
    def refuse(_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("configuration.inotify.DirectoryNotices.start", refuse)
    with capture_logs() as logs:
        await watch(path, BY_LOOKING)
    assert [log["event"] for log in logs] == ["config.watch_degraded"]
    rename_over(path)
    await file.next_read()


async def test_replaced_directory_is_noticed_and_watched_from_then_on(file, path, watch):
    watcher = await watch(path, WatchTiming(look_s=0.05))
    path.parent.rename(path.parent.with_name("old"))
    path.parent.mkdir()
    path.write_text("b")
    await file.next_read()
    await settled(file)
    watcher._looker.cancel()
    truncate_and_write(path)
    await file.next_read()


async def test_targets_of_links_are_watched_wherever_they_are(file, tmp_path, watch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(name)
    (tmp_path / "current").symlink_to("one")
    link = tmp_path / "link.yaml"
    link.symlink_to(tmp_path / "current" / "config.yaml")
    await watch(link)
    truncate_and_write(tmp_path / "one" / "config.yaml")
    await file.next_read()
    await settled(file)
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "current")  # as configuration systems swap a whole directory
    await file.next_read()
    await settled(file)
    truncate_and_write(tmp_path / "two" / "config.yaml")
    await file.next_read()


async def test_other_files_beside_it_are_none_of_ours(file, path, watch):
    await watch(path)
    reads = file.reads
    for name in (".config.yaml.swp", "config.yaml~", "4913", ".config.yaml.screamrouter-abc"):
        (path.parent / name).write_text("x")
    await settled(file)
    assert file.reads == reads


async def test_file_that_is_invalid_for_a_moment_is_not_told(file, path, watch):
    await watch(path)
    file.plan = [BAD, True]
    with capture_logs() as logs:
        truncate_and_write(path)
        await file.next_read()
        truncate_and_write(path)
        await file.next_read()
        await settled(file)
    assert logs == []


async def test_file_that_stays_invalid_is_told_once_with_all_problems_and_once_when_mended(file, path, watch):
    await watch(path)
    two = ConfigRejected([Problem(path, "first"), Problem(path, "second")])
    file.plan = [two]
    with capture_logs() as logs:
        for _ in range(3):
            truncate_and_write(path)
            await file.next_read()
            await asyncio.sleep(0.1)
        file.plan = [True]
        truncate_and_write(path)
        await file.next_read()
        await settled(file)
    assert [log["event"] for log in logs] == ["config.rejected", "config.accepted"]
    assert logs[0]["problems"] == [f"{path}: first", f"{path}: second"]


async def test_file_that_is_edited_all_the_time_and_stays_invalid_is_told(file, path, watch):
    await watch(path)
    file.plan = [BAD]
    with capture_logs() as logs:
        async with asyncio.timeout(5):
            while not logs:
                truncate_and_write(path)
                await asyncio.sleep(0.01)
    assert logs[0]["event"] == "config.rejected"


async def test_busy_file_is_read_again(file, path, watch):
    await watch(path, BY_LOOKING)
    file.plan = [FileBusy("busy"), FileBusy("busy"), True]
    truncate_and_write(path)
    for _ in range(3):
        await file.next_read()
    assert file.plan == [True]


async def test_who_asks_is_told_at_once_whatever_the_outcome(file, path, watch):
    watcher = await watch(path, WatchTiming(look_s=3600, patience_s=3600))
    with capture_logs() as logs:
        watcher.read_now()
        await file.next_read()
        for outcome in (BAD, BAD, True):
            file.plan = [outcome]
            watcher.read_now()
            await file.next_read()
        await settled(file)
    events = ["config.unchanged", "config.rejected", "config.rejected", "config.accepted"]
    assert [log["event"] for log in logs] == events


async def test_stop_ends_while_an_invalid_file_is_waited_for(file, path, watch):
    watcher = await watch(path, WatchTiming(look_s=3600, patience_s=3600, most_patience_s=3600))
    file.plan = [BAD]
    truncate_and_write(path)
    await file.next_read()
    await asyncio.wait_for(watcher.stop(), 1)
    await watcher.stop()


def test_route_ends_where_links_lead_in_a_circle(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert route_to(tmp_path / "a").directories == {tmp_path}


def test_route_of_a_missing_file_has_the_directory_that_would_hold_it(tmp_path):
    assert route_to(tmp_path / "x" / "c.yaml").names == {(tmp_path / "x", "c.yaml")}


async def test_round_that_fails_unforeseen_is_told_once_and_tried_again(watch, file, path):
    watcher = await watch(path, WatchTiming(look_s=3600, retry_s=0.01))
    file.plan = [IndexError("odd"), IndexError("odd"), True]
    with capture_logs() as logs:
        watcher.read_now()
        for _ in range(3):
            await file.next_read()
        await settled(file)
    assert [(log["event"], log["log_level"]) for log in logs] == [("config.watch_crashed", "error")]
    reads = file.reads
    path.write_text("edited")
    await file.next_read()
    assert file.reads > reads


async def test_stop_does_not_wait_for_a_hung_disk(path):
    is_hung = asyncio.Event()

    async def hang() -> bool:
        is_hung.set()
        await asyncio.Event().wait()
        return False

    watcher = ConfigWatcher(path, hang, WatchTiming(look_s=3600, stop_s=0.01))
    watcher.start()
    await is_hung.wait()
    await asyncio.wait_for(watcher.stop(), 5)
