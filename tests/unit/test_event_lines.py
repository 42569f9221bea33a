"""Events over the control socket: lines of JSON until somebody goes."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.control_socket import SOCKET_NAME, ControlSocket, ask, follow_events
from api.event_history import EventHistory
from domain.activity_events import LivenessTold, PresenceTold, StreamEvent
from domain.errors import UserError
from tests.kit.https_server import VirtualClock

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def presence(name: str = "") -> StreamEvent:
    return StreamEvent(NOON, PresenceTold("a", name, "available", "busy", "call", 1))


@pytest.fixture
def history() -> EventHistory:
    return EventHistory("s", VirtualClock(NOON), 20)


@pytest.fixture
async def control(tmp_path, history) -> AsyncIterator[ControlSocket]:
    running = ControlSocket(tmp_path, {"devices": list}, history=history)
    await running.start()
    yield running
    await running.stop()


class Following:
    """The blocking client, read in a thread."""

    def __init__(self, lines: Iterator[dict[str, Any]] | None) -> None:
        assert lines is not None
        self._lines = lines

    async def next(self) -> dict[str, Any]:
        """The next line; empty at the end."""
        async with asyncio.timeout(10):
            return await asyncio.to_thread(next, self._lines, {})


async def follow(directory: Path, *kinds: str, last_id: str = "") -> Following:
    return Following(await asyncio.to_thread(follow_events, directory, kinds, last_id))


async def test_events_come_as_they_happen_until_the_daemon_stops(tmp_path, control, history):
    history.tell(presence())
    following = await follow(tmp_path)
    assert await following.next() == {"last_id": "s-1"}
    history.tell(presence("Attic"))
    event = await following.next()
    assert (event["id"], event["kind"], event["data"]["name"]) == ("s-2", "presence", "Attic")
    async with asyncio.timeout(5):
        await control.stop()
    assert await following.next() == {}
    assert not history._followers


async def test_what_was_missed_is_told_and_other_kinds_are_not(tmp_path, control, history):
    history.tell(presence())
    history.tell(StreamEvent(NOON, LivenessTold("a", "d", "sip:a@b", is_reachable=True)))
    history.tell(presence())
    following = await follow(tmp_path, "presence", last_id="s-1")
    assert [await following.next(), (await following.next())["id"]] == [{"last_id": "s-1"}, "s-3"]


async def test_an_id_of_an_earlier_daemon_is_answered_by_a_reset(tmp_path, control):
    following = await follow(tmp_path, last_id="t-1")
    await following.next()
    assert (await following.next())["data"] == {"reason": "restarted"}


async def test_other_questions_are_answered_as_before(tmp_path, control):
    following = await follow(tmp_path)
    await following.next()
    assert await asyncio.to_thread(ask, tmp_path, "devices") == []


@pytest.mark.parametrize("argument", ["[]", "{", '{"kinds": ["weather"]}', '{"kinds": "call"}', '{"last_event_id": 7}'])
async def test_a_question_that_cannot_be_read_is_answered_by_a_sentence(tmp_path, control, argument):
    reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_NAME)
    writer.write(f"events {argument}\n".encode())
    assert json.loads(await reader.read())["problem"]
    writer.close()


async def test_a_kind_that_there_is_not_is_told_to_the_asker(tmp_path, control):
    following = await follow(tmp_path, "weather")
    with pytest.raises(UserError, match="There are no events of the kind 'weather'"):
        await following.next()


async def test_nobody_follows_where_no_daemon_runs(tmp_path):
    assert await asyncio.to_thread(follow_events, tmp_path) is None


async def test_a_daemon_that_knows_no_events_is_of_another_version(tmp_path):
    control = ControlSocket(tmp_path, {})
    await control.start()
    following = await follow(tmp_path)
    with pytest.raises(UserError, match="of another version"):
        await following.next()
    await control.stop()


async def test_a_follower_that_goes_is_forgotten(tmp_path, control, history):
    reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_NAME)
    writer.write(b"events\n")
    assert json.loads(await reader.readline()) == {"last_id": "s-0"}
    writer.close()
    async with asyncio.timeout(5):
        while history._followers:  # noqa: ASYNC110 - the peer's end is seen by the server's task only
            await asyncio.sleep(0.01)


async def test_who_does_not_read_holds_up_nobody_and_not_the_end(tmp_path, control, history):
    """A terminal that was stopped with Ctrl-S."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, str(tmp_path / SOCKET_NAME))
        await asyncio.get_running_loop().sock_sendall(raw, b"events\n")
        quick = await follow(tmp_path)
        await quick.next()
        lines = control._event_lines
        assert lines is not None
        count = 0
        while not lines._held_up or len(lines._open) < 2:
            count += 1
            assert count < 5000, "never held up"
            history.tell(presence("x" * 20_000))
            assert (await quick.next())["id"] == f"s-{count}"
        async with asyncio.timeout(5):
            await control.stop()
        assert await quick.next() == {}


async def test_followers_are_limited(tmp_path, control, monkeypatch):
    monkeypatch.setattr("api.event_lines._MOST_FOLLOWERS", 1)
    first = await follow(tmp_path)
    await first.next()
    second = await follow(tmp_path)
    with pytest.raises(UserError, match="1 watch already"):
        await second.next()
