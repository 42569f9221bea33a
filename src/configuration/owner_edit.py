"""What the owner did to the file, and what that means for the daemon's changes on their way into it.

Rules: a field of the daemon's that the owner edited gets the daemon's value back with the next write. A change of a
device whose entry the owner has deleted cannot make the entry again: only what registers later does. Where both changed
one field of the owner's, the owner's value stays, and that is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from configuration.config_diff import Change, diff
from configuration.config_document import ConfigDocument, DeviceEntry
from configuration.entry_change import MASTERS, EntryChange, Master, fields_to_set, time_text

_OWNERS = tuple(name for name, master in MASTERS.items() if master is Master.OWNER)
_DAEMONS = tuple(name for name, master in MASTERS.items() if master is Master.DAEMON)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that the owner and the daemon set at the same time; ``kept`` is the owner's value."""

    device_id: str
    field: str
    kept: str
    dropped: str


@dataclass(frozen=True, slots=True)
class OwnerEdit:
    """An edit as found: ``after`` is what the file said when the owner had written it."""

    after: ConfigDocument
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]

    @property
    def added_devices(self) -> dict[str, DeviceEntry]:
        """The entries that the owner wrote."""
        return {str(one.key_path[1]): one.new for one in self._entries() if one.old is None}

    @property
    def removed_devices(self) -> list[str]:
        """The entries that the owner deleted."""
        return [str(one.key_path[1]) for one in self._entries() if one.new is None]

    def _entries(self) -> Iterator[Change]:
        return (one for one in self.changes if one.key_path[0] == "devices" and len(one.key_path) == 2)


def find_edit(before: ConfigDocument, after: ConfigDocument, pending: Mapping[str, EntryChange]) -> OwnerEdit:
    """What the owner did between ``before`` and ``after`` while ``pending`` was on its way."""
    return OwnerEdit(after, diff(before, after), tuple(_conflicts(before, after, pending)))


def changes_after(
    before: ConfigDocument, after: ConfigDocument, pending: Mapping[str, EntryChange]
) -> dict[str, EntryChange]:
    """``pending`` as it is to be merged into ``after``."""
    changes = {
        device_id: replace(change, creates=False)
        if device_id in before.devices and device_id not in after.devices
        else change
        for device_id, change in pending.items()
    }
    for device_id, entry in after.devices.items():
        known = before.devices.get(device_id)
        if known is None or known is entry or not (fields := _daemons_values(known, entry)):
            continue
        restored = EntryChange(fields)
        later = changes.get(device_id)
        changes[device_id] = restored.followed_by(later) if later else restored
    return changes


def _daemons_values(known: DeviceEntry, entry: DeviceEntry) -> dict[str, Any]:
    """The daemon's values of the fields of the daemon's that ``entry`` has otherwise, as they are written."""
    names = {name for name in _DAEMONS if getattr(known, name) != getattr(entry, name)}
    values = known.model_dump(mode="json", include=names)
    if values.get("last_seen") is not None and known.last_seen is not None:
        values["last_seen"] = time_text(known.last_seen)
    return values


def _conflicts(before: ConfigDocument, after: ConfigDocument, pending: Mapping[str, EntryChange]) -> Iterator[Conflict]:
    for device_id, change in pending.items():
        entry = after.devices.get(device_id)
        known = before.devices.get(device_id, DeviceEntry())
        if entry is None or entry == known:
            continue
        wanted = fields_to_set(device_id, known, change) or {}
        allowed = fields_to_set(device_id, entry, change) or {}
        for name in _OWNERS:
            kept = getattr(entry, name)
            if name not in wanted or name in allowed or kept in (getattr(known, name), wanted[name]):
                continue
            yield Conflict(device_id, name, str(kept), str(wanted[name]))
