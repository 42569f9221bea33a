"""The router's UUID: made once, kept in the state directory, announced by mDNS for ever after."""

from __future__ import annotations

import uuid
from pathlib import Path

from domain.errors import UserError

_FILE_NAME = "router_uuid"


def load_or_make(state_dir: Path) -> str:
    """The UUID in ``state_dir``, which is made if need be. Raise UserError when it cannot be read or kept."""
    path = state_dir / _FILE_NAME
    try:
        state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        if path.exists():
            return _read(path)
        made = str(uuid.uuid4())
        path.write_text(f"{made}\n", encoding="ascii")
    except OSError as error:
        raise UserError(
            f"The state directory {state_dir} cannot be used ({error.strerror}): "
            "make it writable for this user, or set server.state_dir in config.yaml."
        ) from error
    return made


def _read(path: Path) -> str:
    try:
        return str(uuid.UUID(path.read_text(encoding="ascii").strip()))
    except ValueError as error:
        raise UserError(
            f"{path} holds no UUID: restore it from a backup, or delete it to get a new identity."
        ) from error
