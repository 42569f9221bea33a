"""The REST answers about who is there, who watches whom, and what happens."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Response
from starlette.exceptions import HTTPException

from api.event_history import BadQuestion, read_kinds
from api.event_stream import EventStreamResponse, EventStreams
from api.http_surroundings import HttpSources
from api.presence_answers import EventAnswer, PresenceAnswer, SubscriptionAnswer
from domain.presence import PresenceView

_RETRY_AFTER_S = "10"
_NO_PRESENCE = "This daemon knows no presence."
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"model": EventAnswer, "description": "Server-sent events; the data of each is of this form."},
    400: {"description": "A kind that there is not."},
    503: {"description": "Too many streams are open."},
}


def add_presence(app: FastAPI, sources: HttpSources) -> None:
    """``/api/presence`` and ``/api/subscriptions``."""

    def view() -> PresenceView:
        if sources.presence is None:
            raise HTTPException(503, _NO_PRESENCE)
        return sources.presence

    @app.get("/api/presence")
    async def presence() -> list[PresenceAnswer]:
        """Every address that is registered, has an entry in config.yaml, is in a call or has published; by address."""
        return [PresenceAnswer.of(one) for one in view().presentities()]

    @app.get("/api/presence/{address:path}")
    async def presence_of(address: str) -> PresenceAnswer:
        """The address (its user part alone); 404 where nothing is known of it."""
        found = view().find_presentity(address)
        if found.version == 0 and not (found.bindings or found.device_ids):
            raise HTTPException(404, f"Nobody here has the address {address}.")
        return PresenceAnswer.of(found)

    @app.get("/api/subscriptions")
    async def subscriptions() -> list[SubscriptionAnswer]:
        """Who watches whom by SIP, by address and package."""
        if sources.subscriptions is None:
            raise HTTPException(503, _NO_PRESENCE)
        answers = [SubscriptionAnswer.of(one) for one in sources.subscriptions()]
        return sorted(answers, key=lambda one: (one.address, one.package, one.watcher))


def add_events(app: FastAPI, streams: EventStreams | None) -> None:
    """``/api/events``."""

    @app.get("/api/events", status_code=200, response_class=EventStreamResponse, response_model=None, responses=_STREAM)
    async def events(
        last_event_id: Annotated[str, Header()] = "",
        last_id: Annotated[str, Query(alias="last_event_id")] = "",
        kinds: Annotated[list[str] | None, Query()] = None,
    ) -> Response:
        """What happens from now on, or behind the event `Last-Event-ID`, live: server-sent events.

        `kinds`: a list with commas of registration, liveness, presence, call and refusal; all by default. After
        a `reset` read /api/presence afresh: its events were missed. Open the stream first and read the state then,
        and nothing is lost between the two.
        """
        if streams is None:
            raise HTTPException(503, "This daemon tells no events.")
        try:
            wanted = read_kinds(kinds or ())
        except BadQuestion as unknown:
            raise HTTPException(400, str(unknown)) from unknown
        if not streams.has_room:
            raise HTTPException(503, "Too many streams are open.", {"Retry-After": _RETRY_AFTER_S})
        return streams.stream(last_event_id or last_id, wanted)
