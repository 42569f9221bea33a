"""SIP over WebSocket (RFC 7118): one connection of a browser as one flow of the core.

Theory of operation: what comes in goes to the core at once. What the core writes waits in a queue that a task empties,
which exists only while there is something to send, so a silent connection costs one task. The transport holds the task
up when the peer does not read; when the queue is full then, the connection is cut: a peer that reads is never that far
behind, and SIP has its own way to repeat what is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from api.http_surroundings import HttpLimits
from domain.ports import StreamFlows
from domain.values import Endpoint, Transport

_log = structlog.get_logger(__name__)

SUBPROTOCOL = "sip"
CUT = "screamrouter.cut"
"""The scope's extension that cuts the connection without waiting for the peer."""

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NORMAL = 1000
_UNSENT_OVERHEAD = 64
"""What a message costs beside its octets: an empty one is not free."""


class SipSocket:
    """The writer of one accepted connection; implements ``domain.ports.FlowWriter``."""

    def __init__(self, send: Send, cut: Callable[[], None], most_unsent: int) -> None:
        self._send = send
        self._cut = cut
        self._most_unsent = most_unsent
        self._unsent: deque[bytes] = deque()
        self._unsent_octets = 0
        self._sender: asyncio.Task[None] | None = None
        self._is_closing = False

    def write(self, octets: bytes) -> None:
        if self._is_closing:
            return
        self._unsent.append(octets)
        self._unsent_octets += len(octets) + _UNSENT_OVERHEAD
        if self._unsent_octets > self._most_unsent:
            _log.warning("websocket.cut", unsent=self._unsent_octets, reason="the browser does not read")
            self.abandon()
            self._cut()
        else:
            self._wake()

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._wake()

    def abandon(self) -> None:
        """Forget what was not sent; idempotent."""
        self._is_closing = True
        self._unsent.clear()
        if self._sender is not None:
            self._sender.cancel()

    def _wake(self) -> None:
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._empty())

    async def _empty(self) -> None:
        try:
            while self._unsent:
                octets = self._unsent.popleft()
                self._unsent_octets -= len(octets) + _UNSENT_OVERHEAD
                await self._send(_message(octets))
            if self._is_closing:
                await self._send({"type": "websocket.close", "code": _NORMAL})
        except (OSError, RuntimeError):  # the peer is gone or was told so; `receive` tells the same
            self.abandon()


async def serve_flow(scope: Scope, receive: Receive, send: Send, flows: StreamFlows, limits: HttpLimits) -> None:
    """Accept the connection, and be its flow until it ends, by whatever; one that says nothing at all is cut."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
    cut = scope["extensions"].get(CUT, _cut_nothing)
    socket = SipSocket(send, cut, limits.most_unsent)
    remote, local = Endpoint(*scope["client"]), Endpoint(*scope["server"])
    transport = Transport.WSS if scope["scheme"] == "wss" else Transport.WS
    connection = flows.open_flow(transport, remote, local, socket)
    silence = asyncio.get_running_loop().call_later(limits.first_message_s, cut)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            silence.cancel()
            octets = message.get("bytes")
            flows.receive(connection, message["text"].encode() if octets is None else octets)
    finally:
        silence.cancel()
        socket.abandon()
        flows.close_flow(connection)


def _message(octets: bytes) -> Message:
    """A text frame, as RFC 7118 section 5 prefers; a binary one for what is no UTF-8."""
    try:
        return {"type": "websocket.send", "text": octets.decode()}
    except UnicodeDecodeError:
        return {"type": "websocket.send", "bytes": octets}


def _cut_nothing() -> None:
    """For a server that cannot cut: the peer is left to its keep-alive."""
