"""Keeps the server's TLS context up to date with the host's names, the calendar and the owner's files.

Theory of operation: ``renew`` makes what is wanted true and may be called at any time: at the start, when the host's
names or addresses change, and now and then for the calendar. It loads the chain into the one context that every
listener has; connections that stand keep what they began with.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography import x509

from certificates.issuing import Signed, has_expired, issue, make_authority, permitted, reason_to_issue
from certificates.owner_files import OwnerFiles, check_owner_files
from certificates.pem_files import certificate_pem, read_signed, write_signed
from certificates.subject_names import SubjectNames, subject_names
from domain.errors import UserError
from domain.ports import Clock

_log = structlog.get_logger(__name__)

AUTHORITY_FILE = "authority.pem"
SERVER_FILE = "server.pem"
_LOOPBACKS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """``directory`` is the keeper's own; ``owner_files`` are used in place of the authority's where given."""

    directory: Path
    owner_files: OwnerFiles | None = None


class CertificateKeeper:
    """Implements ``domain.ports.ServerCertificates``. One thread at a time, which may be another than the loop's."""

    def __init__(self, settings: CertificateSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._context: ssl.SSLContext | None = None
        self._loaded: x509.Certificate | None = None
        self._authority: Signed | None = None
        self._left_out: SubjectNames | None = None

    def tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            raise RuntimeError("CertificateKeeper.renew comes first")
        return self._context

    @property
    def authority_pem(self) -> bytes | None:
        """The certificate by which others come to trust this host; None where the owner brought his own."""
        return None if self._authority is None else certificate_pem(self._authority.certificate)

    def renew(self, hosts: Iterable[str]) -> bool:
        """Have a certificate in force for all of ``hosts``, the names and addresses of this host; True: it is new.

        Raise ``UserError`` where there can be none; one that is in force stays so.
        """
        owner_files = self._settings.owner_files
        if owner_files is not None:
            return self._load_owner_files(owner_files)
        try:
            return self._renew_own(subject_names((*hosts, *_LOOPBACKS)))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise UserError(
                f"The certificates in {self._settings.directory} cannot be used ({reason}): make the directory and its "
                "files usable for the daemon's user, with room on its disk. If a file there is damaged, delete it: "
                f"the daemon makes another (after {AUTHORITY_FILE} has gone, browsers are to trust the new one)."
            ) from error

    def _load_owner_files(self, files: OwnerFiles) -> bool:
        certificate = check_owner_files(files, self._clock.now())
        if certificate == self._loaded:
            return False
        try:
            self._load(certificate, files.certificate, files.key)
        except (OSError, ssl.SSLError) as error:
            raise UserError(
                f"TLS refuses the certificate in {files.certificate} with the key in {files.key} ({error}): "
                "is the key strong enough (RSA 2048, P-256), and the chain complete?"
            ) from error
        _log.info("certificate.taken", path=str(files.certificate), ends=f"{certificate.not_valid_after_utc:%Y-%m-%d}")
        return True

    def _renew_own(self, names: SubjectNames) -> bool:
        directory, now = self._settings.directory, self._clock.now()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._authority is None or has_expired(self._authority.certificate, now):
            self._authority = self._keep_authority(names)
        authority = self._authority
        names, left_out = permitted(authority.certificate, names)
        self._tell_left_out(left_out)
        path = directory / SERVER_FILE
        present = _read_server(path)
        reason = "there was none"
        if present is not None:
            reason = reason_to_issue(present.certificate, authority.certificate, names, now)
        if present is None or reason:
            present = issue(authority, names, now)
            # Alone: who trusts the authority has it (RFC 5246 section 7.4.2), and who cannot read its constraints, such
            # as linphone's mbedTLS 2.28, would end the handshake even where it verifies nothing.
            write_signed(path, present)
            ends = f"{present.certificate.not_valid_after_utc:%Y-%m-%d}"
            _log.info("certificate.issued", reason=reason, names=str(names), ends=ends)
        if present.certificate == self._loaded:
            return False
        self._load(present.certificate, path)
        return True

    def _keep_authority(self, names: SubjectNames) -> Signed:
        path = self._settings.directory / AUTHORITY_FILE
        known = read_signed(path)
        if known is not None and not has_expired(known.certificate, self._clock.now()):
            return known
        made = make_authority(names, self._clock.now())
        write_signed(path, made)
        _log.info("authority.made", path=str(path), reason="its time is over" if known else "there was none")
        return made

    def _load(self, certificate: x509.Certificate, chain: Path, key: Path | None = None) -> None:
        if self._loaded is not None and type(certificate.public_key()) is not type(self._loaded.public_key()):
            # OpenSSL keeps one chain per kind of key, and the old one would be given out beside the new one.
            raise UserError(f"The certificate in {chain} has another kind of key than before: restart the daemon.")
        context = self._context or _new_context()
        context.load_cert_chain(chain, key)
        self._context, self._loaded = context, certificate

    def _tell_left_out(self, left_out: SubjectNames) -> None:
        if left_out != self._left_out and (left_out.host_names or left_out.addresses):
            tell = _log.warning if left_out.host_names else _log.info  # addresses of the Internet come and go
            tell(
                "certificate.names_left_out",
                names=str(left_out),
                effect="browsers that use these do not trust this host",
                remedy=f"delete {self._settings.directory / AUTHORITY_FILE}, restart, and trust the new authority: "
                "it may vouch for local names and for what this host was called when it was made",
            )
        self._left_out = left_out


def _read_server(path: Path) -> Signed | None:
    """The server's certificate as it was kept; None if it is to be made anew, which costs nobody anything."""
    try:
        return read_signed(path)
    except ValueError:
        return None


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
