"""Put a database that cannot be used out of the way, without losing it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from location.store_failure import Unusable

COMPANIONS = ("", "-wal", "-shm")
"""What SQLite appends to a database's name for the files that belong to it."""

KEPT = 5
"""How many damaged, and how many newer databases are kept. A foreign one is somebody's: it is never deleted."""


def set_aside(path: Path, kind: Unusable, wall_ms: int) -> Path:
    """Rename the database and its companions under a dated name that is not taken, and return that. Raise ``OSError``.

    Of those set aside before, the oldest beyond ``KEPT`` are deleted. SQLite, when it closed the database, may have
    merged the -wal into it.
    """
    date = datetime.fromtimestamp(wall_ms / 1000, UTC)
    stem = f"{path.name}.{kind}-{date:%Y%m%dT%H%M%SZ}"
    name, number = stem, 1
    while any((path.parent / (name + companion)).exists() for companion in COMPANIONS):
        number += 1
        name = f"{stem}.{number}"
    # The database first: SQLite deletes a -wal that it finds beside no database, and would take one beside another's.
    for companion in COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(path.with_name(name + companion))
    if kind is not Unusable.FOREIGN:
        _delete_oldest(path, kind, name)
    return path.with_name(name)


def _delete_oldest(path: Path, kind: Unusable, newest: str) -> None:
    """The names' dates say which is oldest; not of ``newest``, as the clock may have been set back since the others."""
    names = (each.name for each in path.parent.glob(f"{path.name}.{kind}-*"))
    databases = {name for name in names if not name.endswith(COMPANIONS[1:])} - {newest}
    for name in sorted(databases, key=_date_and_number)[: 1 - KEPT]:
        for companion in COMPANIONS:
            with contextlib.suppress(OSError):  # what cannot be deleted stays; the next time may be luckier
                path.with_name(name + companion).unlink()


def _date_and_number(name: str) -> tuple[str, int, str]:
    date, _, number = name.partition("Z.")
    return date.removesuffix("Z"), len(number), number
