"""A database read into memory, for when it cannot be opened in its place: SQLite writes beside it even to read.

Needs neither room nor the right to write, nor anybody's lock. The file, then every whole transaction of its -wal over
it, as SQLite's recovery does it (https://www.sqlite.org/fileformat2.html section 4).
"""

from __future__ import annotations

import stat
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoint number, two salts, two checksums
_FRAME = struct.Struct(">6I")  # page number, pages of the database after a commit or 0, two salts, two checksums
_CHECKED_OF_HEADER = 24
_CHECKED_OF_FRAME = 8
_MAGIC_LITTLE_ENDIAN = 0x377F0682
_MAGIC_BIG_ENDIAN = 0x377F0683

_VERSIONS = slice(18, 20)
_NO_WAL = b"\x01\x01"
"""Of the database header: by whom it can be written and read. A database in memory has no -wal."""

_Sums = tuple[int, int]


@dataclass(frozen=True, slots=True)
class DatabaseImage:
    """``octets`` are empty for a fresh database. ``is_whole``: nothing of the -wal was out of reach."""

    octets: bytes
    is_whole: bool


def read_image(path: Path) -> DatabaseImage:
    """Read the database at ``path`` and its -wal; raise ``OSError`` if the database cannot be read."""
    image = bytearray(path.read_bytes())
    wal, is_whole = _read_wal(path.with_name(f"{path.name}-wal"))
    apply_wal(image, wal)
    if len(image) > _VERSIONS.stop:
        image[_VERSIONS] = _NO_WAL
    return DatabaseImage(bytes(image), is_whole)


def apply_wal(image: bytearray, wal: bytes) -> None:
    """Write the whole transactions of ``wal`` into ``image``, up to the first frame that is none of its own."""
    if len(wal) < _HEADER.size:
        return
    magic, _, page_octets, _, *salts, first, second = _HEADER.unpack_from(wal)
    is_big_endian = magic == _MAGIC_BIG_ENDIAN
    sums = _summed((0, 0), wal[:_CHECKED_OF_HEADER], is_big_endian=is_big_endian)
    if magic not in {_MAGIC_LITTLE_ENDIAN, _MAGIC_BIG_ENDIAN} or sums != (first, second) or not page_octets:
        return
    waiting: dict[int, bytes] = {}
    for start in range(_HEADER.size, len(wal) - _FRAME.size - page_octets + 1, _FRAME.size + page_octets):
        number, pages, *its_salts, first, second = _FRAME.unpack_from(wal, start)
        page = wal[start + _FRAME.size : start + _FRAME.size + page_octets]
        sums = _summed(sums, wal[start : start + _CHECKED_OF_FRAME] + page, is_big_endian=is_big_endian)
        if its_salts != salts or sums != (first, second) or number == 0:
            return
        waiting[number] = page
        if pages:
            _write_pages(image, waiting, pages * page_octets)
            waiting = {}


def _write_pages(image: bytearray, pages: dict[int, bytes], octets: int) -> None:
    """``octets``: how many the image has afterwards."""
    image.extend(bytes(max(0, octets - len(image))))
    del image[octets:]
    for number, page in pages.items():
        end = number * len(page)
        if end <= octets:
            image[end - len(page) : end] = page


def _summed(sums: _Sums, octets: bytes, *, is_big_endian: bool) -> _Sums:
    words = array("I", octets)
    if is_big_endian != (struct.pack("=H", 1) == b"\x00\x01"):
        words.byteswap()
    first, second = sums
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second


def _read_wal(path: Path) -> tuple[bytes, bool]:
    """What is in it, and whether that is all."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
            return b"", True  # nothing was ever written there; opening what is no file might wait without end
        return path.read_bytes(), True
    except FileNotFoundError:
        return b"", True
    except OSError:
        return b"", False
