"""The built page, held in memory: a handful of files, so a request costs no thread and can reach no other file."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TYPES = {".js": "text/javascript", ".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml"}
_MOST_OCTETS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file and what HTTP tells of it."""

    octets: bytes
    media_type: str
    etag: str


def page_folder() -> Path:
    """Where the page is: beside this module as installed, in ``web/dist`` of a working copy."""
    installed = Path(__file__).with_name("page")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "web" / "dist"


def read_page(folder: Path) -> Mapping[str, PageFile]:
    """The files below ``folder`` by their paths in URLs; ``/`` is index.html. Empty where nothing was built."""
    files: dict[str, PageFile] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size <= _MOST_OCTETS:
            files[f"/{path.relative_to(folder).as_posix()}"] = _page_file(path)
    if (index := files.get("/index.html")) is not None:
        files["/"] = index
    return files


def _page_file(path: Path) -> PageFile:
    octets = path.read_bytes()
    guessed = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    media_type = f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed
    return PageFile(octets, media_type, f'"{hashlib.sha256(octets).hexdigest()[:32]}"')
