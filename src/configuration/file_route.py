"""The way to a file through symbolic links: which names on it may change, and what tells that something did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_MAX_LINKS = 40
"""As the kernel's own limit."""


@dataclass(frozen=True, slots=True)
class FileRoute:
    """``names`` are the links on the way and the file itself, by the directory that holds them.

    ``state`` differs whenever the way or the file has changed as far as that can be told without reading it.
    """

    names: frozenset[tuple[Path, str]]
    state: tuple[object, ...]

    @property
    def directories(self) -> frozenset[Path]:
        """Where the names stand."""
        return frozenset(directory for directory, _ in self.names)


def route_to(path: Path) -> FileRoute:
    """The way to ``path`` as it is now; never raises, whatever is missing."""
    names: list[tuple[Path, str]] = []
    state: list[object] = []
    todo = list(reversed(path.absolute().parts))
    at = Path(todo.pop())
    links = 0
    while todo:
        name = todo.pop()
        if name == "..":
            at = at.parent
            continue
        here = at / name
        target = _link_target(here)
        if target is not None or not todo:
            names.append((at, name))
        if target is None or links == _MAX_LINKS:
            at = here
            continue
        links += 1
        state.append((here, target))
        parts = target.parts
        if target.is_absolute():
            at, parts = Path(parts[0]), parts[1:]
        todo.extend(reversed(parts))
    return FileRoute(frozenset(names), (*state, *(_identity(directory) for directory, _ in names), _status(path)))


def _link_target(path: Path) -> Path | None:
    try:
        return path.readlink()
    except OSError:
        return None


def _identity(directory: Path) -> object:
    try:
        status = directory.stat()
    except OSError as error:
        return error.errno
    return (status.st_dev, status.st_ino)


def _status(path: Path) -> object:
    """The change time is there for permissions, and for contents whose modification time was set back."""
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
