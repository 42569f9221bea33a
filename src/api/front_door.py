"""The one entrance of all HTTP: who may come in, then SIP over WebSocket, REST or the page, with safe headers.

No header asks browsers for HTTPS only (HSTS): it would take away the way past a certificate that they do not know yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from api.http_surroundings import HttpLimits, HttpPolicy, HttpSurroundings
from api.sip_socket import SUBPROTOCOL, Message, Receive, Scope, Send, serve_flow
from api.source_guard import host_name, is_same_origin

_log = structlog.get_logger(__name__)

SIP_PATH = "/sip"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self' wss://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"microphone=(self), camera=(), geolocation=()"),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody is served: a status and a sentence."""

    status: int
    reason: str


def refuse_source(scope: Mapping[str, Any], policy: HttpPolicy) -> Refusal | None:
    """Whether the address may come in, and the name it asked for is ours: else a page elsewhere that makes its own name
    point at us could read what only the LAN may (DNS rebinding).
    """
    client = scope.get("client")
    if client is None or not policy.networks.admits(client[0]):
        return Refusal(403, "This server hears the networks of admission.networks in config.yaml only.")
    name = host_name(_header(scope, b"host"))
    known = {host_name(origin.partition("://")[2]) for origin in policy.allowed_origins}
    if name not in policy.own_hosts and name not in known:
        return Refusal(421, f"{name or 'nothing'} is no name or address of this host.")
    return None


def refuse_socket(scope: Mapping[str, Any], policy: HttpPolicy) -> Refusal | None:
    """Whether a WebSocket may be SIP's: path, Origin (RFC 6455 section 10.2) and subprotocol (RFC 7118 section 4)."""
    if scope["path"] != SIP_PATH:
        return Refusal(404, f"WebSockets are at {SIP_PATH} only.")
    origin = _header(scope, b"origin")
    is_own = not origin or is_same_origin(origin, _header(scope, b"host"))
    if not is_own and origin.lower() not in policy.allowed_origins:
        return Refusal(403, f"Pages of {origin} may not register here: http.allowed_origins in config.yaml.")
    if SUBPROTOCOL not in scope["subprotocols"]:
        return Refusal(400, f"The subprotocol {SUBPROTOCOL} is needed (RFC 7118 section 4).")
    return None


class FrontDoor:
    """The ASGI application of the server; ``rest`` is behind it."""

    def __init__(self, around: HttpSurroundings, rest: Any, limits: HttpLimits) -> None:
        self._around = around
        self._rest = rest
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = refuse_source(scope, policy := self._around.policy())
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send, refusal or refuse_socket(scope, policy))
        elif refusal is not None:
            await _refuse_request(_safely(send, scope), refusal)
        else:
            await self._rest(scope, receive, _safely(send, scope))

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send, refusal: Refusal | None) -> None:
        flows = self._around.flows
        if refusal is None and flows is None:
            refusal = Refusal(503, "This server serves no SIP over WebSocket.")
        if refusal is not None or flows is None:
            await _refuse_socket(scope, send, refusal)
        else:
            await serve_flow(scope, receive, send, flows, self._limits)


def _safely(send: Send, scope: Mapping[str, Any]) -> Send:
    """``send`` with the headers that every answer has."""
    policy = _POLICY.format(host=_header(scope, b"host")).encode("latin-1")

    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            given: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
            headers = [*given, (b"content-security-policy", policy), *_SAFE]
            if not any(name.lower() == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        await send(message)

    return send_safely


async def _refuse_request(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": refusal.reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse_socket(scope: Mapping[str, Any], send: Send, refusal: Refusal | None) -> None:
    refusal = refusal or Refusal(503, "")
    _log.info("websocket.refused", source_ip=(scope.get("client") or ("",))[0], reason=refusal.reason)
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": refusal.reason.encode()})


def _header(scope: Mapping[str, Any], name: bytes) -> str:
    """The header's value; empty where there is none, or more than one."""
    found = [value for key, value in scope["headers"] if key.lower() == name]
    return found[0].decode("latin-1") if len(found) == 1 else ""
