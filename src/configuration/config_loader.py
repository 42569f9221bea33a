"""config.yaml from disk to a validated document, or every fault in it at once."""

from __future__ import annotations

import difflib
import gc
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from configuration.config_document import ConfigDocument, fold_device_id
from configuration.config_errors import problems_of
from configuration.config_quick import QuickReading, read_quickly
from configuration.problem import ConfigRejected, KeyPath, Place, Problem
from configuration.yaml_reader import YamlFault, read_text
from configuration.yaml_text import DevicesText, locate_devices

MAX_FILE_OCTETS = 32 * 1024 * 1024
"""Six times what 10,000 devices take."""
FULL_FILE_OCTETS = MAX_FILE_OCTETS * 3 // 4
"""From this size on the daemon adds no device to the file; those that are in it have the rest to grow."""
DEVICES = "devices"
_BOM = "\ufeff"
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN_OCTETS = bytes([0x09, 0x0A, 0x0D, *range(0x20, 0x7F)])
_CHECKED_AT_ONCE = 512 * 1024
"""Octets: what takes well under a millisecond, for which no other thread can run."""
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A valid config.yaml: its octets as read, what they mean, and where its devices stand in the text.

    ``stands_alone``: each entry means what its own text says, no anchor or alias joins it with anything else.
    """

    path: Path
    octets: bytes
    document: ConfigDocument
    devices_text: DevicesText
    stands_alone: bool = False


def load_config(path: Path) -> LoadedConfig:
    """Read and validate ``path``. Raise ``ConfigRejected`` (a ``ConfigError``) with every fault found."""
    with _collector_paused():
        return parse_config(read_octets(path), path)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Nothing of what a start makes is garbage, and looking for it takes a fifth of the time of a large file."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def find_problems(path: Path) -> list[Problem]:
    """Every fault of the file at ``path``; empty when it is good."""
    try:
        load_config(path)
    except ConfigRejected as rejected:
        return list(rejected.problems)
    return []


def read_octets(path: Path) -> bytes:
    """The file's content. Raise ``ConfigRejected`` if there is no readable regular file of a sensible size."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise _rejected(path, _not_a_file(mode))
            octets = file.read(MAX_FILE_OCTETS + 1)
    except FileNotFoundError:
        raise _rejected(path, "there is no such file; copy the commented default config.yaml to this place") from None
    except IsADirectoryError:
        raise _rejected(path, _not_a_file(stat.S_IFDIR)) from None
    except PermissionError:
        raise _rejected(
            path, f"the daemon's user may not read this file{_mode_text(path)}; allow it with chmod or chown"
        ) from None
    except OSError as error:
        raise _rejected(path, f"cannot be read: {error.strerror}") from error
    if len(octets) > MAX_FILE_OCTETS:
        raise _rejected(path, f"is larger than {MAX_FILE_OCTETS // 1024 // 1024} MB; a configuration is not")
    return octets


def parse_config(octets: bytes, path: Path, known: LoadedConfig | None = None) -> LoadedConfig:
    """Validate ``octets``; ``path`` is for the messages. Raise ``ConfigRejected`` with every fault found.

    Entries that ``known`` has in the same words are taken over from it as they are.
    """
    text = _decoded(octets, path)
    _check_characters(octets, text, path)
    bom, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    before = QuickReading(known.document, known.devices_text) if known is not None and known.stands_alone else None
    quick = read_quickly(text, bom, before)
    if quick is not None:
        return LoadedConfig(path, octets, quick.document, quick.devices_text, stands_alone=True)
    return parse_carefully(octets, text, bom, path)


