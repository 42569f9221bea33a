"""What the owner's config.yaml says of devices, as far as presence is concerned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OwnedDevice:
    """One entry of config.yaml. ``addresses``: the users of the addresses-of-record that it is known to have."""

    name: str = ""
    is_do_not_disturb: bool = False
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnerView:
    """The entries by the devices' keys in config.yaml."""

    devices: Mapping[str, OwnedDevice] = field(default_factory=dict)

    def addresses(self) -> dict[str, tuple[str, ...]]:
        """Whose entries name an address: address -> keys, in the order of config.yaml."""
        keys: dict[str, list[str]] = {}
        for device_id, device in self.devices.items():
            for address in dict.fromkeys(device.addresses):
                keys.setdefault(address, []).append(device_id)
        return {address: tuple(theirs) for address, theirs in keys.items()}

    def name_of(self, device_ids: tuple[str, ...]) -> str:
        """The owner's name of the only device; empty of none and of several."""
        device = self.devices.get(device_ids[0]) if len(device_ids) == 1 else None
        return device.name if device else ""

    def is_do_not_disturb(self, device_ids: tuple[str, ...]) -> bool:
        """Whether every one of the devices is not to be disturbed: a call to the address would still ring another."""
        known = [self.devices.get(device_id) for device_id in device_ids]
        return bool(known) and all(device is not None and device.is_do_not_disturb for device in known)
