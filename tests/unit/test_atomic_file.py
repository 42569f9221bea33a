"""A file is replaced in one step, and whoever saves it at the worst moment loses nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest

from configuration import atomic_file
from configuration.atomic_file import FileChangedError, identity_of, remove_leftovers, replace_content
from configuration.file_exchange import ExchangeUnsupported, exchange


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("old")
    return path


@pytest.fixture
def before_exchange(monkeypatch):
    """Have steps done, each right before one exchange of names."""

    def plan(*steps: Callable[[], None]) -> None:
        todo = list(steps)

        def exchange_after_a_step(*names: Path) -> None:
            if todo:
                todo.pop(0)()
            exchange(*names)

        monkeypatch.setattr(atomic_file, "exchange", exchange_after_a_step)

    return plan


def save_by_rename(path: Path, text: str) -> None:
    saved = path.with_name("saved")
    saved.write_text(text)
    saved.rename(path)


def contents(directory: Path) -> dict[str, str]:
    return {one.name: one.read_text() for one in directory.iterdir()}


def replace(path: Path) -> None:
    replace_content(path, b"new", identity_of(path), b"old")


def test_save_by_rename_at_the_last_moment_stays(path, before_exchange):
    before_exchange(lambda: save_by_rename(path, "saved"))
    with pytest.raises(FileChangedError):
        replace(path)
    assert contents(path.parent) == {"config.yaml": "saved"}


def test_save_while_an_earlier_one_is_put_back_stays(path, before_exchange):
    before_exchange(lambda: save_by_rename(path, "first"), lambda: save_by_rename(path, "second"))
    with pytest.raises(FileChangedError):
        replace(path)
    assert contents(path.parent) == {"config.yaml": "second"}


def test_edit_in_place_of_what_stands_there_for_a_moment_stays(path, before_exchange):
    def edit() -> None:
        path.write_text("second")

    before_exchange(lambda: save_by_rename(path, "first"), edit)
    with pytest.raises(FileChangedError):
        replace(path)
    assert contents(path.parent) == {"config.yaml": "second"}


def test_edit_in_place_that_only_the_content_tells_stays(path, before_exchange):
    def edit() -> None:
        status = path.stat()
        path.write_text("odd")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    before_exchange(edit)
    with pytest.raises(FileChangedError):
        replace(path)
    assert contents(path.parent) == {"config.yaml": "odd"}


def test_writer_that_opened_the_file_at_the_last_moment_writes_into_the_file(path, before_exchange):
    opened: list[TextIO] = []
    before_exchange(lambda: opened.append(path.open("a")))
    with pytest.raises(FileChangedError):
        replace(path)
    with opened[0] as file:
        file.write(", and more")
    assert contents(path.parent) == {"config.yaml": "old, and more"}


def test_writer_is_found_by_what_it_writes_where_the_kernel_tells_of_none(path, before_exchange, monkeypatch):
    opened: list[TextIO] = []

    def write_once(_: float) -> None:
        if opened[0].tell() == len("old"):
            opened[0].write(", and more")
            opened[0].flush()

    before_exchange(lambda: opened.append(path.open("a")))
    monkeypatch.setattr(atomic_file, "_is_held", lambda _: None)
    monkeypatch.setattr("configuration.atomic_file.time.sleep", write_once)
    with pytest.raises(FileChangedError):
        replace(path)
    opened[0].close()
    assert contents(path.parent) == {"config.yaml": "old, and more"}


def test_what_cannot_be_read_is_put_back(path, before_exchange):
    def make_link() -> None:
        path.unlink()
        path.symlink_to("gone")

    before_exchange(make_link)
    with pytest.raises(FileChangedError):
        replace(path)
    assert [(one.name, one.is_symlink()) for one in path.parent.iterdir()] == [("config.yaml", True)]


def test_save_is_put_back_even_if_names_cannot_be_exchanged_again(path, before_exchange):
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    before_exchange(lambda: save_by_rename(path, "saved"), fail)
    with pytest.raises(FileChangedError):
        replace(path)
    assert contents(path.parent) == {"config.yaml": "saved"}


def test_file_that_is_deleted_at_the_last_moment_is_not_made_anew(path, before_exchange):
    before_exchange(path.unlink)
    with pytest.raises(FileChangedError):
        replace(path)
    assert contents(path.parent) == {}


def test_file_system_that_exchanges_no_names_gets_a_rename(path, monkeypatch):
    def refuse(*_: Path) -> None:
        raise ExchangeUnsupported

    monkeypatch.setattr(atomic_file, "exchange", refuse)
    replace(path)
    assert contents(path.parent) == {"config.yaml": "new"}


def test_names_are_exchanged_and_a_missing_file_is_told(path):
    other = path.with_name("other")
    with pytest.raises(FileNotFoundError):
        exchange(path, other)
    other.write_text("2")
    exchange(path, other)
    assert contents(path.parent) == {"config.yaml": "2", "other": "old"}


def test_symbolic_link_stays_and_its_target_is_replaced(tmp_path):
    target, link = tmp_path / "real.yaml", tmp_path / "config.yaml"
    target.write_text("old")
    link.symlink_to("real.yaml")
    replace_content(link, b"new", identity_of(link), b"old")
    assert (link.is_symlink(), target.read_text()) == (True, "new")


def test_mode_and_owner_are_kept(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("old")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12, 34)
    before = path.stat()
    replace_content(path, b"new", identity_of(path), b"old")
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_file_that_changed_since_is_not_replaced_and_nothing_is_left_behind(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("old")
    seen = identity_of(path)
    path.write_text("edited")
    with pytest.raises(FileChangedError):
        replace_content(path, b"new", seen, b"old")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("config.yaml", "edited")]


def test_failed_write_leaves_the_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    path.write_text("old")

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        replace_content(path, b"new", identity_of(path), b"old")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("config.yaml", "old")]


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    for name in ("config.yaml", ".config.yaml.screamrouter-x1", ".config.yaml.swp", "config.yaml~"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path / "config.yaml")
    assert sorted(one.name for one in tmp_path.iterdir()) == [".config.yaml.swp", "config.yaml", "config.yaml~"]


def test_save_that_was_taken_out_a_moment_before_a_kill_is_kept_where_it_is_seen(tmp_path):
    """Killed between the exchange of names and the look at what it took out."""
    path = tmp_path / "config.yaml"
    path.write_text("the daemon's")
    taken_out = tmp_path / ".config.yaml.screamrouter-abcdefgh.swap"
    taken_out.write_text("the owner's newest")
    os.utime(path, ns=(1, 1))
    (kept,) = remove_leftovers(path)
    assert (kept.name, kept.read_text()) == ("config.yaml.found-abcdefgh", "the owner's newest")
    assert path.read_text() == "the daemon's"


def test_what_an_undisturbed_exchange_left_is_removed(tmp_path):
    path = tmp_path / "config.yaml"
    taken_out = tmp_path / ".config.yaml.screamrouter-abcdefgh.swap"
    taken_out.write_text("the old")
    os.utime(taken_out, ns=(1, 1))
    path.write_text("the new")
    assert remove_leftovers(path) == []
    assert not taken_out.exists()
