"""A file is there whole or not at all, whatever happens meanwhile: a full disk, ``kill -9``, a power cut."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace_file(path: Path, octets: bytes, mode: int) -> None:
    """Have ``octets`` in the file at ``path``, with the permissions ``mode``. Raise ``OSError``; then it is as before.

    For files that nobody else writes.
    """
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)  # of a process that was killed just here
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Have the names in ``directory`` outlive a power cut. Raise ``OSError``."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
