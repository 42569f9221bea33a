"""SIP over TCP and TLS: listens, accepts within the quota, and gives every connection to the core.

PJSIP's own TCP holds 62 connections and its TLS is OpenSSL 1.0.2; sockets and TLS are Python's instead, at the cost of
one call into the core for each piece that a peer sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from domain.errors import AddressUnavailable
from domain.ports import ConnectionQuota, ListenAddress, ServerCertificates, StreamFlows
from domain.values import Transport
from sip_server.stream_connection import StreamConnection

log = structlog.get_logger()

_BACKLOG = 1024
"""Of an accept storm: all devices of a house come back when the power does."""
_ACCEPTED_AT_ONCE = 64
_HANDSHAKE_S = 10.0
_TLS_SHUTDOWN_S = 5.0
_SILENCE_S = 10.0
"""Between two lines about connections that came to nothing."""
_FAREWELL_S = 0.5
"""How long peers may take, when the daemon ends, for what was written to them."""
_EXHAUSTED_PAUSE_S = 0.5
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class StreamListener:
    """Where to listen, and for what: TCP or TLS. Port 0 takes a free one."""

    transport: Transport
    address: ListenAddress


class StreamServer:
    """Belongs to the event loop that calls ``start``. ``certificates`` are needed for TLS only."""

    def __init__(
        self, flows: StreamFlows, quota: ConnectionQuota, certificates: ServerCertificates | None = None
    ) -> None:
        self._flows = flows
        self._quota = quota
        self._certificates = certificates
        self._listening: list[tuple[Transport, socket.socket]] = []
        self._connections: set[StreamConnection] = set()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._pauses: set[asyncio.TimerHandle] = set()
        self._untold: Counter[str] = Counter()
        self._told_s: dict[str, float] = {}
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def start(self, listeners: Sequence[StreamListener]) -> Sequence[StreamListener]:
        """Listen on all or none; return the addresses as bound. Raise ``AddressUnavailable`` when one cannot be."""
        if self._certificates is None and any(one.transport is Transport.TLS for one in listeners):
            raise RuntimeError("TLS without certificates")
        try:
            for listener in listeners:
                self._listening.append((listener.transport, _listen(listener)))
        except BaseException:
            self._stop_listening()
            raise
        for transport, made in self._listening:
            self._accept_when_ready(transport, made)
        bound = [
            StreamListener(listener.transport, ListenAddress(listener.address.ip, made.getsockname()[1]))
            for listener, (_, made) in zip(listeners, self._listening, strict=True)
        ]
        log.info("sip.streams_started", listening=[_text(one) for one in bound])
        return bound

    async def stop(self) -> None:
        """Close the listeners, then every connection with what was written to it; idempotent."""
        self._stop_listening()
        for handshake in self._handshakes:
            handshake.cancel()
        for connection in tuple(self._connections):
            connection.close()
        if self._handshakes:
            await asyncio.wait(self._handshakes)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._is_empty.wait()
        for connection in tuple(self._connections):
            connection.abort()
        await self._is_empty.wait()

    def __len__(self) -> int:
        return len(self._connections)

    def _stop_listening(self) -> None:
        for pause in self._pauses:
            pause.cancel()
        self._pauses.clear()
        for _, made in self._listening:
            if made.fileno() >= 0:
                _remove_reader(made)
                made.close()
        self._listening.clear()

    def _accept_when_ready(self, transport: Transport, listening: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(listening.fileno(), self._accept, transport, listening)

    def _accept(self, transport: Transport, listening: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, name = listening.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(transport, listening, error)
                return
            self._admit(transport, accepted, name[0])

    def _pause(self, transport: Transport, listening: socket.socket, error: OSError) -> None:
        """The listener stays readable while nothing can be accepted, which would keep the loop busy for nothing."""
        log.error("flow.cannot_accept", reason=os.strerror(error.errno or 0), pause_s=_EXHAUSTED_PAUSE_S)
        _remove_reader(listening)

        def resume() -> None:
            self._pauses.discard(pause)
            self._accept_when_ready(transport, listening)

        pause = asyncio.get_running_loop().call_later(_EXHAUSTED_PAUSE_S, resume)
        self._pauses.add(pause)

    def _admit(self, transport: Transport, accepted: socket.socket, ip: str) -> None:
        if not self._quota.take(ip):
            self._tell("flow.refused", transport, ip, "too many connections")
            accepted.close()
            return
        accepted.setblocking(False)
        handshake = asyncio.get_running_loop().create_task(self._connect(transport, accepted, ip))
        self._handshakes.add(handshake)
        handshake.add_done_callback(self._handshakes.discard)

    async def _connect(self, transport: Transport, accepted: socket.socket, ip: str) -> None:
        def on_lost(lost: StreamConnection) -> None:
            self._connections.discard(lost)
            self._quota.give_back(ip)
            if not self._connections:
                self._is_empty.set()

        connection = StreamConnection(self._flows, transport, on_lost)
        self._connections.add(connection)
        self._is_empty.clear()
        context: ssl.SSLContext | None = None
        try:
            if transport is Transport.TLS and self._certificates is not None:
                context = self._certificates.tls_context()  # an error while there is none yet
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=context,
                ssl_handshake_timeout=_HANDSHAKE_S if context else None,
                ssl_shutdown_timeout=_TLS_SHUTDOWN_S if context else None,
            )
        except OSError as error:  # a TLS fault is one, a timeout too
            self._tell("flow.handshake_failed", transport, ip, str(error) or "it took too long")
        finally:
            if not connection.is_made:
                accepted.close()
                on_lost(connection)

    def _tell(self, event: str, transport: Transport, ip: str, reason: str) -> None:
        """Anybody can cause these by the thousand: the first is told, then how many there were in each while."""
        self._untold[event] += 1
        now_s = asyncio.get_running_loop().time()
        if now_s - self._told_s.get(event, -_SILENCE_S) < _SILENCE_S:
            return
        log.warning(event, transport=str(transport), ip=ip, reason=reason, count=self._untold.pop(event))
        self._told_s[event] = now_s


def _listen(listener: StreamListener) -> socket.socket:
    address = listener.address
    is_ipv6 = ipaddress.ip_address(address.ip).version == 6
    made = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_ipv6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address.ip, address.port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise AddressUnavailable(_explain(listener, error)) from error
    return made


def _remove_reader(listening: socket.socket) -> None:
    asyncio.get_running_loop().remove_reader(listening.fileno())


def _text(listener: StreamListener) -> str:
    return f"{listener.address.ip} port {listener.address.port} over {listener.transport.upper()}"


def _explain(listener: StreamListener, error: OSError) -> str:
    kind, address = str(listener.transport), listener.address
    place = f"{'TLS' if kind == 'tls' else 'TCP'} port {address.port} on {address.ip}"
    otherwise = f"set sip.{kind}.enabled to false in config.yaml"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{place} is taken by another program: stop it (`ss -ltnp` shows which), "
                f"set another sip.{kind}.port in config.yaml, or {otherwise}."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"{address.ip} is no address of this machine (`ip address` shows them): "
                f"correct sip.{kind}.address in config.yaml, or {otherwise}."
            )
        case errno.EACCES:
            return (
                f"{place} needs a right that this user lacks: choose a port above 1023 in config.yaml, "
                "or run the installed service."
            )
        case _:
            return f"{place} cannot be opened: {error.strerror}. Check sip.{kind} in config.yaml, or {otherwise}."
