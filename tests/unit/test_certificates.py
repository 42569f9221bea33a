"""The local authority, what it signs, and the owner's own files; checked by OpenSSL beside Python."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
import stat
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from certificates.certificate_keeper import AUTHORITY_FILE, SERVER_FILE, CertificateKeeper, CertificateSettings
from certificates.issuing import RENEWED_BEFORE, SERVER_LIFE, Signed, issue, make_authority
from certificates.owner_files import OwnerFiles
from certificates.pem_files import read_signed, write_signed
from certificates.subject_names import subject_names
from domain.errors import UserError
from tests.kit.https_server import VirtualClock

HOSTS = ("router.local", "screamrouter.local", "192.168.1.7", "fe80::1%eth0", "fd00::7")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def directory(tmp_path) -> Path:
    folder: Path = tmp_path / "certificates"
    return folder


def keeper_of(directory: Path, clock: VirtualClock) -> CertificateKeeper:
    return CertificateKeeper(CertificateSettings(directory), clock)


def server_certificate(directory: Path) -> x509.Certificate:
    signed = read_signed(directory / SERVER_FILE)
    assert signed is not None
    return signed.certificate


async def presented(keeper: CertificateKeeper, name: str) -> bytes:
    """The certificate (DER) that a client which trusts the authority gets and believes for ``name``."""
    assert keeper.authority_pem is not None
    trust = ssl.create_default_context(cadata=keeper.authority_pem.decode())
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=keeper.tls_context())
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=name)
        der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
    return der


@pytest.mark.parametrize("name", ["router.local", "192.168.1.7", "fe80::1", "fd00::7", "localhost", "127.0.0.1", "::1"])
async def test_who_trusts_the_authority_believes_the_server_by_every_name_and_address(directory, clock, name):
    keeper = keeper_of(directory, clock)
    keeper.renew(HOSTS)
    assert await presented(keeper, name)


async def test_nobody_believes_it_by_another_name(directory, clock):
    keeper = keeper_of(directory, clock)
    keeper.renew(HOSTS)
    with pytest.raises(ssl.SSLCertVerificationError):
        await presented(keeper, "other.local")


def openssl_verify(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    authority, server = directory / "ca.pem", directory / "leaf.pem"
    for path, name in ((authority, AUTHORITY_FILE), (server, SERVER_FILE)):
        signed = read_signed(directory / name)
        assert signed is not None
        path.write_bytes(signed.certificate.public_bytes(serialization.Encoding.PEM))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(authority), *options]
    return subprocess.run([*command, str(server)], capture_output=True, text=True, check=False)


def test_the_server_gives_out_its_own_certificate_only(directory, clock):
    """Some clients cannot read an authority with name constraints, and end a handshake that shows them one."""
    keeper_of(directory, clock).renew(HOSTS)
    assert (directory / SERVER_FILE).read_bytes().count(b"BEGIN CERTIFICATE") == 1


def test_openssl_verifies_the_chain_strictly(directory, clock):
    keeper_of(directory, clock).renew(HOSTS)
    assert openssl_verify(directory, "-verify_hostname", "router.local").returncode == 0
    assert openssl_verify(directory, "-verify_ip", "192.168.1.7").returncode == 0
    assert openssl_verify(directory, "-verify_hostname", "other.local").returncode != 0


@pytest.mark.parametrize("forged", ["bank.example", "8.8.8.8"])
def test_a_stolen_authority_can_pose_as_nobody_outside(directory, clock, forged):
    keeper_of(directory, clock).renew(HOSTS)
    authority = read_signed(directory / AUTHORITY_FILE)
    assert authority is not None
    write_signed(directory / SERVER_FILE, issue(authority, subject_names([forged]), clock.now()))
    verified = openssl_verify(directory)
    assert verified.returncode != 0
    assert "permitted subtree violation" in verified.stderr


def test_a_name_that_the_authority_may_not_vouch_for_is_left_out_and_the_rest_serves(directory, clock):
    keeper = keeper_of(directory, clock)
    keeper.renew(HOSTS)
    assert keeper.renew([*HOSTS, "router.example.org", "203.0.113.5"]) is False
    assert openssl_verify(directory).returncode == 0


def test_what_the_host_is_called_when_the_authority_is_made_may_be_vouched_for(directory, clock):
    keeper_of(directory, clock).renew([*HOSTS, "router.example.org", "203.0.113.5", "2001:db8::5"])
    for option in (
        ("-verify_hostname", "router.example.org"),
        ("-verify_ip", "203.0.113.5"),
        ("-verify_ip", "2001:db8::5"),
    ):
        assert openssl_verify(directory, *option).returncode == 0, option


def test_keys_are_for_the_daemon_alone_and_no_other_file_is_left(directory, clock):
    before = os.umask(0)
    try:
        keeper_of(directory, clock).renew(HOSTS)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes == {AUTHORITY_FILE: 0o600, SERVER_FILE: 0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_the_authority_outlives_the_process_and_the_server_certificate_is_kept(directory, clock):
    first, second = keeper_of(directory, clock), keeper_of(directory, clock)
    first.renew(HOSTS)
    kept = server_certificate(directory)
    second.renew(reversed(HOSTS))
    assert first.authority_pem == second.authority_pem
    assert server_certificate(directory) == kept


def test_no_certificate_lives_longer_than_browsers_allow(directory, clock):
    keeper_of(directory, clock).renew(HOSTS)
    certificate = server_certificate(directory)
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life < timedelta(days=397)


async def test_new_names_are_served_by_the_listeners_that_stand(directory, clock):
    keeper = keeper_of(directory, clock)
    keeper.renew(HOSTS)
    context, old = keeper.tls_context(), await presented(keeper, "router.local")
    assert keeper.renew([*HOSTS, "10.1.2.3"]) is True
    assert keeper.tls_context() is context
    assert await presented(keeper, "10.1.2.3") != old


async def test_it_is_renewed_in_time_and_not_before(directory, clock):
    keeper = keeper_of(directory, clock)
    keeper.renew(HOSTS)
    ends = server_certificate(directory).not_valid_after_utc
    clock.moment = ends - RENEWED_BEFORE - timedelta(hours=1)
    assert keeper.renew(HOSTS) is False
    clock.moment = ends - RENEWED_BEFORE + timedelta(hours=1)
    assert keeper.renew(HOSTS) is True
    assert server_certificate(directory).not_valid_after_utc > ends


def test_a_certificate_made_while_the_clock_was_ahead_is_made_anew(directory, clock):
    keeper = keeper_of(directory, clock)
    authority = make_authority(subject_names(HOSTS), clock.now() - timedelta(days=1000))
    directory.mkdir()
    write_signed(directory / AUTHORITY_FILE, authority)
    names = subject_names([*HOSTS, "localhost", "127.0.0.1", "::1"])
    write_signed(directory / SERVER_FILE, issue(authority, names, clock.now() + timedelta(days=30)))
    keeper.renew(HOSTS)
    assert server_certificate(directory).not_valid_before_utc < clock.now()


def test_an_authority_whose_time_is_over_is_made_anew(directory, clock):
    keeper = keeper_of(directory, clock)
    keeper.renew(HOSTS)
    old = keeper.authority_pem
    clock.moment += timedelta(days=3700)
    keeper.renew(HOSTS)
    assert keeper.authority_pem != old
    assert server_certificate(directory).not_valid_after_utc > clock.now()


def test_a_damaged_server_certificate_is_made_anew(directory, clock):
    keeper_of(directory, clock).renew(HOSTS)
    (directory / SERVER_FILE).write_text("no PEM")
    keeper_of(directory, clock).renew(HOSTS)
    assert openssl_verify(directory).returncode == 0


def test_a_damaged_authority_is_not_replaced_unasked_for_people_trust_it(directory, clock):
    keeper_of(directory, clock).renew(HOSTS)
    (directory / AUTHORITY_FILE).write_text("no PEM")
    with pytest.raises(UserError, match="delete it"):
        keeper_of(directory, clock).renew(HOSTS)
    assert (directory / AUTHORITY_FILE).read_text() == "no PEM"


async def test_when_the_directory_fails_the_certificate_in_force_stays(directory, clock):
    keeper = keeper_of(directory, clock)
    keeper.renew(HOSTS)
    before = await presented(keeper, "router.local")
    (directory / f"{SERVER_FILE}.new").mkdir()
    with pytest.raises(UserError, match=str(directory)):
        keeper.renew([*HOSTS, "10.1.2.3"])
    assert await presented(keeper, "router.local") == before


def owner_pair(directory: Path, moment: datetime) -> tuple[OwnerFiles, Signed]:
    directory.mkdir(exist_ok=True)
    authority = make_authority(subject_names(["router.local"]), moment)
    made = issue(authority, subject_names(["router.local"]), moment)
    files = OwnerFiles(directory / "own.crt", directory / "own.key")
    files.certificate.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(key_octets(made, serialization.NoEncryption()))
    return files, made


def key_octets(made: Signed, encryption: serialization.KeySerializationEncryption) -> bytes:
    return made.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def owner_keeper(directory: Path, clock: VirtualClock, files: OwnerFiles) -> CertificateKeeper:
    return CertificateKeeper(CertificateSettings(directory, files), clock)


def test_the_owners_files_are_used_and_a_renewal_of_his_is_taken(directory, clock):
    files, _ = owner_pair(directory, clock.now())
    keeper = owner_keeper(directory, clock, files)
    assert keeper.renew(HOSTS) is True
    assert keeper.authority_pem is None
    assert keeper.renew(HOSTS) is False
    owner_pair(directory, clock.now())
    assert keeper.renew(HOSTS) is True
    assert {path.name for path in directory.iterdir()} == {"own.crt", "own.key"}


def faulty(directory: Path, fault: str) -> Sequence[str]:
    """Spoil the owner's files; the words that must tell of it."""
    now = datetime.now(UTC)
    files, made = owner_pair(directory, now - SERVER_LIFE if fault == "expired" else now)
    other = issue(make_authority(subject_names([]), now), subject_names(["x.local"]), now)
    match fault:
        case "missing":
            files.certificate.unlink()
            return "http.certificate", "No such file"
        case "mismatched":
            files.key.write_bytes(key_octets(other, serialization.NoEncryption()))
            return "not the one", "http.key"
        case "passphrase":
            files.key.write_bytes(key_octets(made, serialization.BestAvailableEncryption(b"secret")))
            return "passphrase", "openssl pkey"
        case "exchanged":
            files.certificate.write_bytes(files.key.read_bytes())
            return "no certificate in PEM form", "http.certificate"
        case "no key":
            files.key.write_bytes(files.certificate.read_bytes())
            return "no private key", "http.key"
        case _:
            return "expired on", "renew it"


@pytest.mark.parametrize("fault", ["missing", "mismatched", "passphrase", "exchanged", "no key", "expired"])
def test_what_is_wrong_with_the_owners_files_is_told_with_what_to_do(directory, clock, fault):
    words = faulty(directory, fault)
    files = OwnerFiles(directory / "own.crt", directory / "own.key")
    with pytest.raises(UserError) as error:
        owner_keeper(directory, clock, files).renew(HOSTS)
    assert [word for word in words if word not in str(error.value)] == []
    assert "secret" not in str(error.value)


def test_names_that_can_stand_in_no_certificate_are_left_out():
    names = subject_names(["A.Local.", "under_score.local", "", "-x", "[::1]", "10.0.0.1", "10.0.0.1"])
    assert names.host_names == ("a.local",)
    assert names.addresses == (ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("::1"))


async def test_old_tls_is_refused(directory, clock):
    keeper = keeper_of(directory, clock)
    keeper.renew(HOSTS)
    assert keeper.tls_context().minimum_version is ssl.TLSVersion.TLSv1_2
