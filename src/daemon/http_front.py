"""Joins the HTTPS port with the rest: certificates for what this host is called, the policy in force, the answers.

Theory of operation: it begins when SIP is served already, and imports what it needs beside the loop. What it cannot
have (a taken port, a full disk, a wrong certificate) is told and tried again, and costs no telephone anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from configuration.access_policy import network_rules
from configuration.config_document import ConfigDocument
from daemon.status_report import StatusReport
from domain.call_reports import CallReport, CallsView
from domain.errors import UserError
from domain.ports import Clock, ConnectionQuota, ListenAddress, StreamFlows

if TYPE_CHECKING:  # imported when SIP is served
    from api.http_server import HttpServer
    from api.http_surroundings import HttpPolicy
    from certificates.certificate_keeper import CertificateKeeper

_log = structlog.get_logger(__name__)

CERTIFICATES = "certificates"
"""The folder below the state directory."""
_LOOK_S = 3600.0
_RETRY_S = 60.0


class NoCalls:
    """Implements ``CallsView`` where no audio is carried."""

    def call_reports(self) -> tuple[CallReport, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class FrontParts:
    """``document`` is the configuration in force; ``hosts`` are this host's names and addresses as they are now."""

    document: Callable[[], ConfigDocument]
    state_dir: Path
    hosts: Callable[[], frozenset[str]]
    report: StatusReport
    clock: Clock
    calls: CallsView
    flows: StreamFlows | None = None
    quota: ConnectionQuota | None = None


class HttpFront:
    """Serves between ``start`` and ``stop``; every method belongs to the event loop's thread."""

    def __init__(self, parts: FrontParts) -> None:
        self._parts = parts
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._server: HttpServer | None = None
        self._hosts: frozenset[str] = frozenset()
        self._policy: tuple[ConfigDocument, frozenset[str], HttpPolicy] | None = None
        self._told = ""

    def start(self) -> None:
        """Begin to serve soon, if the owner wants it."""
        if self._parts.document().http.enabled:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Serve nobody; idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._server is not None:
            await self._server.stop()
            self._server = None

    def note_hosts(self) -> None:
        """This host's names or addresses may have changed."""
        self._changed.set()

    async def _run(self) -> None:
        keeper = await asyncio.to_thread(self._make_keeper)
        while True:
            self._changed.clear()
            self._hosts = self._parts.hosts()
            await self._bring_about(keeper)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _RETRY_S if self._server is None else _LOOK_S)

    async def _bring_about(self, keeper: CertificateKeeper) -> None:
        try:
            await asyncio.to_thread(keeper.renew, self._names())
            if self._server is None:
                server = await asyncio.to_thread(self._make_server, keeper)
                await server.start()
                self._server = server
            self._told = ""
        except UserError as error:
            if str(error) != self._told:
                self._told = str(error)
                self._tell(self._told)

    def _tell(self, reason: str) -> None:
        if self._server is None:
            effect = "SIP is served all the same, but no page, no REST and no browser; it is tried again every minute"
            _log.error("http.not_serving", reason=reason, effect=effect)
        else:
            _log.error("certificate.not_renewed", reason=reason, effect="the certificate in force stays")

    def _make_keeper(self) -> CertificateKeeper:
        from certificates.certificate_keeper import CertificateKeeper, CertificateSettings
        from certificates.owner_files import OwnerFiles

        http = self._parts.document().http
        files = None
        if http.certificate is not None and http.key is not None:
            files = OwnerFiles(Path(http.certificate).expanduser(), Path(http.key).expanduser())
        return CertificateKeeper(CertificateSettings(self._parts.state_dir / CERTIFICATES, files), self._parts.clock)

    def _make_server(self, keeper: CertificateKeeper) -> HttpServer:
        from api.http_server import HttpServer
        from api.http_surroundings import HttpSettings, HttpSources, HttpSurroundings
        from api.page_files import page_folder

        parts, http = self._parts, self._parts.document().http
        sources = HttpSources(parts.report.status, parts.report.devices, parts.calls, lambda: keeper.authority_pem)
        around = HttpSurroundings(keeper, sources, self._current_policy, page_folder(), parts.flows, parts.quota)
        return HttpServer(HttpSettings(tuple(ListenAddress(ip, http.port) for ip in http.address)), around)

    def _names(self) -> frozenset[str]:
        return self._hosts | {self._parts.document().server.domain.lower()}

    def _current_policy(self) -> HttpPolicy:
        document = self._parts.document()
        if self._policy is None or self._policy[0] != document or self._policy[1] is not self._hosts:
            self._policy = (document, self._hosts, self._make_policy(document))
        return self._policy[2]

    def _make_policy(self, document: ConfigDocument) -> HttpPolicy:
        from api.http_surroundings import HttpPolicy
        from api.source_guard import NetworkGuard

        origins = frozenset(document.http.allowed_origins)
        return HttpPolicy(NetworkGuard(network_rules(document)), self._names(), origins)