def parse_carefully(octets: bytes, text: str, bom: str, path: Path) -> LoadedConfig:
    """``text``, which is ``octets`` behind ``bom``, by the one way that reads all of YAML and tells every fault."""
    try:
        reading = read_text(text, section=DEVICES, fold_key=_fold_key)
        _check_root(reading.value, path)
        if reading.faults:
            raise _all_problems(text, path)
        document = ConfigDocument.model_validate(reading.value)
    except YamlFault as fault:
        raise ConfigRejected([Problem(path, fault.message, fault.place, fault.key_path)]) from fault
    except ValidationError as error:
        raise _all_problems(text, path) from error
    return LoadedConfig(path, octets, document, locate_devices(text, reading, bom))


def _all_problems(text: str, path: Path) -> ConfigRejected:
    """Read a bad text again, now with places."""
    reading = read_text(text, keeps_places=True, section=DEVICES, fold_key=_fold_key)
    problems = [Problem(path, fault.message, fault.place, fault.key_path) for fault in reading.faults]
    try:
        ConfigDocument.model_validate(reading.value)
    except ValidationError as error:
        told = {problem.key_path for problem in problems}
        problems += [one for one in problems_of(error, ConfigDocument, reading, path) if one.key_path not in told]
    return ConfigRejected(problems)


def find_doubts(loaded: LoadedConfig) -> list[Problem]:
    """What a valid file says that may be a slip: routes whose devices are not in it, which may yet register."""
    devices, routes = loaded.document.devices, loaded.document.routes
    ends = [(index, end, getattr(route, end)) for index, route in enumerate(routes) for end in ("source", "sink")]
    unknown = [one for one in ends if fold_device_id(one[2]) not in devices]
    if not unknown:
        return []
    text = loaded.octets.decode("utf-8").removeprefix(_BOM)
    places = read_text(text, keeps_places=True).places
    return [
        Problem(loaded.path, _unknown_device(key, devices), places.get(("routes", index, end)), ("routes", index, end))
        for index, end, key in unknown
    ]


def _unknown_device(key: str, devices: Iterable[str]) -> str:
    near = difflib.get_close_matches(fold_device_id(key), devices, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else "; it may yet register"
    return f"warning: no device {key} stands under devices{hint}"


def _fold_key(path: KeyPath, key: str) -> str:
    return fold_device_id(key) if path == (DEVICES,) else key


def _check_root(value: Any, path: Path) -> None:
    if value is None:
        raise _rejected(path, "the file holds no settings; write at least: devices: {}")
    if not isinstance(value, dict):
        raise ConfigRejected([Problem(path, "the file must hold keys with values, such as: devices: {}", Place(1, 1))])


def _decoded(octets: bytes, path: Path) -> str:
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _rejected(path, "the file is UTF-16; save it as UTF-8")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        before = octets[: error.start].decode("utf-8")
        place = place_at(before, len(before))
        found = f"the octet 0x{octets[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ConfigRejected([Problem(path, found, place)]) from error


def _check_characters(octets: bytes, text: str, path: Path) -> None:
    starts = range(0, len(octets), _CHECKED_AT_ONCE)
    others = b"".join(octets[start : start + _CHECKED_AT_ONCE].translate(None, _PLAIN_OCTETS) for start in starts)
    if not others or _UNPRINTABLE.search(others.decode("utf-8")) is None:
        return
    text = text.removeprefix(_BOM)
    if (found := _UNPRINTABLE.search(text)) is not None:
        message = f"the control character U+{ord(found.group()):04X} is not allowed; delete it"
        raise ConfigRejected([Problem(path, message, place_at(text, found.start()))])


def place_at(text: str, index: int) -> Place:
    """The place of the character at ``index``."""
    breaks = list(_LINE_BREAK.finditer(text, 0, index))
    line_start = breaks[-1].end() if breaks else 0
    return Place(len(breaks) + 1, index - line_start + 1)


def _rejected(path: Path, message: str) -> ConfigRejected:
    return ConfigRejected([Problem(path, message)])


def _not_a_file(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "this is a directory; name the file in it, such as config.yaml"
    return "this is no regular file"


def _mode_text(path: Path) -> str:
    try:
        return f" ({stat.filemode(path.stat().st_mode)})"
    except OSError:
        return ""
