"""The database of bindings: opened, begun, read and written. No thread, no policy; every method may raise a failure."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from domain.ports import BindingRow
from location import binding_schema as schema
from location.binding_schema import LISTENER
from location.database_image import read_image
from location.set_aside import COMPANIONS
from location.store_clock import Timeline
from location.store_failure import DatabaseUnusable, Unusable

_BUSY_S = 0.25
"""How long to wait for another program's lock: the daemon waits at its start and its end."""

_MODE = 0o600
"""The bindings say who is at home."""

_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    # NORMAL would sync at checkpoints only: a power cut would cost registrations that phones count on for an hour.
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 1000",  # pages
    "PRAGMA journal_size_limit = 16777216",  # octets that the -wal keeps after the rewriting of everything
    "PRAGMA cache_size = -8192",  # KiB; a round of 10,000 bindings fits in, and writes every page once
)

_Item = TypeVar("_Item")
_Identity = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class KeptMeta:
    """What the database says of itself: the timeline of its rows and the first number that no binding ever had."""

    timeline: Timeline
    next_number: int


@dataclass(frozen=True, slots=True)
class Survey:
    """``beyond_limit``: how many rows expire later than any binding can; ``next_number``: above all rows."""

    beyond_limit: int
    next_number: int


class BindingDatabase:
    """An open database, in one thread at a time. ``close`` it; a failed transaction is rolled back."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._identity = _identity(path)

    def is_in_place(self) -> bool:
        """Whether the files are still found under their names; SQLite writes into deleted ones without complaint."""
        return _identity(self._path) == self._identity

    def close(self) -> None:
        """Close; harmless after a failure, and twice."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def checkpoint(self) -> None:
        """Move everything from the -wal into the database and empty it."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def write(self, saved: Sequence[BindingRow], removed: Sequence[int], listeners: Sequence[str]) -> None:
        """Save and remove bindings; ``listeners`` gives the address of each index.

        Many with each statement: every statement gives the interpreter away, and beside a busy event loop it takes half
        a millisecond to get it back.
        """
        addresses = dict(enumerate(listeners))
        for rows in _parts(saved):
            values: list[object] = []
            for row in rows:
                values += row
                values[LISTENER - len(row)] = addresses.get(row[LISTENER], "")
            self._connection.execute(schema.save(len(rows)), values)
        for numbers in _parts(removed):
            self._connection.execute(schema.remove(len(numbers)), numbers)

    def clear(self) -> None:
        """Remove every binding."""
        self._connection.execute(schema.CLEAR)

    def prune(self, now_ms: int) -> None:
        """Remove what could not be restored at ``now_ms``. Before the first ``write``: its connections live."""
        self._connection.execute(schema.PRUNE, (now_ms,))

    def prune_listed(self, domain: str) -> None:
        """Forget that devices without a binding are listed; those known by their AoR are known in ``domain``."""
        self._connection.execute(schema.PRUNE_LISTED, (domain,))

    def write_listed(self, device_ids: Iterable[str]) -> None:
        """Add devices to those listed."""
        for some in _parts(list(device_ids)):
            self._connection.execute(schema.save_listed(len(some)), some)

    def remove_listed(self, device_ids: Iterable[str]) -> None:
        """Remove devices from those listed."""
        for some in _parts(list(device_ids)):
            self._connection.execute(schema.remove_listed(len(some)), some)

    def write_meta(self, meta: KeptMeta) -> None:
        """Keep ``meta``."""
        timeline = meta.timeline
        self._connection.execute(schema.SAVE_META, (timeline.boot_id, timeline.offset_ms, meta.next_number))

    def read_meta(self) -> KeptMeta | None:
        """What was kept; None in a fresh database."""
        match self._connection.execute(schema.READ_META).fetchone():
            case None:
                return None
            case (str(boot_id), int(offset_ms), int(next_number)) if (
                abs(offset_ms) <= schema.MOST_MS and 0 < next_number <= schema.MOST_NUMBER
            ):
                return KeptMeta(Timeline(boot_id, offset_ms), next_number)
            case _:
                raise DatabaseUnusable(Unusable.DAMAGED, "it is damaged (meta)")

    def read_listed(self) -> frozenset[str]:
        """The devices listed."""
        return frozenset(device_id for (device_id,) in self._connection.execute(schema.READ_LISTED))

    def survey(self, latest_ms: int) -> Survey:
        """Look at every row once. Raise ``DatabaseUnusable`` if there are such as no core has written."""
        malformed, beyond_limit, highest = self._connection.execute(schema.SURVEY, (latest_ms,)).fetchone()
        if malformed:
            raise DatabaseUnusable(Unusable.DAMAGED, f"it is damaged ({malformed} rows are no bindings)")
        return Survey(beyond_limit, highest + 1)

    def read_restorable(self, now_ms: int, latest_ms: int, listeners: Sequence[str]) -> list[BindingRow]:
        """The unexpired bindings of no connection, none of them for longer than until ``latest_ms``.

        A binding whose listening address is none of ``listeners`` gets the first of its IP family.
        """
        parameters = schema.restorable_parameters(listeners, now_ms, latest_ms)
        return self._connection.execute(schema.restorable(listeners), parameters).fetchall()


def open_database(path: Path) -> BindingDatabase:
    """Open the database or begin a new one.

    Raise ``DatabaseUnusable`` if something else stands there, which is not changed; ``sqlite3.Error`` or ``OSError``.
    """
    _secure_files(path)
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        is_new = _is_new(connection)
        for setting in _SETTINGS:
            connection.execute(setting).fetchall()
        if is_new:
            _begin(connection)
        return BindingDatabase(connection, path)
    except BaseException:
        connection.close()
        raise


@contextlib.contextmanager
def opened_image(path: Path) -> Iterator[tuple[BindingDatabase, bool]]:
    """A database that cannot be opened in its place, in memory, and whether nothing of it was out of reach."""
    image = read_image(path)
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with contextlib.closing(connection):
        if image.octets:
            connection.deserialize(image.octets)
        if _is_new(connection):
            _begin(connection)
        yield BindingDatabase(connection, path), image.is_whole


def _parts(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """``items`` in order, at most as many at once as one statement takes."""
    return (items[start : start + schema.MOST_AT_ONCE] for start in range(0, len(items), schema.MOST_AT_ONCE))


def _secure_files(path: Path) -> None:
    """Have the database there, for nobody else to read; SQLite gives its mode to the -wal and the -shm.

    Only while no connection is open: closing any descriptor of a file ends this process's locks on it.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise DatabaseUnusable(Unusable.FOREIGN, "it is a directory or another thing that is no file")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, _MODE)
    except PermissionError as error:
        if path.exists() and not _is_readable(path):
            raise DatabaseUnusable(Unusable.DAMAGED, "permission to read and write it is missing") from error
        raise
    os.close(descriptor)
    for companion in COMPANIONS:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # another user's file that we may use
            each = _companion(path, companion)
            if stat.S_IMODE(each.stat().st_mode) != _MODE:
                each.chmod(_MODE)


def _is_readable(path: Path) -> bool:
    """As this thread would find it, which ``os.access`` does not tell."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _begin(connection: sqlite3.Connection) -> None:
    for statement in ("BEGIN IMMEDIATE", *schema.CREATE, "COMMIT"):
        connection.execute(statement)


def _is_new(connection: sqlite3.Connection) -> bool:
    """Whether nothing is in it yet. Raise ``DatabaseUnusable`` if what is in it is not ours."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id == 0 and tables == 0:
        return True
    if application_id != schema.APPLICATION_ID:
        raise DatabaseUnusable(Unusable.FOREIGN, "another program's database stands there")
    if version > schema.VERSION:
        raise DatabaseUnusable(Unusable.NEWER, f"a newer release has written it (version {version})")
    for table, columns in schema.TABLES.items():
        found = tuple(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
        if found != columns:
            raise DatabaseUnusable(Unusable.DAMAGED, f"it is damaged (the columns of {table})")
    return False


def _identity(path: Path) -> _Identity:
    """Which files stand under the names of the database and its -wal, by device and inode."""
    return tuple(_file_identity(_companion(path, companion)) for companion in ("", "-wal"))


def _file_identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _companion(path: Path, companion: str) -> Path:
    return path.with_name(path.name + companion)
