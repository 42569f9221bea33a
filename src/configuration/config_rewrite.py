"""The daemon's changes merged into the file as its owner left it: deciding on text, then one read and one write."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from configuration.atomic_file import FileChangedError, FileIdentity, identity_of, is_open_for_writing, replace_content
from configuration.config_loader import FULL_FILE_OCTETS, MAX_FILE_OCTETS, LoadedConfig, parse_config, read_octets
from configuration.entry_change import EntryChange, changed_entry, fields_to_set
from configuration.owner_edit import OwnerEdit, changes_after, find_edit
from configuration.problem import ConfigRejected
from configuration.yaml_entry import EditRefused

QUIET_S = 0.1
"""How long an edited file must have been left alone before it counts as saved."""
_MAX_RACES = 10
_NOT_READ_BACK = "the file would not read back as meant; write each device as its key and a colon on a line of its own"


class FileBusy(OSError):
    """Somebody is writing the file all the time; try again."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The configuration with the changes in it; ``refused`` tells why some devices' could not be taken.

    ``kept_out`` are new devices that got no entry because the file is full: by its size, or since it lists as many
    devices as ``limits.max_bindings`` lets register at once.
    """

    config: LoadedConfig
    refused: Mapping[str, str]
    kept_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The file as it is now. ``edit`` is what its owner did since it was known, None if nothing.

    If ``failure`` is set, ``unwritten`` changes are not in the file.
    """

    config: LoadedConfig
    edit: OwnerEdit | None
    refused: Mapping[str, str]
    failure: OSError | None = None
    unwritten: Mapping[str, EntryChange] | None = None
    kept_out: tuple[str, ...] = ()


def merge_changes(config: LoadedConfig, changes: Mapping[str, EntryChange]) -> Merged:
    """Set what ``changes`` say and the masters of the fields allow; ``config`` itself stays as it is.

    The result is never larger than what ``load_config`` reads.
    """
    text = config.devices_text.copy()
    devices = dict(config.document.devices)
    refused: dict[str, str] = {}
    kept_out: list[str] = []
    is_changed = False
    for device_id, change in changes.items():
        present = devices.get(device_id)
        fields = fields_to_set(device_id, present, change)
        if not fields:
            continue
        if present is None and (text.size >= FULL_FILE_OCTETS or len(devices) >= config.document.limits.max_bindings):
            kept_out.append(device_id)
            continue
        try:
            entry = changed_entry(present, fields)
            is_changed |= text.set_fields(device_id, fields, MAX_FILE_OCTETS)
            devices[device_id] = entry
        except ValidationError as error:
            refused[device_id] = "; ".join(f"{fault['loc']}: {fault['msg']}" for fault in error.errors())
        except EditRefused as error:
            refused[device_id] = str(error)
    if not is_changed:
        return Merged(config, refused, tuple(kept_out))
    document = config.document.model_copy(update={"devices": devices})
    merged = LoadedConfig(config.path, text.octets(), document, text, config.stands_alone)
    if not config.stands_alone:
        read_back = _read_back(merged)
        if read_back is None:
            return Merged(config, {**dict.fromkeys(changes, _NOT_READ_BACK), **refused}, tuple(kept_out))
        merged = read_back
    return Merged(merged, refused, tuple(kept_out))


def _read_back(merged: LoadedConfig) -> LoadedConfig | None:
    """What the merged text says, or None if that is not what was meant.

    Entries that stand alone are proven one by one as they are edited; where they are joined by anchors, or written in
    other ways than ours, only the whole text tells.
    """
    try:
        found = parse_config(merged.octets, merged.path)
    except ConfigRejected:
        return None
    is_meant = found.document == merged.document and list(found.document.devices) == list(merged.document.devices)
    return found if is_meant else None


def rewrite_file(known: LoadedConfig, changes: Mapping[str, EntryChange], quiet_s: float = QUIET_S) -> Rewritten:
    """Take in the file as it is now, merge ``changes`` and write it if that changed anything. For a worker thread.

    ``known`` is the file as it was; a file that differs is read when it has been left alone for ``quiet_s``. Raise
    ``ConfigRejected`` if it is not valid then, ``FileBusy`` if it is never left alone; it is untouched in both cases.
    """
    for _ in range(_MAX_RACES):
        rewritten = _rewrite_once(known, changes, quiet_s)
        if rewritten is not None:
            return rewritten
    raise FileBusy(f"{known.path} is being written by others all the time")


def _rewrite_once(known: LoadedConfig, changes: Mapping[str, EntryChange], quiet_s: float) -> Rewritten | None:
    path, edit = known.path, None
    before = _identity(path)  # read_octets tells in the owner's words what is wrong with a file that has none
    octets = read_octets(path)
    config = known
    if octets != known.octets:
        if not _is_settled(path, before, octets, quiet_s):
            return None
        config = parse_config(octets, path, known)
        edit = find_edit(known.document, config.document, changes)
        changes = changes_after(known.document, config.document, changes)
    merged = merge_changes(config, changes)
    if merged.config is config:
        return Rewritten(config, edit, merged.refused, kept_out=merged.kept_out)
    if before is None:
        return None
    try:
        replace_content(path, merged.config.octets, before, octets)
    except FileChangedError:
        time.sleep(quiet_s)
        return None
    except OSError as error:
        return Rewritten(config, edit, merged.refused, error, changes)
    return Rewritten(merged.config, edit, merged.refused, kept_out=merged.kept_out)


def _is_settled(path: Path, seen: FileIdentity | None, octets: bytes, quiet_s: float) -> bool:
    """Whether the file is left alone and still holds ``octets``: its times may hide a save within one tick."""
    time.sleep(quiet_s)
    is_same_file = seen is not None and _identity(path) == seen and not is_open_for_writing(path)
    return is_same_file and read_octets(path) == octets


def _identity(path: Path) -> FileIdentity | None:
    try:
        return identity_of(path)
    except OSError:
        return None
