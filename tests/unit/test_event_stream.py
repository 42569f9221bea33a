"""``GET /api/events`` at the real server over TLS: resume, reset, slow readers, limits, the end."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from api.event_history import EventHistory
from api.http_surroundings import HttpLimits
from api.source_guard import NetworkGuard
from domain.access import NetworkRule
from domain.activity_events import LivenessTold, PresenceTold, StreamEvent
from tests.kit.https_server import ServedHttps, VirtualClock, served_https

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOST_KEPT = 20


def presence(note: str = "") -> StreamEvent:
    return StreamEvent(NOON, PresenceTold("a", note, "available", "busy", "call", 1))


def liveness() -> StreamEvent:
    return StreamEvent(NOON, LivenessTold("a", "d", "sip:a@192.0.2.7", is_reachable=False))


@pytest.fixture
def history() -> EventHistory:
    return EventHistory("s", VirtualClock(NOON), MOST_KEPT)


@pytest.fixture
async def served(tmp_path, history) -> AsyncIterator[ServedHttps]:
    async with served_https(tmp_path, events=history) as running:
        yield running


class Stream:
    """The blocks of a stream, each as its fields; a comment's name is empty."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        raise EOFError

    async def event(self) -> dict[str, Any]:
        block = await self.block()
        document: dict[str, Any] = json.loads(block["data"])
        assert (block["id"], block["event"]) == (document["id"], document["kind"])
        return document


