"""Whom one can call, read from the configuration at the moment of the call."""

from __future__ import annotations

from collections.abc import Iterator

from configuration.config_store import ConfigStore
from configuration.entry_change import default_name
from domain.calls import CallableDevice
from domain.ports import Engine
from domain.values import Role


class ConfiguredCallDirectory:
    """Implements ``domain.calls.CallDirectory``."""

    def __init__(self, store: ConfigStore, engine: Engine) -> None:
        self._store = store
        self._engine = engine

    def callable_devices(self) -> Iterator[CallableDevice]:
        for device_id in self._store.device_ids():
            entry = self._store.find_entry(device_id)
            if entry is None:
                continue
            role = entry.role or Role.UNKNOWN
            name = entry.name or default_name(device_id, role)
            yield CallableDevice(device_id, name, role is Role.SINK, entry.enabled and not entry.pending)

    def is_registered(self, device_id: str) -> bool:
        return bool(self._engine.find_device(device_id))
