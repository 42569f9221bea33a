"""Joins the HTTPS port with the rest: the certificate, the policy in force, the answers, SIP over WebSocket.

Theory of operation: it begins when SIP is served already, and imports what it needs beside the loop. A port that is
taken is told and tried again, and costs no telephone anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from configuration.access_policy import network_rules
from configuration.config_document import ConfigDocument
from daemon.certificate_service import CertificateService
from daemon.presence_service import PresenceService
from daemon.status_report import StatusReport
from domain.call_reports import CallsView
from domain.errors import UserError
from domain.ports import ConnectionQuota, ListenAddress, StreamFlows

if TYPE_CHECKING:  # imported when SIP is served
    from api.http_server import HttpServer
    from api.http_surroundings import HttpPolicy

_log = structlog.get_logger(__name__)

_RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class FrontParts:
    """``document`` is the configuration in force; ``hosts`` are this host's names and addresses as they are now."""

    document: Callable[[], ConfigDocument]
    hosts: Callable[[], frozenset[str]]
    report: StatusReport
    certificates: CertificateService
    calls: CallsView
    flows: StreamFlows
    quota: ConnectionQuota
    presence: PresenceService


class HttpFront:
    """Serves between ``start`` and ``stop``; every method belongs to the event loop's thread."""

    def __init__(self, parts: FrontParts) -> None:
        self._parts = parts
        self._task: asyncio.Task[None] | None = None
        self._server: HttpServer | None = None
        self._hosts: frozenset[str] = frozenset()
        self._policy: tuple[tuple[object, ...], HttpPolicy] | None = None

    def start(self) -> None:
        """Begin to serve soon, if the owner wants it."""
        if self._parts.document().http.enabled:
            self.note_hosts()
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
        self._hosts = self._parts.hosts()

    async def _run(self) -> None:
        await self._parts.certificates.wait_ready()
        told = ""
        while True:
            self._server = await asyncio.to_thread(self._make_server)  # `stop` ends one that is starting, too
            try:
                await self._server.start()
            except UserError as error:
                self._server = None
                if str(error) != told:
                    effect = "SIP is served all the same, but no page, no REST and no browsers; it is tried again"
                    _log.error("http.not_serving", reason=str(error), effect=effect)
                told = str(error)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    def _make_server(self) -> HttpServer:
        from api.http_server import HttpServer
        from api.http_surroundings import HttpSettings, HttpSources, HttpSurroundings
        from api.page_files import page_folder

        parts, http = self._parts, self._parts.document().http
        authority_pem = parts.certificates.authority_pem
        sources = HttpSources(
            parts.report.status,
            parts.report.devices,
            parts.calls,
            authority_pem,
            events=parts.presence.history,
            presence=parts.presence.view,
            subscriptions=parts.presence.subscriptions,
        )
        around = HttpSurroundings(
            parts.certificates, sources, self._current_policy, page_folder(), parts.flows, parts.quota
        )
        return HttpServer(HttpSettings(tuple(ListenAddress(ip, http.port) for ip in http.address)), around)

    def _current_policy(self) -> HttpPolicy:
        """As the configuration in force and the host are now; made anew where either has changed."""
        document = self._parts.document()
        premises = (document.admission, document.server.domain, document.http.allowed_origins, self._hosts)
        if self._policy is None or self._policy[0] != premises:
            self._policy = (premises, self._make_policy(document))
        return self._policy[1]

    def _make_policy(self, document: ConfigDocument) -> HttpPolicy:
        from api.http_surroundings import HttpPolicy
        from api.source_guard import NetworkGuard

        own_hosts = self._hosts | {document.server.domain.lower()}
        return HttpPolicy(NetworkGuard(network_rules(document)), own_hosts, frozenset(document.http.allowed_origins))
