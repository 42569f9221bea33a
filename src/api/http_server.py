"""The HTTPS port: page, REST and SIP over WebSocket, in the daemon's own loop.

Theory of operation: uvicorn brings the protocols; its way to run (signal handlers, a tick ten times a second) is left
out. The sockets are bound here, so that a taken port is told in words. Stopping is bounded: who does not go is cut.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Sequence

import structlog
import uvicorn

from api.event_stream import EventStreams
from api.front_door import FrontDoor
from api.guarded_protocols import GuardedConfig, GuardedHttp
from api.http_surroundings import HttpSettings, HttpSurroundings
from api.page_files import read_page
from api.rest import make_rest
from domain.errors import AddressUnavailable
from domain.ports import ListenAddress

_log = structlog.get_logger(__name__)

_BACKLOG = 1024
_KEEP_ALIVE_S = 8
"""Less than a request may take: who is only silent between two is closed politely."""
_TLS_BUFFER_OCTETS = 16 * 1024
"""What is read at once. asyncio's own 256 KB stay with each silent connection for its life."""


class HttpServer:
    """Serves between ``start`` and ``stop``, on the running loop."""

    def __init__(self, settings: HttpSettings, around: HttpSurroundings) -> None:
        self._settings = settings
        self._around = around
        self._server: _Server | None = None
        events = around.sources.events
        self._streams = None if events is None else EventStreams(events, settings.limits)

    async def start(self) -> Sequence[ListenAddress]:
        """Bind and serve; return the addresses as bound. Raise ``AddressUnavailable`` when one cannot be."""
        config, has_page = await asyncio.to_thread(self._prepare)  # a tenth of a second of schemas
        sockets = _bind_all(self._settings.addresses)
        SSLProtocol.max_size = _TLS_BUFFER_OCTETS
        server = self._server = _Server(config)
        await server.startup(sockets)
        bound = [
            ListenAddress(wanted.ip, one.getsockname()[1])
            for wanted, one in zip(self._settings.addresses, sockets, strict=True)
        ]
        _log.info("http.started", listening=[f"{one.ip} port {one.port}" for one in bound], has_page=has_page)
        return bound

    async def stop(self) -> None:
        """Tell all peers, and cut those that do not go; idempotent."""
        if self._server is None:
            return
        if self._streams is not None:
            self._streams.close()
        server, self._server = self._server, None
        await server.shutdown()
        _log.info("http.stopped")

    def _prepare(self) -> tuple[GuardedConfig, bool]:
        page = read_page(self._around.page)
        rest = make_rest(self._around.sources, page, self._streams)
        return self._config(FrontDoor(self._around, rest, self._settings.limits)), bool(page)

    def _config(self, app: FrontDoor) -> GuardedConfig:
        limits = self._settings.limits
        context = self._around.certificates.tls_context()
        config = GuardedConfig(
            app,
            limits,
            self._around.quota,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ssl_context_factory=lambda _config, _default: context,
            timeout_keep_alive=_KEEP_ALIVE_S,
            ws_max_size=limits.most_message,
            ws_ping_interval=limits.ping_interval_s,
            ws_ping_timeout=limits.ping_timeout_s,
            ws_per_message_deflate=False,
        )
        config.load()
        _take_faults()
        return config


class _FaultHandler(logging.Handler):
    """Brings what uvicorn tells into our log."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.error("http.fault", reason=record.getMessage().strip(), exc_info=record.exc_info)


def _take_faults() -> None:
    """Faults only: uvicorn has a line for each connection else."""
    theirs = logging.getLogger("uvicorn.error")
    theirs.setLevel(logging.ERROR)
    theirs.propagate = False
    theirs.handlers = [_FaultHandler()]


class _Server(uvicorn.Server):
    """uvicorn's server without its way to run."""

    config: GuardedConfig

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        limits, loop = self.config.limits, asyncio.get_running_loop()
        self.servers = []
        for one in sockets or ():
            server = await loop.create_server(
                lambda: GuardedHttp(self.config, self.server_state, {}),
                sock=one,
                ssl=self.config.ssl,
                ssl_handshake_timeout=limits.handshake_s,
                ssl_shutdown_timeout=limits.stop_s,
                backlog=_BACKLOG,
            )
            self.servers.append(server)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline_s = asyncio.get_running_loop().time() + self.config.limits.stop_s
        # uvicorn's set of connections tells nobody when it is empty.
        while self.server_state.connections and asyncio.get_running_loop().time() < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        tasks = set(self.server_state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.config.limits.stop_s)
            for task in late:
                task.cancel()


def _bind_all(addresses: Sequence[ListenAddress]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            # Port 0 is chosen once: one page has one port.
            port = address.port or (sockets[0].getsockname()[1] if sockets else 0)
            sockets.append(_bind(ListenAddress(address.ip, port)))
    except AddressUnavailable:
        for one in sockets:
            one.close()
        raise
    return sockets


def _bind(address: ListenAddress) -> socket.socket:
    is_ipv6 = ipaddress.ip_address(address.ip).version == 6
    one: socket.socket | None = None
    try:
        one = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_ipv6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address.ip, address.port))
    except OSError as error:
        if one is not None:
            one.close()
        raise AddressUnavailable(_explain(address, error)) from error
    return one


def _explain(address: ListenAddress, error: OSError) -> str:
    place = f"TCP port {address.port} on {address.ip}"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{place} is taken by another program: stop it (`ss -ltnp` shows which), "
                "or set another http.port in config.yaml."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"{address.ip} is no address of this machine (`ip address` shows them): "
                "correct http.address in config.yaml, or use 0.0.0.0 and ::."
            )
        case errno.EACCES:
            return (
                f"{place} needs a right that this user lacks: choose a port above 1023 in config.yaml, "
                "or run the installed service."
            )
        case _:
            return f"{place} cannot be opened: {error.strerror}. Check http in config.yaml."
