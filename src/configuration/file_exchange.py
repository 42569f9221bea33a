"""Two files change their names in one step: renameat2(2) with RENAME_EXCHANGE, which Python has no name for."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
"""EPERM: a filter of system calls that does not know this one; where it means the files, a plain rename says so too."""


class ExchangeUnsupported(Exception):
    """The file system, the kernel or the C library cannot exchange names."""


def exchange(one: Path, other: Path) -> None:
    """Give each of two files the other's name; both stay what they are, and no name is ever missing.

    Raise ``ExchangeUnsupported``, or ``OSError`` if either is not there.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise ExchangeUnsupported
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        raise ExchangeUnsupported
    raise OSError(number, os.strerror(number), str(other))
