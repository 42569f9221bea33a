"""Replace a file's content in one step that survives ``kill -9`` and a power cut, and loses nobody's save.

Theory of operation: between the last look at a file and a rename over it somebody else may save it. So the new file
and the old one exchange their names, and then what was taken out is looked at: it must be the file that was expected,
with the content that was expected, and nobody may have it open for writing. If it is anything else it goes back the
same way, with the same look at what is taken out then; so the newest of the others' saves ends in the file's place.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from configuration.file_exchange import ExchangeUnsupported, exchange
from files.whole_file import sync_directory

_INFIX = ".screamrouter-"
_SWAP = ".swap"
"""Ends the name of a temporary file from the moment on at which it may hold what stood in the file's place."""
_MOST_EXCHANGES = 16
"""One is usual and two follow a save at the worst moment; more take somebody who saves every few microseconds."""
_QUIET_S = 0.1
"""How long a file is watched for changes where the kernel does not tell whether it is open for writing."""


class FileChangedError(Exception):
    """Somebody else wrote the file since it was read, or is about to; read it again."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells one state of a file from another without reading it."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def identity_of(path: Path) -> FileIdentity:
    """The identity of the file that ``path`` leads to. Raise ``OSError``."""
    status = path.stat()
    return FileIdentity(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def is_open_for_writing(path: Path) -> bool:
    """Whether another program has the file open for writing at this moment, as far as this process may know."""
    return _is_held(path) is True


def _is_held(path: Path) -> bool | None:
    """As ``is_open_for_writing``; None if the kernel does not tell.

    It grants a read lease only on a file that nobody writes (fcntl(2)); it needs the file's owner or root.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Who opens the file meanwhile makes the kernel signal us: by one that is ignored unless asked for, not SIGIO.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        os.close(descriptor)
    return False


def replace_content(path: Path, octets: bytes, expected: FileIdentity, before: bytes) -> None:
    """Put ``octets`` in the place of the file as it was when it had the identity ``expected`` and held ``before``.

    A symbolic link is followed, mode, owner and extended attributes are kept as far as this process may. Raise
    ``FileChangedError`` if the file is another by now, ``OSError`` if it cannot be written; either way what stands in
    its place is what others wrote last.
    """
    target = Path(os.path.realpath(path, strict=True))
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}{_INFIX}")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            _copy_rights(target, file.fileno())
            os.fsync(file.fileno())
            ours = _Content(os.fstat(file.fileno()).st_ino, octets)
        _require_identity(target, expected)
        if is_open_for_writing(target):
            raise FileChangedError
        Path(name).rename(swap := Path(name + _SWAP))
        name = str(swap)
        _put_in_place(swap, target, ours, _Content(expected.inode, before))
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()
    sync_directory(target.parent)


@dataclass(frozen=True, slots=True)
class _Content:
    """A file and what it held. Its times tell nothing: an exchange of names changes them."""

    inode: int
    octets: bytes


def _put_in_place(new: Path, target: Path, ours: _Content, expected: _Content) -> None:
    """Raise ``FileChangedError`` if ``target`` was not as ``expected``; what was found there is there again then."""
    inserted, is_first = ours, True
    for _ in range(_MOST_EXCHANGES):
        try:
            exchange(new, target)
        except ExchangeUnsupported:
            new.rename(target)
            return
        except OSError as error:
            if not is_first:  # what was taken out is somebody's save: it goes back, whatever stands there
                new.rename(target)
            if is_first and not isinstance(error, FileNotFoundError):
                raise
            raise FileChangedError from error
        taken = _taken_out(new, expected)
        if taken is None:
            break
        inserted, expected, is_first = taken, inserted, False
    if not is_first:
        raise FileChangedError


def _taken_out(path: Path, expected: _Content) -> _Content | None:
    """None if ``path`` holds what was ``expected`` and nobody can change it any more; else what it holds."""
    is_held = _is_held(path)
    if is_held is None:
        time.sleep(_QUIET_S)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            found = _Content(os.fstat(file.fileno()).st_ino, file.read())
    except OSError:  # a save that this process may not read, a link or a directory: none of them is ours to lose
        found = _Content(0, b"")
    return found if is_held or found != expected else None


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


def remove_leftovers(path: Path) -> list[Path]:
    """Delete the temporary files that a killed process left beside ``path``; return those that were kept instead.

    Kept, under a name that is seen, is what may be a save of somebody else's, taken out a moment before the kill.
    """
    kept = []
    with contextlib.suppress(OSError):
        target = Path(os.path.realpath(path))
        for leftover in target.parent.glob(f".{target.name}{_INFIX}*"):
            if leftover.name.endswith(_SWAP) and leftover.stat().st_mtime_ns > target.stat().st_mtime_ns:
                random_part = leftover.name.removesuffix(_SWAP).rpartition("-")[2]
                kept.append(leftover.rename(target.with_name(f"{target.name}.found-{random_part}")))
            else:
                leftover.unlink()
    return kept


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
