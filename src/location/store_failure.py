"""What a failure of SQLite or of the disk means to the store, and in plain words to the owner."""

from __future__ import annotations

import errno
import os
import sqlite3
from enum import StrEnum
from pathlib import Path


class Unusable(StrEnum):
    """Why a database is set aside; the word stands in its new name."""

    DAMAGED = "damaged"
    NEWER = "newer"
    FOREIGN = "foreign"


class DatabaseUnusable(Exception):
    """What stands in the database's place cannot be used and will not mend itself; ``str()`` says why."""

    def __init__(self, kind: Unusable, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


StoreFailure = sqlite3.Error | OSError | DatabaseUnusable
STORE_FAILURES = (sqlite3.Error, OSError, DatabaseUnusable)
"""What can befall a store that is used rightly."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}

_DECODING = "Could not decode to UTF-8"
"""How sqlite3 tells, without any code, that text is no text any more."""

_REASONS = {
    sqlite3.SQLITE_FULL: "the file system is full",
    sqlite3.SQLITE_READONLY: "it cannot be written to: the file system is read-only, or permission is missing",
    sqlite3.SQLITE_BUSY: "another program has it locked",
    sqlite3.SQLITE_LOCKED: "another program has it locked",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_PERM: "permission is missing",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
}


def damage_in(failure: StoreFailure) -> DatabaseUnusable | None:
    """The damage that SQLite's error tells of; None if the database may be whole."""
    match failure:
        case DatabaseUnusable():
            return failure
        case sqlite3.Error() if _code(failure) in _DAMAGE or str(failure).startswith(_DECODING):
            return DatabaseUnusable(Unusable.DAMAGED, f"it is damaged ({failure})")
        case _:
            return None


def reason_text(failure: StoreFailure, path: Path) -> str:
    """Why it failed."""
    match failure:
        case sqlite3.Error() if _is_for_want_of_room(failure, path):
            return f"{_REASONS[sqlite3.SQLITE_FULL]} ({failure})"
        case sqlite3.Error():
            words = _REASONS.get(_code(failure))
            return f"{words} ({failure})" if words else str(failure)
        case OSError(strerror=str(words)):
            return words
        case _:
            return str(failure)


def remedy_text(failure: StoreFailure, path: Path) -> str:
    """What the owner can do about it."""
    directory = path.parent
    code = _code(failure) if isinstance(failure, sqlite3.Error) else None
    number = failure.errno if isinstance(failure, OSError) else None
    if _is_for_want_of_room(failure, path) or number in {errno.ENOSPC, errno.EDQUOT}:
        return f"make room on the file system of {directory}"
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return f"end the program that works on {path}"
    if number == errno.ENOENT:
        return f"make the directory {directory}, writable for the daemon's user"
    return f"make {directory} and the files in it writable for the daemon's user, and look for errors of its disk"


def _is_for_want_of_room(failure: StoreFailure, path: Path) -> bool:
    """SQLite tells of its -wal and -shm, for which there is no room, as of a broken disk, and keeps errno to itself."""
    if not isinstance(failure, sqlite3.Error):
        return False
    if _code(failure) not in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return _code(failure) == sqlite3.SQLITE_FULL
    try:
        status = os.statvfs(path.parent)
    except OSError:
        return False
    return status.f_bavail == 0 or (status.f_files > 0 and status.f_favail == 0)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; errors of the sqlite3 module itself have none, given as 0."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
