"""credentials.yaml in the state directory: what devices prove themselves with, hashed, readable by the daemon alone.

A value here is as good as the password within its realm (RFC 7616 section 5.12), so no message of this module and no
exception holds anything of the file's content but places and users.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from configuration.atomic_file import FileChangedError, identity_of, remove_leftovers, replace_content
from configuration.config_section import Section
from configuration.yaml_reader import YamlFault, read_text
from domain.access import DigestAlgorithm
from domain.errors import ConfigError

CREDENTIALS_NAME = "credentials.yaml"
LONGEST_USER = 64
_HEAD = """\
# What devices prove themselves with: hashes that are as good as the passwords. Keep this file to yourself.
# Written by `screamrouter-sip passwd DEVICE`; not to be edited.
"""
_MOST_OCTETS = 16 * 1024 * 1024
_PRIVATE_MODE = 0o600
_MOST_RACES = 10
_HASH_NAMES = {
    DigestAlgorithm.SHA_512_256: "sha512_256",
    DigestAlgorithm.SHA_256: "sha256",
    DigestAlgorithm.MD5: "md5",
}
_HEX_LENGTHS = {DigestAlgorithm.SHA_512_256: 64, DigestAlgorithm.SHA_256: 64, DigestAlgorithm.MD5: 32}


class CredentialsUnreadable(ConfigError):
    """The file is there but cannot be used."""


def is_sip_user(text: str) -> bool:
    """Whether it may be a device's user name: a colon would make two names and passwords hash to the same."""
    return 0 < len(text) <= LONGEST_USER and text.isprintable() and not set(text) & set(' :@"\\<>')


def _hashes(values: Mapping[DigestAlgorithm, str]) -> Mapping[DigestAlgorithm, str]:
    for algorithm, text in values.items():
        if len(text) != _HEX_LENGTHS[algorithm] or set(text) - set("0123456789abcdef"):
            raise PydanticCustomError("hash", "is no hash of that algorithm")
    return values


class StoredCredential(Section):
    """One device's: ``ha1`` is the hex of H(user:realm:password) per algorithm; never printed."""

    user: Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_USER)]
    realm: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    ha1: Annotated[Mapping[DigestAlgorithm, StrictStr], AfterValidator(_hashes), Field(min_length=1, repr=False)]


class _Document(Section):
    credentials: Mapping[Annotated[StrictStr, Field(min_length=1, max_length=255)], StoredCredential] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _has_each_user_once(self) -> _Document:
        if len({one.user for one in self.credentials.values()}) < len(self.credentials):
            raise PydanticCustomError("user", "a user stands there twice")
        return self


@dataclass(frozen=True, slots=True)
class CredentialSet:
    """The credentials by the devices' keys without ``@domain``. ``state`` differs whenever the file may have changed.

    ``is_exposed``: others than the file's owner may read it.
    """

    credentials: Mapping[str, StoredCredential]
    state: tuple[int, ...] | None = None
    is_exposed: bool = False


def hash_password(user: str, realm: str, password: str) -> StoredCredential:
    """The credential of ``user``; an algorithm that this machine's OpenSSL lacks is left out."""
    text = f"{user}:{realm}:{password}".encode()
    ha1 = {}
    for algorithm, name in _HASH_NAMES.items():
        with contextlib.suppress(ValueError):
            ha1[algorithm] = hashlib.new(name, text, usedforsecurity=True).hexdigest()
    return StoredCredential(user=user, realm=realm, ha1=ha1)


def file_state(path: Path) -> tuple[int, ...] | None:
    """What tells one state of the file from another without reading it; None while there is no file."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return (error.errno or 0,)
    return _state_of(status)


def read_credentials(path: Path) -> CredentialSet:
    """The credentials at ``path``; none where there is no file. Raise ``CredentialsUnreadable`` for one that is bad."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            octets = file.read(_MOST_OCTETS + 1)
    except (FileNotFoundError, NotADirectoryError):
        return CredentialSet({})
    except OSError as error:
        raise CredentialsUnreadable(
            f"{path} cannot be read ({error.strerror}): make it readable for the daemon's user (owner, mode 600)."
        ) from error
    is_exposed = bool(stat.S_IMODE(status.st_mode) & 0o077)
    return CredentialSet(_parsed(octets, path), _state_of(status), is_exposed)


def update_credentials(
    path: Path, update: Callable[[Mapping[str, StoredCredential]], Mapping[str, StoredCredential]]
) -> None:
    """Replace what the file holds by what ``update`` makes of it, in one step; mode 600, the owner is kept.

    A new file belongs to the directory's owner where this process may see to that. Raise ``CredentialsUnreadable`` or
    ``OSError``; the file is untouched then. ``update`` may be called again when somebody else writes at the same time.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    remove_leftovers(path)
    for _ in range(_MOST_RACES):
        _make_private(path)
        identity, before = identity_of(path), path.read_bytes()
        octets = _written(update(_parsed(before, path)))
        with contextlib.suppress(FileChangedError):
            replace_content(path, octets, identity, before)
            return
    raise OSError(f"{path} is being written by others all the time")


def _make_private(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE_MODE)
    except FileExistsError:
        path.chmod(_PRIVATE_MODE)
        return
    try:
        owner = path.parent.stat()
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    finally:
        os.close(descriptor)


def _parsed(octets: bytes, path: Path) -> Mapping[str, StoredCredential]:
    if not octets.strip():
        return {}
    remedy = "restore it from a backup, or delete it and give each device a new password with `screamrouter-sip passwd`"
    where = str(path)
    try:
        if len(octets) <= _MOST_OCTETS:
            reading = read_text(octets.decode("utf-8"))
            if not reading.faults:
                return _Document.model_validate({} if reading.value is None else reading.value).credentials
            where += _line_text(reading.faults[0])
    except YamlFault as fault:
        where += _line_text(fault)
    except (ValidationError, UnicodeDecodeError):
        pass  # what they tell holds pieces of the content
    raise CredentialsUnreadable(f"{where} is damaged: {remedy}.") from None


def _line_text(fault: YamlFault) -> str:
    return f":{fault.place.line}" if fault.place else ""


def _written(credentials: Mapping[str, StoredCredential]) -> bytes:
    lines = [_HEAD, "credentials:" if credentials else "credentials: {}", "\n"]
    for key, one in credentials.items():
        lines += [f"  {_quoted(key)}:\n", f"    user: {_quoted(one.user)}\n", f"    realm: {_quoted(one.realm)}\n"]
        lines += ["    ha1:\n", *(f"      {algorithm}: {_quoted(text)}\n" for algorithm, text in one.ha1.items())]
    return "".join(lines).encode()


def _quoted(text: str) -> str:
    """In double quotes, where YAML and JSON are the same."""
    return json.dumps(text, ensure_ascii=False)


def _state_of(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
