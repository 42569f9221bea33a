"""The owner's own certificate and key: read, and refused in words that tell what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from domain.errors import UserError


@dataclass(frozen=True, slots=True)
class OwnerFiles:
    """Where ``http.certificate`` (with its chain behind it) and ``http.key`` are; both PEM."""

    certificate: Path
    key: Path


def check_owner_files(files: OwnerFiles, now: datetime) -> x509.Certificate:
    """The owner's certificate. Raise ``UserError`` where a TLS server could not use the two, or nobody would believe
    them.
    """
    certificate = _read_certificate(files.certificate)
    key = _read_key(files.key)
    if key != certificate.public_key():
        raise UserError(
            f"The key in {files.key} is not the one of the certificate in {files.certificate}: "
            "set http.certificate and http.key to two files that were made together."
        )
    if now > certificate.not_valid_after_utc:
        raise UserError(
            f"The certificate in {files.certificate} expired on {certificate.not_valid_after_utc:%Y-%m-%d}: renew it, "
            "or leave http.certificate and http.key empty to have the daemon make its own."
        )
    return certificate


def _read_certificate(path: Path) -> x509.Certificate:
    octets = _read(path, "http.certificate")
    try:
        return x509.load_pem_x509_certificates(octets)[0]
    except ValueError as error:
        raise UserError(
            f"{path} (http.certificate) holds no certificate in PEM form (-----BEGIN CERTIFICATE-----): "
            "is it the right file? `openssl x509 -inform DER -in FILE` turns DER into PEM."
        ) from error


def _read_key(path: Path) -> object:
    octets = _read(path, "http.key")
    try:
        return serialization.load_pem_private_key(octets, password=None).public_key()
    except TypeError as error:
        raise UserError(
            f"The key in {path} (http.key) has a passphrase, for which nobody can be asked: "
            "write it without one (`openssl pkey -in FILE -out NEW`), readable for the daemon's user only."
        ) from error
    except ValueError as error:
        raise UserError(
            f"{path} (http.key) holds no private key in PEM form (-----BEGIN PRIVATE KEY-----): is it the right file?"
        ) from error


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} ({name}) cannot be read ({error.strerror or error}): correct {name} in config.yaml, "
            "or let the daemon's user read the file."
        ) from error
