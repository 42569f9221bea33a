"""Which address a device has, and whom a name means: config.yaml's entries joined with what has been registered.

A device with a UUID is written down under that; its address is the one that it registered last, of those that it still
has, if any. Until it has, since the start of the daemon, the UUID stands for its address, so that each entry has
exactly one presentity.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from configuration.config_document import DeviceEntry
from configuration.entry_change import default_name
from domain.addresses import address_of
from domain.values import Binding, Role
from presence.owner_view import OwnedDevice, OwnerView
from sip_server.invite_flow import sanitise_name

MOST_REMEMBERED = 20_000
"""Devices whose address is remembered after they have gone."""


class AddressBook:
    """On the event loop's thread.

    A name is found by the rules of calls (``sip_server.invite_flow.find_devices``); one that means several devices
    means nobody.
    """

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, str] = OrderedDict()
        self._bound: dict[str, dict[int, str]] = {}
        self._entries: Mapping[str, DeviceEntry] = {}
        self._named: dict[str, str | None] = {}

    def learn(self, binding: Binding) -> bool:
        """Remember the address of the binding's device; True: an entry of config.yaml has another one now."""
        bound = self._bound.setdefault(binding.device_id, {})
        bound.pop(binding.binding_id, None)  # it is the newest now
        bound[binding.binding_id] = address_of(binding.aor)
        return self._remember(binding.device_id, bound[binding.binding_id])

    def leave(self, binding: Binding, *, is_replaced: bool) -> bool:
        """The binding has gone: another address that its device has counts; True as with ``learn``.

        ``is_replaced``: what replaces it is learnt next, and the address stays till then.
        """
        bound = self._bound.get(binding.device_id, {})
        bound.pop(binding.binding_id, None)
        if not bound:
            self._bound.pop(binding.device_id, None)
        elif not is_replaced:
            return self._remember(binding.device_id, bound[next(reversed(bound))])
        return False

    def relearn(self, bindings: Iterable[Binding]) -> bool:
        """These are all bindings that there are; True as with ``learn``."""
        self._bound.clear()
        is_learned = [self.learn(binding) for binding in bindings]
        return any(is_learned)

    def _remember(self, device_id: str, address: str) -> bool:
        is_new = self.address_of_device(device_id) != address
        self._addresses[device_id] = address
        self._addresses.move_to_end(device_id)
        if len(self._addresses) > MOST_REMEMBERED:
            self._addresses.popitem(last=False)
        return is_new and device_id in self._entries

    def take_entries(self, entries: Mapping[str, DeviceEntry]) -> None:
        """The devices of config.yaml as they are now."""
        self._entries = entries
        self._named.clear()
        for rule in _RULES:
            found: dict[str, str | None] = {}
            for device_id, entry in entries.items():
                for name in rule(device_id, entry):
                    found[name] = None if name in found and found[name] != device_id else device_id
            for name, device in found.items():
                self._named.setdefault(name, device)

    def owner_view(self) -> OwnerView:
        """What the owner says of each device, with the addresses that are known."""
        return OwnerView({device_id: self.owned(device_id) for device_id in self._entries})

    def owned(self, device_id: str) -> OwnedDevice:
        """The same of one device that has an entry."""
        entry = self._entries[device_id]
        name, address = _name_of(device_id, entry), self.address_of_device(device_id)
        return OwnedDevice(name, entry.do_not_disturb, (address,))

    def addresses(self) -> set[str]:
        """Whom a message may be for: the address of each entry, and its key."""
        keys = {address_of(device_id) for device_id in self._entries}
        return keys | {self.address_of_device(device_id) for device_id in self._entries}

    def address_of_device(self, device_id: str) -> str:
        """The user part of the device's address; its key's where none was registered yet."""
        return self._addresses.get(device_id) or address_of(device_id)

    def entries_of(self, address: str, device_ids: Iterable[str]) -> tuple[DeviceEntry, ...]:
        """What the owner wrote of the devices; of the one that the address means, where none of them has an entry."""
        theirs = tuple(entry for device_id in device_ids if (entry := self._entries.get(device_id)))
        meant = self._entries.get(self._named.get(address) or "")
        return theirs or ((meant,) if meant else ())

    def find(self, name: str) -> str | None:
        """The address that is meant by a device's key, UUID or name; None: no device's."""
        device_id = self._named.get(name) or self._named.get(name.lower()) or self._named.get(sanitise_name(name))
        return self.address_of_device(device_id) if device_id else None


def _name_of(device_id: str, entry: DeviceEntry) -> str:
    return entry.name or default_name(device_id, entry.role or Role.UNKNOWN)


_RULES = (
    lambda device_id, _: (device_id,),
    lambda device_id, _: (address_of(device_id),) if "@" in device_id else (),
    lambda device_id, entry: (_name_of(device_id, entry),),
    lambda device_id, entry: (plain,) if (plain := sanitise_name(_name_of(device_id, entry))) else (),
)
"""The strongest first."""
