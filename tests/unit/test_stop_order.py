"""The end of the daemon: what it knows is written, whichever disk answers."""

from __future__ import annotations

import asyncio

import pytest

from daemon import wiring
from tests.kit.binding_journal import VirtualClock, row
from tests.kit.stored_daemon import begin, stored_rows


async def test_bindings_are_saved_though_the_disk_of_the_configuration_hangs(tmp_path, monkeypatch):
    monkeypatch.setattr(wiring, "_LAST_WRITE_S", 0.01)
    daemon = begin(tmp_path, VirtualClock())
    daemon.journal.hear(row(1))
    answers = asyncio.Event()

    async def hang() -> None:
        await answers.wait()

    stopping = asyncio.create_task(wiring._stop_writers([hang], daemon.store))
    await asyncio.to_thread(daemon.store._thread._thread.join, 10)
    assert set(stored_rows(tmp_path)) == {1}
    assert not stopping.done()
    answers.set()
    await stopping


async def test_bindings_are_stopped_after_the_last_entry_was_written(tmp_path):
    daemon = begin(tmp_path, VirtualClock())
    daemon.journal.hear(row(1))

    async def write() -> None:
        daemon.store.note_listed(["user1@lan"])

    await wiring._stop_writers([write], daemon.store)
    assert begin(tmp_path).restored.listed == {"user1@lan"}


@pytest.mark.parametrize("writers", [[]])
async def test_bindings_are_stopped_though_nothing_else_began(tmp_path, writers):
    daemon = begin(tmp_path, VirtualClock())
    daemon.journal.hear(row(1))
    await wiring._stop_writers(writers, daemon.store)
    assert set(stored_rows(tmp_path)) == {1}
