"""The real HTTPS server with a certificate of an authority of its own, and a core that only remembers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.http_server import HttpServer
from api.http_surroundings import HttpLimits, HttpPolicy, HttpSettings, HttpSources, HttpSurroundings
from api.source_guard import NetworkGuard
from certificates.certificate_keeper import CertificateKeeper, CertificateSettings
from domain.access import NetworkRule
from domain.call_reports import CallReport
from domain.ports import ConnectionQuota, FlowWriter, ListenAddress
from domain.values import Endpoint, Transport

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
DEVICE: dict[str, Any] = {
    "uuid": "2b6f5d3c-0000-4000-8000-000000000001",
    "name": "Kitchen <b>",
    "role": "sink",
    "enabled": True,
    "pending": False,
    "online": True,
    "protocol_type": "sip",
    "sip_contact_uri": "sip:kitchen@192.0.2.7",
    "ip": "192.0.2.7",
    "port": 5060,
    "last_seen": "2026-01-31T12:00:00+00:00",
    "rtt_ms": 1.5,
    "formats": ({"payload_type": 127, "codec": "L16", "clock_rate_hz": 48000, "channels": 2},),
    "rtp_port": 40000,
    "supported_protocols": ("rtp",),
    "user_agent": None,
    "mac": None,
}
STATUS: dict[str, Any] = {
    "name": "ScreamRouter",
    "domain": "screamrouter.local",
    "version": "0.1.0",
    "started": "2026-01-31T12:00:00+00:00",
    "sip_port": 5060,
    "statistics": {"requests": 7},
}


class VirtualClock:
    """A calendar that stands still until it is moved."""

    def __init__(self, moment: datetime | None = None) -> None:
        self.moment = moment or datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


@dataclass
class RememberedFlow:
    """One connection as the core would see it."""

    transport: Transport
    remote: Endpoint
    local: Endpoint
    writer: FlowWriter
    received: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class RememberingFlows:
    """Implements ``StreamFlows``: what comes waits to be read, and is answered by ``answer`` where that is set."""

    def __init__(self) -> None:
        self.flows: dict[int, RememberedFlow] = {}
        self.opened: asyncio.Queue[RememberedFlow] = asyncio.Queue()
        self.answer: Callable[[bytes], bytes] | None = None

    def open_flow(self, transport: Transport, remote: Endpoint, local: Endpoint, writer: FlowWriter) -> int:
        number = len(self.flows) + 1
        self.flows[number] = RememberedFlow(transport, remote, local, writer)
        self.opened.put_nowait(self.flows[number])
        return number

    def receive(self, connection: int, octets: bytes) -> None:
        flow = self.flows[connection]
        flow.received.put_nowait(octets)
        if self.answer is not None:
            flow.writer.write(self.answer(octets))

    def close_flow(self, connection: int) -> None:
        self.flows[connection].closed.set()

    def open_count(self) -> int:
        return sum(not flow.closed.is_set() for flow in self.flows.values())


@dataclass
class FixedCalls:
    """Implements ``CallsView``."""

    reports: list[CallReport] = field(default_factory=list)

    def call_reports(self) -> list[CallReport]:
        return self.reports


@dataclass
class ServedHttps:
    """A running server; ``policy`` may be changed while it runs."""

    port: int
    server: HttpServer
    flows: RememberingFlows
    calls: FixedCalls
    trust: ssl.SSLContext
    policy: HttpPolicy

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def sip_url(self) -> str:
        return f"wss://127.0.0.1:{self.port}/sip"


@asynccontextmanager
async def served_https(
    directory: Path,
    *,
    page: Path | None = None,
    limits: HttpLimits | None = None,
    quota: ConnectionQuota | None = None,
    **more: Any,
) -> AsyncIterator[ServedHttps]:
    """The server on a free port of 127.0.0.1; ``more`` are further fields of ``HttpSources``."""
    keeper = CertificateKeeper(CertificateSettings(directory / "certificates"), VirtualClock())
    keeper.renew(LOCAL)
    authority = keeper.authority_pem
    assert authority is not None
    flows, calls = RememberingFlows(), FixedCalls()
    policy = HttpPolicy(NetworkGuard((NetworkRule("private"),)), LOCAL)
    sources = HttpSources(lambda: STATUS, lambda: [DEVICE], calls, lambda: keeper.authority_pem, **more)
    around = HttpSurroundings(
        keeper, sources, lambda: served.policy, page or directory / "nothing", flows=flows, quota=quota
    )
    settings = HttpSettings((ListenAddress("127.0.0.1", 0),), limits or HttpLimits())
    server = HttpServer(settings, around)
    (bound,) = await server.start()
    trust = ssl.create_default_context(cadata=authority.decode())
    served = ServedHttps(bound.port, server, flows, calls, trust, policy)
    try:
        yield served
    finally:
        await server.stop()
