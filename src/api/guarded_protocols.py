"""uvicorn's protocols with bounds: connections are counted, and one that asks for nothing, or does not read, is cut."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.event_stream import ENDLESS
from api.http_surroundings import HttpLimits
from api.sip_socket import CUT
from domain.ports import ConnectionQuota

_STREAM_BUFFER_OCTETS = 64 * 1024
"""What waits for the reader of a stream here; TLS has 512 KB by default."""


class GuardedConfig(Config):
    """uvicorn's settings, and our bounds."""

    def __init__(self, app: Any, limits: HttpLimits, quota: ConnectionQuota | None, **settings: Any) -> None:
        super().__init__(app, http=GuardedHttp, ws=GuardedWebSocket, **settings)
        self.limits = limits
        self.quota = quota


class GuardedHttp(H11Protocol):
    """A connection from its first octet to its end, or until it becomes a WebSocket."""

    _is_counted = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base's
        super().connection_made(transport)
        config = cast("GuardedConfig", self.config)
        self._is_counted = config.quota is None or (self.client is not None and config.quota.take(self.client[0]))
        self.app = self._served
        if self._is_counted:
            self._expect(config.limits.request_s)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._expect(None)
        if self._is_counted:
            _give_back(cast("GuardedConfig", self.config), self.client)

    def on_response_complete(self) -> None:
        self._expect(cast("GuardedConfig", self.config).limits.request_s)
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._expect(None)
        self._is_counted = False  # from here on the WebSocket is
        super().handle_websocket_upgrade(event)

    async def _served(self, scope: Any, receive: Any, send: Any) -> None:
        """Tell the application how to cut the connection, and how to take the time limit from an answer."""
        scope["extensions"] = {CUT: self.transport.abort, ENDLESS: self._answer_without_end}
        await self.config.loaded_app(scope, receive, send)

    def _answer_without_end(self) -> None:
        self._expect(None)
        self.transport.set_write_buffer_limits(high=_STREAM_BUFFER_OCTETS)

    def _expect(self, within_s: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if within_s is None else self.loop.call_later(within_s, self._end_or_wait)

    def _end_or_wait(self) -> None:
        """The time of a request is over: cut, unless it is being answered, which has a time of its own."""
        if self.conn.our_state not in {h11.SEND_RESPONSE, h11.SEND_BODY}:
            self.transport.abort()
        else:
            self._deadline = self.loop.call_later(
                cast("GuardedConfig", self.config).limits.response_s, self.transport.abort
            )


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """Tells the application how to cut the connection."""

    async def run_asgi(self) -> None:
        cast("dict[str, Any]", self.scope["extensions"])[CUT] = self.transport.abort
        await super().run_asgi()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        _give_back(cast("GuardedConfig", self.config), self.client)


def _give_back(config: GuardedConfig, client: tuple[str, int] | None) -> None:
    if config.quota is not None and client is not None:
        config.quota.give_back(client[0])
