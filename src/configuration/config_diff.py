"""What differs between two configurations, in order, and what it takes for each difference to take effect.

A difference is LIVE (a reload puts it in force), RESTART (it is in force after the next start) or OVERWRITTEN (the
field is the daemon's, whose value comes back).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from pydantic import BaseModel

from configuration.config_document import ConfigDocument, DeviceEntry
from configuration.entry_change import MASTERS, Master
from configuration.problem import KeyPath, key_text

_RESTART_OF_HTTP = ("enabled", "address", "port", "certificate", "key")
_RESTART_PREFIXES: tuple[KeyPath, ...] = (
    ("sip",),
    ("media",),
    ("server", "state_dir"),
    *(("http", name) for name in _RESTART_OF_HTTP),
)
"""Sockets and the state directory are taken at the start."""
_LISTS = frozenset({"devices", "routes"})
_LONGEST_SHOWN = 200


class Effect(StrEnum):
    """When a difference is in force."""

    LIVE = "live"
    RESTART = "restart"
    OVERWRITTEN = "overwritten"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. A device or route that is new has ``old`` None, one that is gone ``new`` None."""

    key_path: KeyPath
    old: Any
    new: Any
    effect: Effect

    def __str__(self) -> str:
        """``registrar.max_contacts: 10 -> 5``, or ``devices.x: added``."""
        if isinstance(self.old, BaseModel | None) and isinstance(self.new, BaseModel | None):
            words = "added" if self.old is None else "removed" if self.new is None else "changed"
            return f"{key_text(self.key_path)}: {words}"
        return f"{key_text(self.key_path)}: {_shown(self.old)} -> {_shown(self.new)}"


def diff(old: ConfigDocument, new: ConfigDocument) -> tuple[Change, ...]:
    """Every difference: settings in the schema's order, then devices in the file's order, then routes."""
    return (*diff_settings(old, new), *_device_changes(old.devices, new.devices), *_route_changes(old, new))


def diff_settings(old: ConfigDocument, new: ConfigDocument) -> tuple[Change, ...]:
    """The differences outside devices and routes: cheap, whatever the number of devices."""
    return tuple(_section_changes(old, new, ()))


def in_force(started: ConfigDocument, wanted: ConfigDocument) -> ConfigDocument:
    """``wanted`` with the values of ``started`` where only a restart changes them."""
    server = wanted.server.model_copy(update={"state_dir": started.server.state_dir})
    http = wanted.http.model_copy(update={name: getattr(started.http, name) for name in _RESTART_OF_HTTP})
    return wanted.model_copy(update={"sip": started.sip, "media": started.media, "server": server, "http": http})


def effect_of_setting(path: KeyPath) -> Effect:
    """When an edit of the setting at ``path`` is in force."""
    needs_restart = any(path[: len(prefix)] == prefix for prefix in _RESTART_PREFIXES)
    return Effect.RESTART if needs_restart else Effect.LIVE


def _section_changes(old: BaseModel, new: BaseModel, path: KeyPath) -> Iterator[Change]:
    for name in type(old).model_fields:
        if not path and name in _LISTS:
            continue
        before, after = getattr(old, name), getattr(new, name)
        key_path = (*path, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from _section_changes(before, after, key_path)
        elif before != after:
            yield Change(key_path, before, after, effect_of_setting(key_path))


def _device_changes(old: Mapping[str, DeviceEntry], new: Mapping[str, DeviceEntry]) -> Iterator[Change]:
    for device_id, before in old.items():
        after = new.get(device_id)
        if after is None:
            yield Change(("devices", device_id), before, None, Effect.LIVE)
        elif after is not before and after != before:
            yield from _field_changes(device_id, before, after)
    for device_id, after in new.items():
        if device_id not in old:
            yield Change(("devices", device_id), None, after, Effect.LIVE)


def _field_changes(device_id: str, old: DeviceEntry, new: DeviceEntry) -> Iterator[Change]:
    for name in DeviceEntry.model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            effect = Effect.LIVE if MASTERS[name] is Master.OWNER else Effect.OVERWRITTEN
            yield Change(("devices", device_id, name), before, after, effect)


def _route_changes(old: ConfigDocument, new: ConfigDocument) -> Iterator[Change]:
    for index, (before, after) in enumerate(zip_longest(old.routes, new.routes)):
        if before != after:
            yield Change(("routes", index), before, after, Effect.LIVE)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case tuple():
            text = "[" + ", ".join(str(item) for item in value) + "]"
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
