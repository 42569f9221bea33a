"""The REST answers and the page. Everything is asynchronous: it runs on the loop, where the answers' owners live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.answers import CallAnswer, DeviceAnswer, StatusAnswer
from api.event_stream import EventStreams
from api.http_surroundings import HttpSources
from api.page_files import PageFile
from api.rest_presence import add_events, add_presence

_NO_PAGE = (
    "The page was not built: run `make build` where npm is installed, then restart the daemon. "
    "REST answers are below /api all the same.\n"
)


def make_rest(sources: HttpSources, page: Mapping[str, PageFile], streams: EventStreams | None = None) -> FastAPI:
    """The application that serves ``/api``, ``/ca.crt`` and ``page``."""
    app = FastAPI(title="screamrouter-sip", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    _add_answers(app, sources)
    add_presence(app, sources)
    add_events(app, streams)
    _add_unknown(app)
    _add_authority(app, sources)
    _add_page(app, page)

    @app.exception_handler(HTTPException)
    async def _explain(request: Request, fault: Exception) -> Response:
        status = fault.status_code if isinstance(fault, HTTPException) else 500
        headers = fault.headers if isinstance(fault, HTTPException) else None
        detail = fault.detail if isinstance(fault, HTTPException) else ""
        return JSONResponse({"error": detail, "path": request.url.path}, status, headers)

    return app


def _add_answers(app: FastAPI, sources: HttpSources) -> None:
    @app.get("/api/status")
    async def status() -> StatusAnswer:
        """The daemon and its counters."""
        return StatusAnswer.model_validate(sources.status())

    @app.get("/api/devices", response_model=list[DeviceAnswer])
    async def devices() -> Sequence[Mapping[str, Any]]:
        """Every device, by id."""
        return sources.devices()

    @app.get("/api/calls")
    async def calls() -> list[CallAnswer]:
        """Every call that is up."""
        return [CallAnswer.model_validate(asdict(report)) for report in sources.calls.call_reports()]


def _add_unknown(app: FastAPI) -> None:
    @app.api_route("/api/{path:path}", methods=["GET"], include_in_schema=False)
    async def unknown(path: str) -> Response:
        raise HTTPException(404, f"There is no /api/{path}; /api/openapi.json tells what there is.")


def _add_authority(app: FastAPI, sources: HttpSources) -> None:
    @app.get("/ca.crt", include_in_schema=False)
    async def authority() -> Response:
        octets = sources.authority_pem()
        if octets is None:
            raise HTTPException(404, "The owner's own certificate is in use: there is no authority to trust.")
        return Response(
            octets,
            media_type="application/x-x509-ca-cert",
            headers={"Content-Disposition": 'attachment; filename="screamrouter-ca.crt"'},
        )


def _add_page(app: FastAPI, page: Mapping[str, PageFile]) -> None:
    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    async def files(path: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        found = page.get(f"/{path}")
        if found is None and not path and not page:
            return Response(_NO_PAGE, 503, media_type="text/plain; charset=utf-8")
        if found is None:
            raise HTTPException(404, "There is no such page.")
        headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
        if if_none_match is not None and found.etag in if_none_match:
            return Response(status_code=304, headers=headers)
        return Response(found.octets, headers=headers, media_type=found.media_type)
