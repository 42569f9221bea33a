"""Carries the core's events into the asyncio loop: eventfd -> batch -> observer, a few milliseconds per turn."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import assert_never

import structlog

from domain.calls import CallConfirmed, CallEnded, CallEvent, CallInfo, CallUpdated, IncomingCall
from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    CoreEvent,
    RequestRefused,
    ResyncRequired,
)
from domain.legs import LegConnected, LegDigit, LegEvent, LegFailed, LegSilent
from domain.ports import BindingObserver, Engine
from domain.watching import PublishReceived, StateUnwanted, StateWanted, WatchEvent

log = structlog.get_logger()

TURN_S = 0.004
"""How long events may keep the loop from whatever else waits: a timer, a question, the watchdog."""


class EventPump:
    """Runs on the loop that calls ``start``, and calls there only whatever it was given."""

    def __init__(
        self,
        engine: Engine,
        observer: BindingObserver,
        on_refused: Callable[[RequestRefused], None] | None = None,
        on_call: Callable[[CallEvent | LegEvent], None] | None = None,
        on_watch: Callable[[WatchEvent], None] | None = None,
    ) -> None:
        self._engine = engine
        self._observer = observer
        self._on_refused = on_refused
        self._on_call = on_call
        self._on_watch = on_watch
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[CoreEvent] = deque()
        self._next_turn: asyncio.Handle | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._engine.event_fd, self._on_readable)

    def stop(self) -> None:
        """Deliver what is queued and let go of the loop; idempotent."""
        if self._loop is None:
            return
        self._loop.remove_reader(self._engine.event_fd)
        self._loop = None
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        while self._has_events():
            self._dispatch(self._waiting.popleft())

    def _on_readable(self) -> None:
        if self._next_turn is None:  # else a turn comes anyway, and two would take twice the time
            self._take_turn()

    def _take_turn(self) -> None:
        self._next_turn = None
        deadline_s = time.perf_counter() + TURN_S
        try:
            while self._has_events():
                self._dispatch(self._waiting.popleft())
                if time.perf_counter() >= deadline_s:
                    break
        finally:
            if self._waiting and self._loop is not None:  # what the engine still holds makes its descriptor readable
                self._next_turn = self._loop.call_soon(self._take_turn)

    def _has_events(self) -> bool:
        if not self._waiting:
            self._waiting.extend(self._engine.drain())
        return bool(self._waiting)

    def _dispatch(self, event: CoreEvent) -> None:
        match event:
            case BindingAdded() | BindingChanged() | BindingRemoved() | BindingReachable() | BindingUnreachable():
                self._observer.on_binding_event(event)
            case RequestRefused():
                log.info(
                    "request.refused",
                    status=event.status,
                    cause=event.cause,
                    reason=event.reason,
                    source=f"{event.source.ip} port {event.source.port}",
                    aor=event.aor,
                    user_agent=event.user_agent,
                )
                if self._on_refused is not None:
                    self._on_refused(event)
            case (
                IncomingCall()
                | CallUpdated()
                | CallConfirmed()
                | CallInfo()
                | CallEnded()
                | LegConnected()
                | LegDigit()
                | LegSilent()
                | LegFailed()
            ):
                if self._on_call is not None:
                    self._on_call(event)
            case StateWanted() | StateUnwanted() | PublishReceived():
                if self._on_watch is not None:
                    self._on_watch(event)
            case ResyncRequired():
                self._observer.on_resync(self._engine.snapshot())
            case _:
                assert_never(event)
