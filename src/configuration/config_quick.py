"""The quick way to read config.yaml, for files like those that the daemon writes; it gives up on whatever is doubtful.

Theory of operation: where ``devices:`` stands alone on a line at the left margin, the text is cut into head, entries
and tail by the indentation of lines. Head and tail are read as one document with ``devices: {}`` in the entries' place;
that this is read as a key of the root, just there, proves that the line was no part of something longer. Each entry
must then be a whole document by itself, of one key: what crosses a cut (a quoted text, braces) leaves a piece behind
that is none. Anchors, aliases and directives join pieces, so they are for the careful way, and so is every fault:
``config_loader`` takes that whenever there is no answer here, and both give the same.

An entry in the words of the one that was known is taken over as it is; so a reload reads what was changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from configuration.config_document import ConfigDocument, DeviceEntry, fold_device_id
from configuration.yaml_reader import YamlFault, read_text
from configuration.yaml_simple import read_simple
from configuration.yaml_text import DevicesText, block_devices

_DEVICES_LINE = re.compile("^devices:(?P<behind> *(?: #[^\n\r\x85\u2028\u2029]*)?(?P<newline>\r?\n))", re.MULTILINE)
_BEFORE_ENTRIES = re.compile("(?:[ ]*(?:#[^\n\r\x85\u2028\u2029]*)?\r?\n)*(?P<indent> +)(?=[^ \n\r#])")
_KEY_START = re.compile("[0-9A-Za-z\"'_\xa1-\u2027\u202a-\ufefe\uff00-\U0010ffff]")
_EMPTY_DEVICES = "devices: {}"
_MOST_KEY_LENGTH = 255
"""As the schema has it."""


@dataclass(frozen=True, slots=True)
class QuickReading:
    """A valid document in which each entry stands alone, and where its entries stand in the text."""

    document: ConfigDocument
    devices_text: DevicesText


class _Doubtful(Exception):
    """The careful way is to be taken."""


@dataclass(frozen=True, slots=True)
class _Section:
    """Offsets: of the line ``devices:``, of the first entry's line, and behind the last entry's."""

    line: int
    start: int
    end: int
    newline: str
    indent: str
    starts: list[int]


def read_quickly(text: str, bom: str, known: QuickReading | None) -> QuickReading | None:
    """What ``text`` says, or None if that is for the careful way to tell. ``known`` is what was read before."""
    try:
        section = _cut(text)
        around = _read_around(text, section)
        pieces, devices = _read_entries(text, section, known)
        column = len(section.indent)
        devices_text = block_devices(text, bom, pieces, (section.start, section.end), column)
    except (_Doubtful, YamlFault, ValidationError):
        return None
    return QuickReading(around.model_copy(update={"devices": devices}), devices_text)


def _cut(text: str) -> _Section:
    line = _DEVICES_LINE.search(text)
    before = _BEFORE_ENTRIES.match(text, line.end()) if line else None
    if line is None or before is None:
        raise _Doubtful
    indent = before["indent"]
    starts, end = [before.start("indent")], len(text)
    for found in re.compile(f"\n(?:{indent}(?=[^ \n\r#])|(?=[^ \n\r#]))").finditer(text, before.end()):
        if found.end() - found.start() == 1:
            end = found.end()
            break
        starts.append(found.start() + 1)
    last_line = text[text.rfind("\n", 0, end) + 1 : end]
    if text[end : end + 1] == "\t" or (last_line and not last_line.strip()):
        raise _Doubtful
    return _Section(line.start(), starts[0], end, line["newline"], indent, starts)


def _read_around(text: str, section: _Section) -> ConfigDocument:
    """The document without its devices."""
    head = text[: section.line]
    if head.startswith("%") or "\n%" in head:
        raise _Doubtful
    behind = text[section.line + len("devices:") : section.start]
    reading = read_text(head + _EMPTY_DEVICES + behind + text[section.end :], section="devices")
    found, root = reading.section, reading.root
    is_there = found is not None and found.start == section.line + _EMPTY_DEVICES.index("{")
    if not is_there or root is None or root.kind != "block" or reading.faults:
        raise _Doubtful
    return ConfigDocument.model_validate(reading.value)


def _read_entries(
    text: str, section: _Section, known: QuickReading | None
) -> tuple[dict[str, str], dict[str, DeviceEntry]]:
    """The entries' texts and what they say, by the devices' ids."""
    pieces: dict[str, str] = {}
    devices: dict[str, DeviceEntry] = {}
    before = known.devices_text.ids_by_text() if known else {}
    for start, end in zip(section.starts, [*section.starts[1:], section.end], strict=True):
        piece = text[start:end]
        if piece[-1] != "\n":
            piece = _with_break(piece, section.newline)
        device_id = before.get(piece)
        if device_id is not None and known is not None:
            entry = known.document.devices[device_id]
        else:
            device_id, entry = read_entry_alone(piece, section)
        pieces[device_id], devices[device_id] = piece, entry
    if len(pieces) < len(section.starts):
        raise _Doubtful
    return pieces, devices


def read_entry_alone(text: str, section: _Section) -> tuple[str, DeviceEntry]:
    """The device and the entry that ``text`` tells of. Raise if it does not stand alone, or is not valid."""
    if _KEY_START.match(text, len(section.indent)) is None:
        raise _Doubtful
    key, fields = read_simple(text, section.newline) or _read_pair(text)
    if not 0 < len(key) <= _MOST_KEY_LENGTH:
        raise _Doubtful
    return fold_device_id(key), DeviceEntry.model_validate(fields)


def _with_break(text: str, newline: str) -> str:
    """The last entry as it is kept. Raise if it means something else then, as a text in lines may."""
    whole = text + newline
    if read_simple(whole, newline) is None and _read_pair(text) != _read_pair(whole):
        raise _Doubtful
    return whole


def _read_pair(text: str) -> tuple[str, Any]:
    reading = read_text(text)
    value = reading.value
    if not isinstance(value, dict) or len(value) != 1 or reading.faults or reading.has_anchors:
        raise _Doubtful
    ((key, fields),) = value.items()
    return key, {} if fields is None else fields
