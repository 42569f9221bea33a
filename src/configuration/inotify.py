"""inotify(7) for the names in a few directories, on the running loop."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

_HEADER = struct.Struct("iIII")
_READ_OCTETS = 65_536

IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE = 0x2, 0x4, 0x8
IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x40, 0x80, 0x100, 0x200
IN_DELETE_SELF, IN_MOVE_SELF = 0x400, 0x800
IN_ONLYDIR = 0x0100_0000
_MASK = (
    *(IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE),
    *(IN_DELETE_SELF, IN_MOVE_SELF, IN_ONLYDIR),
)


class DirectoryNotices:
    """Calls ``on_notice(directory, name)`` for what happens to a name in a watched directory.

    ``name`` is empty for what happens to the directory itself, and ``directory`` too when notices were lost.
    """

    def __init__(self, on_notice: Callable[[Path | None, str], None]) -> None:
        self._on_notice = on_notice
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int | None = None
        self._directories: dict[int, Path] = {}

    def start(self) -> None:
        """Open. Raise ``OSError`` when the kernel has no more instances for this user."""
        self._descriptor = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        asyncio.get_running_loop().add_reader(self._descriptor, self._read, self._descriptor)

    def stop(self) -> None:
        """Close; idempotent."""
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
            self._directories.clear()

    def watch(self, directories: Iterable[Path]) -> None:
        """Watch these directories and no others; one that is not there is left out. Raise ``OSError``."""
        if self._descriptor is None:
            return
        watched: dict[int, Path] = {}
        for directory in directories:
            try:
                number = self._libc.inotify_add_watch(self._descriptor, os.fsencode(directory), sum(_MASK))
                watched[self._checked(number)] = directory
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
        for number in self._directories.keys() - watched.keys():
            self._libc.inotify_rm_watch(self._descriptor, number)  # may be gone with its directory
        self._directories = watched

    def _read(self, descriptor: int) -> None:
        try:
            octets = os.read(descriptor, _READ_OCTETS)
        except BlockingIOError:
            return
        at = 0
        while at < len(octets):
            number, _mask, _cookie, length = _HEADER.unpack_from(octets, at)
            at += _HEADER.size
            name = os.fsdecode(octets[at : at + length].rstrip(b"\0"))
            at += length
            directory = self._directories.get(number)
            if directory is not None or number == -1:  # -1: the kernel's queue overflowed
                self._on_notice(directory, name)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
