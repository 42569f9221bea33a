"""``screamrouter-sip passwd DEVICE``: gives a device a password, of which only hashes are kept."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from api.control_socket import ask
from configuration.access_policy import access_key, realm_of
from configuration.atomic_file import write_failure_text
from configuration.config_document import ConfigDocument
from configuration.config_loader import load_config
from configuration.credential_file import (
    CREDENTIALS_NAME,
    StoredCredential,
    hash_password,
    is_sip_user,
    update_credentials,
)
from configuration.device_choice import choose_device
from diagnosis.device_match import SHARED_USER
from domain.errors import UserError

_LONGEST_PASSWORD = 256

Stored = Mapping[str, StoredCredential]


def set_password(config_path: Path, device: str, user: str | None) -> int:
    """Ask for the password, keep its hashes, and tell the running daemon."""
    document = load_config(config_path).document
    key, is_listed = _key_of(device, document)
    if user is not None and not is_sip_user(user):
        raise UserError(f"{user!r} cannot be a user name: 1 to 64 characters without blanks, colons, quotes and @.")
    password = _read_password()
    named: list[str] = []

    def update(stored: Stored) -> Stored:
        name = user or (stored[key].user if key in stored else key)
        holder = next((one for one, known in stored.items() if known.user == name and one != key), None)
        if holder is not None:
            raise UserError(f"The user name {name} is that of {holder}: choose another with --user.")
        named[:] = [name]
        return {**stored, key: hash_password(name, realm_of(document), password)}

    path = document.server.state_path() / CREDENTIALS_NAME
    _write(path, update)
    if not is_listed:
        print(f"{device} is in no entry of {config_path}: taken as the SIP user of a device that is to come.")
    print(f"{key} has a password now: user name {named[0]}, realm {realm_of(document)}; hashed in {path}.")
    return _tell_daemon(path.parent)


def delete_password(config_path: Path, device: str) -> int:
    """Take the device's password away, and tell the running daemon."""
    document = load_config(config_path).document
    key, _ = _key_of(device, document)

    def update(stored: Stored) -> Stored:
        if key not in stored:
            raise UserError(f"{device} has no password.")
        return {one: credential for one, credential in stored.items() if one != key}

    path = document.server.state_path() / CREDENTIALS_NAME
    if not path.exists():
        raise UserError(f"{device} has no password.")
    _write(path, update)
    print(f"{key} has no password any more.")
    return _tell_daemon(path.parent)


def _key_of(device: str, document: ConfigDocument) -> tuple[str, bool]:
    """The device's key for the core, and whether config.yaml has it."""
    domain = document.server.domain
    chosen = choose_device(device, document.devices, domain)
    key = access_key(chosen or device.strip(), domain)
    if key.lower() == SHARED_USER:
        raise UserError(f"Under the name {SHARED_USER} devices are told apart by their UUIDs: name one by its UUID.")
    if not is_sip_user(key):
        raise UserError(f"{device!r} is no device of config.yaml, and cannot be a SIP user of {domain}.")
    return key, chosen is not None


def _read_password() -> str:
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("The same again: ") != password:
            raise UserError("The two differ; nothing was changed.")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not 0 < len(password) <= _LONGEST_PASSWORD or not password.isprintable():
        raise UserError(f"A password has 1 to {_LONGEST_PASSWORD} printable characters; nothing was changed.")
    return password


def _write(path: Path, update: Callable[[Stored], Stored]) -> None:
    try:
        update_credentials(path, update)
    except PermissionError as error:
        raise UserError(f"{path} may be written by the daemon's user only: run this command with sudo.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be written: {write_failure_text(error, path)}.") from error


def _tell_daemon(state_dir: Path) -> int:
    answer = ask(state_dir, "credentials")
    if answer is None:
        print("The daemon is not running; it takes this when it starts.")
        return 0
    if answer["problem"] is not None:
        raise UserError(f"The running daemon did not take it: {answer['problem']}")
    print("The running daemon has taken it.")
    return 0
