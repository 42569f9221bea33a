"""Replace a file's content in one step that survives ``kill -9`` and a power cut."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

_INFIX = ".screamrouter-"


class FileChangedError(Exception):
    """Somebody else wrote the file since it was read, or is about to; read it again."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells one state of a file from another without reading it."""

    inode: int
    size: int
    modified_ns: int


def identity_of(path: Path) -> FileIdentity:
    """The identity of the file that ``path`` leads to. Raise ``OSError``."""
    status = path.stat()
    return FileIdentity(status.st_ino, status.st_size, status.st_mtime_ns)


def is_open_for_writing(path: Path) -> bool:
    """Whether another program has the file open for writing at this moment, as far as this process may know.

    The kernel grants a read lease only on a file that nobody writes (fcntl(2)); it needs the file's owner or root.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Who opens the file meanwhile makes the kernel signal us: by one that is ignored unless asked for, not SIGIO.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False


def replace_content(path: Path, octets: bytes, expected: FileIdentity) -> None:
    """Put ``octets`` in the place of the file as it was when it had the identity ``expected``.

    A symbolic link is followed, mode, owner and extended attributes are kept as far as this process may. Raise
    ``FileChangedError`` if the file is another by now, ``OSError`` if it cannot be written; either way it is untouched.
    """
    target = Path(os.path.realpath(path, strict=True))
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}{_INFIX}")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            _copy_rights(target, file.fileno())
            os.fsync(file.fileno())
        _require_identity(target, expected)
        if is_open_for_writing(target):
            raise FileChangedError
        Path(name).rename(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    _sync_directory(target.parent)


def write_failure_text(error: OSError, path: Path) -> str:
    """Why ``path`` could not be written, and what the owner can do about it."""
    reason = error.strerror or str(error)
    directory = Path(os.path.realpath(path)).parent
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{reason}; make {directory} writable for the daemon's user"
        case errno.ENOSPC | errno.EDQUOT:
            return f"{reason}; make room on the file system of {directory}"
        case _:
            return reason


def remove_leftovers(path: Path) -> None:
    """Delete the temporary files that a killed process left beside ``path``."""
    with contextlib.suppress(OSError):
        target = Path(os.path.realpath(path))
        for leftover in target.parent.glob(f".{target.name}{_INFIX}*"):
            leftover.unlink()


def _require_identity(path: Path, expected: FileIdentity) -> None:
    if identity_of(path) != expected:
        raise FileChangedError


def _copy_rights(source: Path, descriptor: int) -> None:
    status = source.stat()
    try:
        os.fchown(descriptor, status.st_uid, status.st_gid)
    except PermissionError:
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, -1, status.st_gid)
    os.fchmod(descriptor, status.st_mode & 0o7777)
    with contextlib.suppress(OSError):  # a file system without attributes, or ones this process may not set
        for attribute in os.listxattr(source):
            os.setxattr(descriptor, attribute, os.getxattr(source, attribute))


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
