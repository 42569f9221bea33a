"""``GET /api/events``: what happens in the daemon, live, as server-sent events (WHATWG HTML section 9.2).

Theory of operation. Each stream is a follower of the one history, so the ring is its queue; nothing is copied for it. A
peer that does not read holds up its own task at the transport, and is cut when the ring has gone over its place: it
comes back with the id of the last event that it saw, and gets what is kept, or a ``reset``. Each stream begins with the
id from which it goes on, so that a browser that loses the connection before the first event misses nothing either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from starlette.responses import Response

from api.event_history import EventHistory, Follower, KeptEvent
from api.http_surroundings import HttpLimits
from api.sip_socket import CUT, Receive, Scope, Send
from domain.activity_events import EventKind

_log = structlog.get_logger(__name__)

ENDLESS = "screamrouter.endless"
"""The scope's extension that takes the time limit from an answer."""
_RETRY_MS = 2000
_FAREWELL_S = 0.25
"""In which a peer that reads has seen the end; the others are cut then."""


def as_sent(event: KeptEvent) -> bytes:
    """The event in the stream."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event.event_id.encode(), event.kind.encode(), event.line)


class EventStreams:
    """The streams that are open. On the event loop's thread."""

    def __init__(self, history: EventHistory, limits: HttpLimits) -> None:
        self._history = history
        self._limits = limits
        self._open: set[EventStreamResponse] = set()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._open)

    @property
    def has_room(self) -> bool:
        """Whether one more may be opened."""
        return not self._is_closed and len(self._open) < self._limits.most_streams

    def stream(self, last_id: str, kinds: frozenset[EventKind]) -> EventStreamResponse:
        """The answer that goes on until the peer goes, or ``close``."""
        return EventStreamResponse(self, last_id, kinds)

    def begin(self, stream: EventStreamResponse, on_behind: Callable[[], None]) -> Follower:
        """The stream's place in the history; ``end`` follows."""
        self._open.add(stream)
        return self._history.follow(stream.last_id, stream.kinds, on_behind)

    def end(self, stream: EventStreamResponse, follower: Follower) -> None:
        follower.close()
        self._open.discard(stream)

    @property
    def heartbeat_s(self) -> float:
        return self._limits.heartbeat_s

    def close(self) -> None:
        """End all streams now, and open no more."""
        self._is_closed = True
        for stream in tuple(self._open):
            stream.hang_up()


class EventStreamResponse(Response):
    """One stream, from its headers to its end."""

    media_type = "text/event-stream"

    def __init__(self, streams: EventStreams, last_id: str = "", kinds: frozenset[EventKind] = frozenset()) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self.last_id = last_id
        self.kinds = kinds
        self._streams = streams
        self._follower: Follower | None = None
        self._is_sending = False
        self._cut: Callable[[], None] = _do_nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extensions: MutableMapping[str, Any] = scope.get("extensions", {})
        extensions.get(ENDLESS, _do_nothing)()
        self._cut = extensions.get(CUT, _do_nothing)
        follower = self._follower = self._streams.begin(self, self._on_behind)
        gone = asyncio.create_task(_close_when_gone(receive, follower))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._send(send, b"retry: %d\nid: %b\n\n" % (_RETRY_MS, follower.seen_id.encode()))
            while not follower.is_closed:
                if await follower.wait(self._streams.heartbeat_s):
                    octets = b"".join(map(as_sent, follower.take()))
                else:  # with the id, since events of other kinds have gone by
                    octets = b": still here\nid: %b\n\n" % follower.seen_id.encode()
                if octets and not follower.is_closed:
                    await self._send(send, octets)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._streams.end(self, follower)

    def hang_up(self) -> None:
        """End it: at once where the peer does not read, else when it has seen the end."""
        if self._follower is not None:
            self._follower.close()
        if self._is_sending:
            self._cut()
        else:
            asyncio.get_running_loop().call_later(_FAREWELL_S, self._cut)

    async def _send(self, send: Send, octets: bytes) -> None:
        self._is_sending = True
        await send({"type": "http.response.body", "body": octets, "more_body": True})
        self._is_sending = False

    def _on_behind(self) -> None:
        _log.info("events.cut", reason="the reader is too slow", effect="it may come back with its last event's id")
        self._cut()


async def _close_when_gone(receive: Receive, follower: Follower) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.close()


def _do_nothing() -> None:
    """For a server that has no such extension."""
