"""Carries the core's events into the asyncio loop: eventfd -> batch -> observer, a batch per turn of the loop."""

from __future__ import annotations

import asyncio
from typing import assert_never

import structlog

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
from domain.ports import BindingObserver, Engine

log = structlog.get_logger()


class EventPump:
    """Runs on the loop that calls ``start``; ``observer`` is called on that loop only."""

    def __init__(self, engine: Engine, observer: BindingObserver) -> None:
        self._engine = engine
        self._observer = observer
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._engine.event_fd, self._pump)

    def stop(self) -> None:
        """Deliver what is queued and let go of the loop; idempotent."""
        if self._loop is None:
            return
        self._loop.remove_reader(self._engine.event_fd)
        self._loop = None
        while self._deliver():
            pass

    def _pump(self) -> None:
        if self._deliver() and self._loop is not None:
            self._loop.call_soon(self._pump)

    def _deliver(self) -> bool:
        events = self._engine.drain()
        for event in events:
            self._dispatch(event)
        return bool(events)

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
            case ResyncRequired():
                self._observer.on_resync(self._engine.snapshot())
            case _:
                assert_never(event)
