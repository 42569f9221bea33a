"""Keeps the certificate of TLS, WSS and HTTPS: made beside the loop once SIP is served, renewed for as long as it runs.

A failure is told, and tried again; a certificate that is in force stays so meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from configuration.config_document import ConfigDocument
from domain.errors import UserError
from domain.ports import Clock

if TYPE_CHECKING:  # imported when SIP is served
    from certificates.certificate_keeper import CertificateKeeper

_log = structlog.get_logger(__name__)

FOLDER = "certificates"
"""Below the state directory."""
_LOOK_S = 3600.0
_RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class CertificateParts:
    """``document`` is the configuration in force; ``hosts`` are this host's names and addresses as they are now."""

    document: Callable[[], ConfigDocument]
    state_dir: Path
    hosts: Callable[[], frozenset[str]]
    clock: Clock


class CertificateService:
    """Implements ``domain.ports.ServerCertificates``; every method belongs to the event loop's thread."""

    def __init__(self, parts: CertificateParts) -> None:
        self._parts = parts
        self._keeper: CertificateKeeper | None = None
        self._is_ready = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._told = ""

    def start(self) -> None:
        """Begin, if anything that the owner wants served needs a certificate."""
        document = self._parts.document()
        if document.http.enabled or document.sip.tls.enabled:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Renew no more; idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def note_hosts(self) -> None:
        """This host's names or addresses may have changed."""
        self._changed.set()

    async def wait_ready(self) -> None:
        """Return when there is a certificate."""
        await self._is_ready.wait()

    def tls_context(self) -> ssl.SSLContext:
        """As promised; raise ``ssl.SSLError`` while there is none: a handshake that fails, to be tried again."""
        if self._keeper is None or not self._is_ready.is_set():
            raise ssl.SSLError("there is no certificate yet")
        return self._keeper.tls_context()

    def authority_pem(self) -> bytes | None:
        """The certificate by which others come to trust this host, if the daemon made it."""
        return self._keeper.authority_pem if self._keeper is not None else None

    async def _run(self) -> None:
        keeper = self._keeper = await asyncio.to_thread(self._make_keeper)
        while True:
            self._changed.clear()
            await self._renew(keeper)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_S if self._is_ready.is_set() else _RETRY_S)

    async def _renew(self, keeper: CertificateKeeper) -> None:
        names = self._parts.hosts() | {self._parts.document().server.domain.lower()}
        try:
            await asyncio.to_thread(keeper.renew, names)
        except UserError as error:
            if str(error) != self._told:
                effect = "the one in force stays" if self._is_ready.is_set() else "no TLS, no HTTPS, no browsers"
                _log.error("certificate.failed", reason=str(error), effect=f"{effect}; it is tried again")
            self._told = str(error)
        else:
            self._told = ""
            self._is_ready.set()

    def _make_keeper(self) -> CertificateKeeper:
        from certificates.certificate_keeper import CertificateKeeper, CertificateSettings
        from certificates.owner_files import OwnerFiles

        http = self._parts.document().http
        files = None
        if http.certificate is not None and http.key is not None:
            files = OwnerFiles(Path(http.certificate).expanduser(), Path(http.key).expanduser())
        return CertificateKeeper(CertificateSettings(self._parts.state_dir / FOLDER, files), self._parts.clock)
