"""The daemon with TLS and a certificate of this test's own: takes the daemon's own command line.

The certificate and key, in one PEM file, are those that TLS_CERTIFICATE names.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import ssl
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

COMMAND = (sys.executable, "-m", "tests.kit.tls_daemon")


class FileCertificates:
    """In the place of ``daemon.certificate_service.CertificateService``."""

    def __init__(self, _: object) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(Path(os.environ["TLS_CERTIFICATE"]))

    def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def wait_ready(self) -> None: ...

    def note_hosts(self) -> None: ...

    def authority_pem(self) -> bytes | None:
        return None

    def tls_context(self) -> ssl.SSLContext:
        return self._context


def write_certificate(path: Path) -> ssl.SSLContext:
    """A self-signed certificate for localhost and 127.0.0.1 with its key; a client's context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    key_text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key_text)
    return ssl.create_default_context(cafile=str(path))


if __name__ == "__main__":
    import daemon.wiring
    from daemon.__main__ import main

    setattr(daemon.wiring, "CertificateService", FileCertificates)  # noqa: B010  # typed as the module's own
    sys.exit(main())
