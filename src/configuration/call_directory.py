"""Whom one can call, read from the configuration at the moment of the call."""

from __future__ import annotations

from collections.abc import Iterator

from configuration.config_store import ConfigStore
from configuration.entry_change import default_name
from domain.calls import CallableDevice, IncomingCall
from domain.ports import Engine
from domain.values import Binding, Role


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
            is_enabled = entry.enabled and not entry.pending
            yield CallableDevice(device_id, name, role is Role.SINK, is_enabled, role is Role.SOURCE)

    def is_registered(self, device_id: str) -> bool:
        return bool(self._engine.find_device(device_id))

    def device_of(self, call: IncomingCall) -> str:
        aor = f"{call.caller.user}@{self._store.document.server.domain}"
        here = [binding for binding in self._engine.find_aor(aor) if _came_from(binding, call.flow.remote.ip)]
        # Several devices may share an address and a host: the one that calls is known by its port, or not at all.
        exact = [binding for binding in here if binding.flow == call.flow]
        devices = {binding.device_id for binding in exact or here}
        return devices.pop() if len(devices) == 1 else ""


def _came_from(binding: Binding, ip: str) -> bool:
    return binding.flow.remote.ip == ip
