"""A small disk of a test's own: a tmpfs in a mount namespace that one thread enters and that ends with it (root only).

Threads that the scenario starts are in the same namespace; the other tests see nothing of it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

NOBODY = 65_534
CLONE_NEWNS = 0x00020000
MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


class PrivateDisk:
    """``path`` is where the tmpfs is mounted, for the scenario's threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Leave not an octet free."""
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def make_room(self) -> None:
        """Delete what filled it."""
        self._filler.unlink()

    def set_read_only(self, directory: Path, *, is_read_only: bool) -> None:
        """Make a directory of the disk read-only, or what it was; no file in it may be open for writing."""
        if is_read_only:
            _mount(str(directory), directory, None, MS_BIND, None)
            _mount(None, directory, None, MS_BIND | MS_REMOUNT | MS_RDONLY, None)
        else:
            _check(_libc.umount2(os.fsencode(directory), 0), "umount")


def on_private_disk(mount_point: Path, scenario: Callable[[PrivateDisk], None], size: str = "4m") -> None:
    """Run ``scenario`` in a thread that has the disk."""

    def run() -> None:
        _enter_namespace()
        mount_point.mkdir()
        _mount("tmpfs", mount_point, "tmpfs", 0, f"size={size}")
        scenario(PrivateDisk(mount_point))

    with ThreadPoolExecutor(max_workers=1) as worker:
        worker.submit(run).result()


def why_impossible() -> str | None:
    """Why no disk can be mounted here, as a reason to skip; None when it can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    with ThreadPoolExecutor(max_workers=1) as worker:
        try:
            worker.submit(_enter_namespace).result()
        except OSError as error:
            return f"no mount namespace can be made here: {error.strerror}"
    return None


def as_nobody(scenario: Callable[[], object]) -> None:
    """Run ``scenario`` in a thread, and threads that it starts, whose rights to files are those of an unknown user."""

    def run() -> None:
        _libc.setfsgid(NOBODY)
        _libc.setfsuid(NOBODY)  # the kernel takes root's file capabilities away with it (capabilities(7))
        scenario()

    with ThreadPoolExecutor(max_workers=1) as worker:
        worker.submit(run).result()


def _enter_namespace() -> None:
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    _mount("none", Path("/"), None, MS_REC | MS_PRIVATE, None)


def _mount(source: str | None, target: Path, kind: str | None, flags: int, options: str | None) -> None:
    arguments = [None if text is None else text.encode() for text in (source, str(target), kind)]
    done = _libc.mount(*arguments, ctypes.c_ulong(flags), None if options is None else options.encode())
    _check(done, "mount")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


needs_mounts = pytest.mark.skipif(why_impossible() is not None, reason=str(why_impossible()))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
