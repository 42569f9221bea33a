"""The events as lines of JSON, for the command line: the control socket's question ``events``.

The argument is ``{"kinds": [...], "last_event_id": "..."}``, both optional. The first line is ``{"last_id": ...}``, or
``{"problem": ...}`` and the end; each line behind it is an event as ``api.event_history`` has it. Whoever does not read
is waited for, and gets a ``reset`` in the place of what he missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass

from api.event_history import BadQuestion, EventHistory, Follower, read_kinds
from domain.activity_events import EventKind

EVENTS = "events"
"""The question that is answered until somebody goes."""
_MOST_FOLLOWERS = 32
_MOST_UNREAD_OCTETS = 64 * 1024


@dataclass(frozen=True, slots=True)
class EventsAsked:
    """What is to be told, and from where on."""

    kinds: frozenset[EventKind] = frozenset()
    last_id: str = ""


def read_asked(argument: str) -> EventsAsked:
    """Raise ``BadQuestion``, or ``ValueError`` for what is no JSON."""
    wanted = json.loads(argument) if argument else {}
    if not isinstance(wanted, dict):
        raise BadQuestion("The argument of events is no mapping.")
    kinds, last_id = wanted.get("kinds", []), wanted.get("last_event_id", "")
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds) or not isinstance(last_id, str):
        raise BadQuestion("Kinds is no list of texts, or last_event_id no text.")
    return EventsAsked(read_kinds(kinds), last_id)


class EventLines:
    """Everybody who follows by the control socket. On the event loop's thread."""

    def __init__(self, history: EventHistory) -> None:
        self._history = history
        self._open: dict[Follower, asyncio.StreamWriter] = {}
        self._held_up: set[Follower] = set()

    async def serve(self, argument: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell events until the asker goes, or ``close``. Raise ``OSError`` when the connection breaks."""
        try:
            asked = read_asked(argument)
            if len(self._open) >= _MOST_FOLLOWERS:
                raise BadQuestion(f"{_MOST_FOLLOWERS} watch already.")
        except ValueError as fault:
            writer.write(json.dumps({"problem": str(fault)}).encode() + b"\n")
            return
        writer.transport.set_write_buffer_limits(high=_MOST_UNREAD_OCTETS)
        follower = self._history.follow(asked.last_id, asked.kinds)
        self._open[follower] = writer
        gone = asyncio.create_task(_close_when_gone(reader, follower))
        try:
            await self._tell(follower, writer)
        finally:
            gone.cancel()
            follower.close()
            del self._open[follower]
            self._held_up.discard(follower)

    def close(self) -> None:
        """The end for all, also for those who do not read."""
        for follower, writer in self._open.items():
            follower.close()
            if follower in self._held_up:
                writer.transport.abort()

    async def _tell(self, follower: Follower, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps({"last_id": follower.seen_id}).encode() + b"\n")
        while await follower.wait() and not follower.is_closed:
            writer.write(b"".join(event.line + b"\n" for event in follower.take()))
            self._held_up.add(follower)
            await writer.drain()
            self._held_up.discard(follower)


async def _close_when_gone(reader: asyncio.StreamReader, follower: Follower) -> None:
    """Nothing more is to come from the asker but his end."""
    with contextlib.suppress(OSError):
        while await reader.read(1024):
            pass
    follower.close()