@asynccontextmanager
async def opened(served: ServedHttps, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    async with (
        httpx.AsyncClient(base_url=served.url, verify=served.trust, trust_env=False, timeout=10) as client,
        client.stream("GET", f"/api/events{query}", headers=headers) as response,
    ):
        yield Stream(response)


async def test_a_stream_says_from_where_on_it_tells_and_then_tells_live(served, history):
    history.tell(presence())
    async with opened(served) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"] == "no-store"
        assert await stream.block() == {"retry": "2000", "id": "s-1"}
        history.tell(presence("Attic"))
        event = await stream.event()
    assert (event["id"], event["kind"], event["data"]["name"]) == ("s-2", "presence", "Attic")
    assert datetime.fromisoformat(event["at"]) == NOON


@pytest.mark.parametrize(("query", "headers"), [("", {"Last-Event-ID": "s-1"}), ("?last_event_id=s-1", {})])
async def test_who_comes_back_gets_what_came_meanwhile(served, history, query, headers):
    for _ in range(3):
        history.tell(presence())
    async with opened(served, query, **headers) as stream:
        await stream.block()
        assert [(await stream.event())["id"] for _ in range(2)] == ["s-2", "s-3"]


@pytest.mark.parametrize(("last_id", "reason"), [("t-7", "restarted"), ("s-1", "too_old")])
async def test_who_missed_events_gets_a_reset_and_goes_on(served, history, last_id, reason):
    for _ in range(MOST_KEPT + 2):
        history.tell(presence())
    async with opened(served, **{"Last-Event-ID": last_id}) as stream:
        await stream.block()
        reset = await stream.event()
        history.tell(presence())
        behind = await stream.event()
    assert (reset["kind"], reset["data"], reset["id"]) == ("reset", {"reason": reason}, f"s-{MOST_KEPT + 2}")
    assert behind["id"] == f"s-{MOST_KEPT + 3}"


async def test_only_the_kinds_that_were_asked_for_are_told(served, history):
    async with opened(served, "?kinds=presence,call") as stream:
        await stream.block()
        history.tell(liveness())
        history.tell(presence())
        assert (await stream.event())["id"] == "s-2"


async def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are(served):
    async with opened(served, "?kinds=weather") as stream:
        assert stream.response.status_code == 400
        told = json.loads(await stream.response.aread())["error"]
    assert told == (
        "There are no events of the kind 'weather'; there are call, liveness, presence, refusal, registration."
    )


async def test_a_heartbeat_comes_in_silence_and_moves_the_id_past_what_was_not_asked_for(tmp_path, history):
    async with (
        served_https(tmp_path, limits=HttpLimits(heartbeat_s=0.05), events=history) as served,
        opened(served, "?kinds=call") as stream,
    ):
        await stream.block()
        history.tell(presence())
        while (block := await stream.block())["id"] != "s-1":
            assert block == {"": "still here", "id": "s-0"}
        assert block == {"": "still here", "id": "s-1"}


async def test_a_stream_outlives_the_time_that_an_answer_may_take(tmp_path, history):
    limits = HttpLimits(request_s=0.05, response_s=0.05, heartbeat_s=0.02)
    async with served_https(tmp_path, limits=limits, events=history) as served, opened(served) as stream:
        for _ in range(20):
            await stream.block()
        history.tell(presence())
        while "data" not in (block := await stream.block()):
            pass
        assert block["id"] == "s-1"


async def until_nobody_follows(history: EventHistory) -> None:
    async with asyncio.timeout(10):
        while history._followers:  # noqa: ASYNC110 - a peer's end is seen by the server's task only
            await asyncio.sleep(0.01)


async def test_who_does_not_read_is_cut_while_others_get_everything(served, history):
    """It may hold what the buffers hold; the ring is all that is kept for it here."""
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", served.port))
        reader, writer = await asyncio.open_connection(sock=raw, ssl=served.trust, server_hostname="127.0.0.1")
        writer.write(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"id: s-0")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with opened(served) as quick:
            await quick.block()
            count = 0
            while len(history._followers) == 2:
                count += 1
                assert count < 5000, "never cut"
                history.tell(presence("x" * 20_000))
                assert (await quick.event())["id"] == f"s-{count}"
            assert len(history._followers) == 1
            history.tell(presence())
            assert (await quick.event())["id"] == f"s-{count + 1}"
        writer.close()
        writer.transport.abort()
    await until_nobody_follows(history)


async def test_a_peer_that_goes_is_forgotten(served, history):
    async with opened(served) as stream:
        await stream.block()
        assert len(history._followers) == 1
    await until_nobody_follows(history)


async def test_streams_are_limited_and_room_is_given_back(tmp_path, history):
    async with served_https(tmp_path, limits=HttpLimits(most_streams=1), events=history) as served:
        async with opened(served) as first:
            await first.block()
            async with opened(served) as second:
                assert second.response.status_code == 503
                assert int(second.response.headers["retry-after"]) > 0
        await until_nobody_follows(history)
        async with opened(served) as third:
            assert third.response.status_code == 200


@pytest.mark.parametrize("reads", [True, False])
async def test_the_server_stops_at_once_though_streams_are_open(tmp_path, history, reads):
    """Not after the seconds that an answer may take."""
    async with served_https(tmp_path, limits=HttpLimits(stop_s=30, response_s=60), events=history) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=served.trust)
        writer.write(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"id: s-0")
        if not reads:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(5):
            await served.server.stop()
        if reads:
            assert (await reader.read()).endswith(b"0\r\n\r\n")
        writer.close()
        writer.transport.abort()
    assert not history._followers


async def test_the_guards_of_all_answers_are_in_front_of_the_stream(served):
    async with opened(served, Host="evil.example") as stream:
        assert stream.response.status_code == 421
    served.policy = replace(served.policy, networks=NetworkGuard((NetworkRule("10.0.0.0/8"),)))
    async with opened(served) as stream:
        assert stream.response.status_code == 403


async def test_the_form_of_events_is_documented(served):
    async with httpx.AsyncClient(base_url=served.url, verify=served.trust, trust_env=False) as client:
        document = (await client.get("/api/openapi.json")).json()
    content = document["paths"]["/api/events"]["get"]["responses"]["200"]["content"]
    assert list(content) == ["text/event-stream"]
    assert len(content["text/event-stream"]["schema"]["oneOf"]) == 6
    assert "is_reachable" in document["components"]["schemas"]["LivenessTold"]["properties"]
