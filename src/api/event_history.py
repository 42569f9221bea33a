"""The last events, numbered, and those who follow them.

Theory of operation. There is one ring for all. A follower is no more than a place in it: whoever is slow costs nobody
anything, and is behind when the ring has gone over its place. An id is ``<start>-<number>``, ``start`` being another
for each life of the daemon: so it says by itself whether what came after it is still known. Where it is not, the
follower gets a ``reset`` in the place of what it missed. An event becomes JSON when the first follower reads it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from domain.activity_events import FOLLOWED_KINDS, CallParty, EventKind, ResetReason, ResetTold, StreamEvent, Told
from domain.ports import Clock

MOST_KEPT = 1000
_MOST_AT_ONCE = 250
"""What a follower gets in one turn; others and the rest of the daemon come in between."""
_ID = re.compile(r"(?P<start>[0-9a-z]{1,32})-(?P<number>[0-9]{1,18})")


class BadQuestion(ValueError):
    """Somebody asks for what there is not. ``str()`` is a sentence for him."""


def read_kinds(texts: Collection[str]) -> frozenset[EventKind]:
    """The kinds named in ``texts``, each a list with commas; empty for all. Raise ``BadQuestion``."""
    names = {name.strip() for text in texts for name in text.split(",")} - {""}
    known = {str(kind) for kind in FOLLOWED_KINDS}
    if unknown := sorted(names - known):
        raise BadQuestion(f"There are no events of the kind {unknown[0][:32]!r}; there are {', '.join(sorted(known))}.")
    return frozenset(EventKind(name) for name in names)


class KeptEvent:
    """An event with its id, and as JSON: one line of ASCII without its end."""

    __slots__ = ("_event", "_line", "event_id", "kind")

    def __init__(self, event_id: str, event: StreamEvent) -> None:
        self.event_id = event_id
        self.kind = event.kind
        self._event = event
        self._line: bytes | None = None

    @property
    def line(self) -> bytes:
        """``{"id", "kind", "at", "data"}``."""
        if self._line is None:
            moment = self._event.at.isoformat(timespec="milliseconds")
            data = {"id": self.event_id, "kind": self.kind, "at": moment, "data": _fields(self._event.told)}
            self._line = json.dumps(data, default=_json_value, separators=(",", ":")).encode()
        return self._line


def _fields(value: Told | CallParty) -> dict[str, Any]:
    """As ``dataclasses.asdict``, which copies deeply and takes several times as long."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, CallParty):
        return _fields(value)
    raise TypeError(f"{type(value).__name__} is no part of an event")


class EventHistory:
    """Implements ``domain.activity_events.EventSink``. Every method belongs to the event loop's thread."""

    def __init__(self, start: str, clock: Clock, most_kept: int = MOST_KEPT) -> None:
        """``start`` is of digits and small letters, and of no other life of the daemon."""
        self._start = start
        self._clock = clock
        self._kept: deque[KeptEvent] = deque(maxlen=most_kept)
        self._last = 0
        self._followers: set[Follower] = set()

    @property
    def last_id(self) -> str:
        """The id of the newest event; one with the number 0 before there is any."""
        return self.id_of(self._last)

    @property
    def last_number(self) -> int:
        return self._last

    @property
    def first_number(self) -> int:
        """That of the oldest event that is kept; the next one's, where there is none."""
        return self._last - len(self._kept) + 1

    def id_of(self, number: int) -> str:
        return f"{self._start}-{number}"

    def tell(self, event: StreamEvent) -> None:
        """Keep the event, and wake who follows."""
        self._last += 1
        self._kept.append(KeptEvent(self.id_of(self._last), event))
        for follower in tuple(self._followers):
            follower.wake()

    def follow(
        self, last_id: str = "", kinds: Collection[EventKind] = (), on_behind: Callable[[], None] | None = None
    ) -> Follower:
        """Follow from behind the event ``last_id`` on, from now on where that is empty; ``close`` it when done.

        ``kinds``: what is told, everything where it is empty. ``on_behind`` is called when events are lost to the
        follower because it does not read; without it, the follower gets a reset instead.
        """
        follower = Follower(self, kinds, on_behind)
        follower.start_behind(last_id)
        self._followers.add(follower)
        return follower

    def forget(self, follower: Follower) -> None:
        """Wake it no more; idempotent."""
        self._followers.discard(follower)

    def between(self, first: int, count: int) -> Iterator[KeptEvent]:
        """At most ``count`` events from the number ``first`` on, which is kept still."""
        return islice(self._kept, first - self.first_number, first - self.first_number + count)

    def number_behind(self, last_id: str) -> int | ResetReason:
        """The number of ``last_id``, whose successors are all kept; else why they are not."""
        found = _ID.fullmatch(last_id)
        if found is None or found["start"] != self._start or (number := int(found["number"])) > self._last:
            return ResetReason.RESTARTED
        return number if number >= self.first_number - 1 else ResetReason.TOO_OLD

    def make_reset(self, reason: ResetReason) -> KeptEvent:
        """A reset for one follower, who has seen everything up to now then."""
        return KeptEvent(self.last_id, StreamEvent(self._clock.now(), ResetTold(reason)))

    def close(self) -> None:
        """The end for all who follow, at once."""
        for follower in tuple(self._followers):
            follower.close()


class Follower:
    """A place in the history. Made by ``EventHistory.follow``."""

    def __init__(
        self, history: EventHistory, kinds: Collection[EventKind], on_behind: Callable[[], None] | None
    ) -> None:
        self._history = history
        self._kinds = frozenset(kinds) | {EventKind.RESET} if kinds else frozenset(EventKind)
        self._on_behind = on_behind
        self._seen = 0
        self._missed: ResetReason | None = None
        self._awake = asyncio.Event()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    @property
    def seen_id(self) -> str:
        """The last event that it has read, or that was not of its kinds."""
        return self._history.id_of(self._seen)

    def start_behind(self, last_id: str) -> None:
        """Begin behind ``last_id``."""
        place = self._history.number_behind(last_id) if last_id else self._history.last_number
        if isinstance(place, ResetReason):
            self._missed, self._seen = place, self._history.last_number
            self._awake.set()
        else:
            self._seen = place
            self.wake()

    def wake(self) -> None:
        """There may be something to read, or the ring has gone over what was not read."""
        if self._seen >= self._history.first_number - 1:
            if self._seen < self._history.last_number:
                self._awake.set()
        elif self._on_behind is not None:
            self.close()
            self._on_behind()
        else:
            self.start_behind(self.seen_id)

    def take(self) -> Sequence[KeptEvent]:
        """The next events of its kinds, some at once; empty where there is none now."""
        self._awake.clear()
        if self._missed is not None:
            missed, self._missed = self._missed, None
            self._seen = self._history.last_number
            return (self._history.make_reset(missed),)
        found = list(self._history.between(self._seen + 1, _MOST_AT_ONCE))
        self._seen += len(found)
        if self._seen < self._history.last_number:
            self._awake.set()
        return [event for event in found if event.kind in self._kinds]

    async def wait(self, within_s: float | None = None) -> bool:
        """Until there may be something to take, or the end; False: there was nothing ``within_s``."""
        try:
            async with asyncio.timeout(within_s):
                await self._awake.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """The end: ``wait`` returns, and nothing comes any more; idempotent."""
        self._is_closed = True
        self._history.forget(self)
        self._awake.set()
