"""The daemon's changes merged into the file as its owner left it: deciding on text, then one read and one write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from configuration.atomic_file import FileChangedError, identity_of, replace_content
from configuration.config_loader import LoadedConfig, parse_config, read_octets
from configuration.entry_change import EntryChange, changed_entry, fields_to_set
from configuration.yaml_entry import EditRefused

_MAX_RACES = 10


@dataclass(frozen=True, slots=True)
class Merged:
    """The configuration with the changes in it; ``refused`` tells why some devices' could not be taken."""

    config: LoadedConfig
    refused: Mapping[str, str]


def merge_changes(config: LoadedConfig, changes: Mapping[str, EntryChange]) -> Merged:
    """Set what ``changes`` say and the masters of the fields allow; ``config`` itself stays as it is."""
    text = config.devices_text.copy()
    devices = dict(config.document.devices)
    refused: dict[str, str] = {}
    is_changed = False
    for device_id, change in changes.items():
        present = devices.get(device_id)
        fields = fields_to_set(device_id, present, change)
        if not fields:
            continue
        try:
            entry = changed_entry(present, fields)
            is_changed |= text.set_fields(device_id, fields)
            devices[device_id] = entry
        except ValidationError as error:
            refused[device_id] = "; ".join(f"{fault['loc']}: {fault['msg']}" for fault in error.errors())
        except EditRefused as error:
            refused[device_id] = str(error)
    if not is_changed:
        return Merged(config, refused)
    document = config.document.model_copy(update={"devices": devices})
    return Merged(LoadedConfig(config.path, text.octets(), document, text), refused)


def rewrite_file(known: LoadedConfig, changes: Mapping[str, EntryChange]) -> Merged:
    """Merge ``changes`` into the file as it is now and write it if that changed anything. Blocks: for a worker thread.

    Raise ``ConfigRejected`` if the file is not valid at the moment, ``OSError`` if it cannot be written. The file is
    untouched then. ``known`` spares parsing a file that is still as it was.
    """
    for _ in range(_MAX_RACES):
        merged = _rewrite_once(known.path, known, changes)
        if merged is not None:
            return merged
    raise OSError(f"{known.path} is being written by others all the time")


def _rewrite_once(path: Path, known: LoadedConfig, changes: Mapping[str, EntryChange]) -> Merged | None:
    try:
        before = identity_of(path)
    except OSError:
        before = None  # read_octets tells in the owner's words what is wrong
    octets = read_octets(path)
    config = known if octets == known.octets else parse_config(octets, path)
    merged = merge_changes(config, changes)
    if merged.config is config:
        return merged
    if before is None:
        return None
    try:
        replace_content(path, merged.config.octets, before)
    except FileChangedError:
        return None
    return merged
