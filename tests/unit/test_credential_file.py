"""credentials.yaml: hashes only, for the daemon's eyes only, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import stat
import traceback

import pytest

from configuration.credential_file import (
    CredentialSet,
    CredentialsUnreadable,
    file_state,
    hash_password,
    is_sip_user,
    read_credentials,
    update_credentials,
)
from domain.access import DigestAlgorithm

CAM = hash_password("cam", "screamrouter.local", "Geheimnis-1")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "credentials.yaml"


def test_hashes_are_those_of_rfc_7616():
    """Section 3.9.1's user, realm and password; RFC 2617 section 3.5 has the same text for MD5."""
    ha1 = hash_password("Mufasa", "http-auth@example.org", "Circle of Life").ha1
    text = b"Mufasa:http-auth@example.org:Circle of Life"
    assert ha1[DigestAlgorithm.MD5] == "3d78807defe7de2157e2b0b6573a855f"
    assert ha1[DigestAlgorithm.SHA_256] == hashlib.sha256(text).hexdigest()
    assert len(ha1[DigestAlgorithm.SHA_512_256]) == 64


def test_algorithm_that_the_machine_lacks_is_left_out(monkeypatch):
    real = hashlib.new

    def without_one(name, *arguments, **options):
        if name == "sha512_256":
            raise ValueError("unsupported hash type")
        return real(name, *arguments, **options)

    monkeypatch.setattr(hashlib, "new", without_one)
    assert set(hash_password("u", "r", "p").ha1) == {DigestAlgorithm.SHA_256, DigestAlgorithm.MD5}


def test_what_was_written_is_read_again(path):
    other = hash_password('Zoë-"', "screamrouter.local", "x")
    update_credentials(path, lambda stored: {**stored, "cam": CAM})
    update_credentials(path, lambda stored: {**stored, "null": other})
    assert read_credentials(path).credentials == {"cam": CAM, "null": other}
    update_credentials(path, lambda _: {})
    assert read_credentials(path).credentials == {}


def test_file_is_private_from_the_first_moment_and_again_after_a_write(path):
    before = os.umask(0)
    try:
        update_credentials(path, lambda stored: {"cam": CAM})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert read_credentials(path).is_exposed
    update_credentials(path, lambda stored: stored)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not read_credentials(path).is_exposed


def test_no_file_is_no_credentials(path):
    assert read_credentials(path) == CredentialSet({})
    assert file_state(path) is None


def test_state_differs_after_a_write(path):
    update_credentials(path, lambda _: {"cam": CAM})
    before = file_state(path)
    assert read_credentials(path).state == before
    update_credentials(path, lambda _: {})
    assert file_state(path) != before


def damages() -> list[bytes]:
    md5 = CAM.ha1[DigestAlgorithm.MD5]
    entry = f'user: cam, realm: r, ha1: {{MD5: "{md5}"}}'
    return [
        f"credentials: {{cam: {{{entry}".encode(),
        f"credentials: {{cam: {{{entry.replace(md5, md5[:-1])}}}}}".encode(),
        f"credentials: {{cam: {{{entry}}}, bert: {{{entry}}}}}".encode(),
        f"credentials: {{cam: {{{entry}}}, cam: {{{entry}}}}}".encode(),
        f"credentials: {{cam: {{{entry}, password: {md5}}}}}".encode(),
        f"cam: {md5}".encode(),
        f'"{md5}"'.encode(),
        md5.encode() + b"\xff",
    ]


@pytest.mark.parametrize("octets", damages())
def test_damage_is_told_without_any_of_the_content(path, octets):
    path.parent.mkdir()
    path.write_bytes(octets)
    with pytest.raises(CredentialsUnreadable) as caught:
        read_credentials(path)
    told = "".join(traceback.format_exception(caught.value))
    assert "is damaged" in str(caught.value)
    assert "screamrouter-sip passwd" in str(caught.value)
    assert CAM.ha1[DigestAlgorithm.MD5][:-1] not in told


def test_damaged_file_is_not_overwritten(path):
    path.parent.mkdir()
    path.write_bytes(b"credentials: [")
    with pytest.raises(CredentialsUnreadable):
        update_credentials(path, lambda stored: stored)
    assert path.read_bytes() == b"credentials: ["


def test_unreadable_file_is_told_with_what_to_do(path):
    path.mkdir(parents=True)
    with pytest.raises(CredentialsUnreadable, match="cannot be read"):
        read_credentials(path)


def test_hashes_do_not_show_in_what_is_printed_of_a_credential():
    assert not any(text in repr(CredentialSet({"cam": CAM})) for text in CAM.ha1.values())


@pytest.mark.parametrize("user", ["", "a b", "a:b", "a@b", 'a"b', "a\\b", "a\n", "x" * 65])
def test_what_cannot_be_a_user_name(user):
    assert not is_sip_user(user)
