"""The router's UUID: made once, kept in the state directory, announced by mDNS for ever after."""

from __future__ import annotations

import os
import stat
import uuid
from pathlib import Path

import structlog

from domain.errors import UserError
from files.whole_file import replace_file

_log = structlog.get_logger(__name__)

_FILE_NAME = "router_uuid"
_MOST_OCTETS = 1024
_MODE = 0o640


def load_or_make(state_dir: Path) -> str:
    """The UUID in ``state_dir``, which is made if need be; one for this run only when it cannot be read or kept.

    Raise UserError when something else is written there: it may be a UUID that can be mended.
    """
    path = state_dir / _FILE_NAME
    made = str(uuid.uuid4())
    try:
        state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        if text := _read(path):
            return _parsed(text, path)
        replace_file(path, f"{made}\n".encode("ascii"), _MODE)
    except OSError as error:
        _log.warning(
            "router.identity_not_kept",
            path=str(path),
            reason=error.strerror or str(error),
            effect="this run announces itself as another router",
            remedy=f"make {state_dir} and the files in it usable for the daemon's user, with room on its disk, "
            "or set server.state_dir in config.yaml; then restart",
        )
    return made


def _read(path: Path) -> bytes:
    """What is in the file; nothing if there is none. Raise ``OSError``, also for what is no file."""
    try:
        # Else to open a pipe would wait until somebody writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no file")
        return os.read(descriptor, _MOST_OCTETS).strip()
    finally:
        os.close(descriptor)


def _parsed(text: bytes, path: Path) -> str:
    try:
        return str(uuid.UUID(text.decode("ascii")))
    except ValueError as error:
        raise UserError(
            f"{path} holds no UUID: restore it from a backup, or delete it to get a new identity."
        ) from error
