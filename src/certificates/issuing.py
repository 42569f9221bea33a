"""Makes the authority and what it signs, and says when either is to be made anew. Reads no clock and no file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates.subject_names import SubjectNames, permitted_subtrees, split_permitted

AUTHORITY_LIFE = timedelta(days=3652)
SERVER_LIFE = timedelta(days=397)
"""Apple refuses certificates that live longer than 398 days."""
BACKDATED = timedelta(days=1)
"""Clocks of phones go wrong, too."""
RENEWED_BEFORE = timedelta(days=30)
_MOST_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and the key that belongs to it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def make_authority(own: SubjectNames, now: datetime) -> Signed:
    """A new authority for the host called ``own``. Two are told apart by the end of their names."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ScreamRouter SIP"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"ScreamRouter local authority {identifier.digest.hex()[:8]}"),
        ]
    )
    builder = (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .add_extension(permitted_subtrees(own), critical=True)
        .add_extension(identifier, critical=False)
    )
    return Signed(key, builder.sign(key, hashes.SHA256()))


def permitted(authority: x509.Certificate, names: SubjectNames) -> tuple[SubjectNames, SubjectNames]:
    """Those of ``names`` that ``authority`` may vouch for, and the others."""
    return split_permitted(names, authority.extensions.get_extension_for_class(x509.NameConstraints).value)


def issue(authority: Signed, names: SubjectNames, now: datetime) -> Signed:
    """A server's certificate for ``names``, all of which the authority may vouch for."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    common_name = next((name for name in names.host_names if len(name) <= _MOST_COMMON_NAME), "screamrouter-sip")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer_identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(subject, issuer.subject, key, now, SERVER_LIFE)
        .add_extension(names.alternative_names(), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_identifier), critical=False
        )
    )
    return Signed(key, builder.sign(authority.key, hashes.SHA256()))


def reason_to_issue(certificate: x509.Certificate, issuer: x509.Certificate, names: SubjectNames, now: datetime) -> str:
    """Why the server needs another certificate than this one; empty where it does not."""
    if not is_signed_by(certificate, issuer):
        return "another authority"
    if now < certificate.not_valid_before_utc:
        return "the clock was ahead"
    if now > certificate.not_valid_after_utc - RENEWED_BEFORE:
        return "its end is near"
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return "" if alternative == names.alternative_names() else "this host's names or addresses changed"


def has_expired(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether nobody believes the certificate any more."""
    return now > certificate.not_valid_after_utc


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether ``issuer``'s key made the signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    begin = now.replace(microsecond=0) - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + life - timedelta(seconds=1))
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
