"""Keys and certificates as PEM files: written whole or not at all, keys for the daemon's user alone."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certificates.issuing import Signed
from files.whole_file import replace_file

_MODE_SECRET = 0o600
_MOST_OCTETS = 1_000_000


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """The certificate's block."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def write_signed(path: Path, signed: Signed) -> None:
    """Key and certificate in one file: no moment has a key without its certificate. Raise ``OSError``."""
    key = signed.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    replace_file(path, key + certificate_pem(signed.certificate), _MODE_SECRET)


def read_signed(path: Path) -> Signed | None:
    """What ``write_signed`` wrote, None if there is no such file. Raise ``OSError``, and ``ValueError`` for damage."""
    try:
        octets = path.read_bytes()[:_MOST_OCTETS]
    except FileNotFoundError:
        return None
    key = serialization.load_pem_private_key(octets, password=None)
    certificate = x509.load_pem_x509_certificates(octets)[0]
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("key and certificate do not belong together")
    return Signed(key, certificate)
