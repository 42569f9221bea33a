"""Which device is meant, and which messages are its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence

from diagnosis.evidence import DeviceFacts
from diagnosis.message_text import read_message
from domain.exchanges import Exchange
from domain.values import Binding

SHARED_USER = "screamrouter"
"""Under this name devices are told apart by their UUIDs; it names nobody."""

_LEAST_PREFIX = 4
_HEX_PREFIX = re.compile(r"[0-9a-f][0-9a-f-]*")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def match_devices(asked: str, devices: Iterable[DeviceFacts]) -> list[DeviceFacts]:
    """The devices that ``asked`` names: by key, else name, else UUID prefix, else SIP user, else IP address."""
    wanted = asked.strip().lower()
    known = list(devices)
    ways: Sequence[Callable[[DeviceFacts], bool]] = (
        lambda device: device.key.lower() == wanted,
        lambda device: device.name.lower() == wanted,
        lambda device: _is_prefix(wanted) and is_uuid(device.key) and device.key.lower().startswith(wanted),
        lambda device: wanted in {user.lower() for user in users_of(device)},
        lambda device: (device.ip or "").lower() == wanted.strip("[]"),
    )
    for is_meant in ways:
        if found := [device for device in known if is_meant(device)]:
            return found
    return []


def is_uuid(text: str) -> bool:
    """Whether it is a UUID in its usual form."""
    return _UUID.fullmatch(text.lower()) is not None


def users_of(device: DeviceFacts, bindings: Sequence[Binding] = ()) -> set[str]:
    """The SIP users that the device goes by."""
    addresses = [device.contact_uri or "", *(binding.aor for binding in bindings)]
    if not is_uuid(device.key):
        addresses.append(device.key)
    users = {address.partition("@")[0].rpartition(":")[2] for address in addresses if "@" in address}
    return {user for user in users if user.lower() != SHARED_USER and not is_uuid(user)}


def is_of_device(exchange: Exchange, device: DeviceFacts, bindings: Sequence[Binding]) -> bool:
    """Whether it was said by this device, or to it: by UUID, else by user, else (unreadable) by address."""
    if exchange.is_ping:
        return any(exchange.remote == binding.target for binding in bindings)
    claimed = read_message(exchange.message).uuid
    if claimed is not None and is_uuid(device.key):
        return claimed == device.key.lower()
    if exchange.user and exchange.user.lower() != SHARED_USER:
        return exchange.user in users_of(device, bindings)
    is_unreadable = exchange.cause is not None and not exchange.user
    return is_unreadable and exchange.remote.ip in {device.ip, *(binding.flow.remote.ip for binding in bindings)}


class ExchangeIndex:
    """Finds a device's messages among all without looking at each of them."""

    def __init__(self, oldest_first: Sequence[Exchange]) -> None:
        self._all = oldest_first
        self._places: dict[Hashable, list[int]] = {}
        for place, one in enumerate(oldest_first):
            for mark in _marks_of(one):
                self._places.setdefault(mark, []).append(place)

    def of_device(self, device: DeviceFacts, bindings: Sequence[Binding]) -> tuple[Exchange, ...]:
        """What ``is_of_device`` says of each, oldest first."""
        marks: set[Hashable] = {device.key.lower(), *users_of(device, bindings)}
        marks.update(binding.target for binding in bindings)
        marks.update((binding.flow.remote.ip,) for binding in bindings)
        marks.add((device.ip,))
        places = {place for mark in marks for place in self._places.get(mark, ())}
        near = (self._all[place] for place in sorted(places))
        return tuple(one for one in near if is_of_device(one, device, bindings))


def _marks_of(one: Exchange) -> list[Hashable]:
    """By what it may be ascribed: a ping's target, a user, a UUID, or (without a user) an address in a tuple."""
    if one.is_ping:
        return [one.remote]
    claimed = read_message(one.message).uuid
    marks: list[Hashable] = [one.user or (one.remote.ip,)]
    return marks if claimed is None else [*marks, claimed]


def is_meant(exchange: Exchange, asked: str) -> bool:
    """Whether it has to do with somebody unknown: an address, a user, or (the beginning of) a UUID."""
    wanted = asked.strip().lower()
    if wanted.strip("[]") == exchange.remote.ip:
        return True
    user = wanted.removeprefix("sip:").partition("@")[0]
    claimed = read_message(exchange.message).uuid
    return exchange.user.lower() == user or (_is_prefix(wanted) and claimed is not None and claimed.startswith(wanted))


def _is_prefix(text: str) -> bool:
    return len(text) >= _LEAST_PREFIX and _HEX_PREFIX.fullmatch(text) is not None
