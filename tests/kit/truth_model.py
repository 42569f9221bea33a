"""What the truth test believes: the facts it made itself, and what each view must make of them.

Written without a look at ``presence``: a second opinion, on purpose. ``expected`` says what every view must say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

NOTES = {
    "not_registered": "Not registered",
    "unreachable": "Registered, but does not answer",
    "do_not_disturb": "Do not disturb",
    "closed": "Takes no calls",
    "on_the_phone": "On the phone",
    "busy": "Busy",
    "away": "Away",
    "available": "Available",
}
_ADDED = {"on_the_phone": {"on-the-phone"}, "do_not_disturb": {"busy"}}
_NOT_OPEN = {"not_registered", "unreachable", "do_not_disturb", "closed"}

Seen = dict[str, Any]


@dataclass
class Contact:
    """A binding that stands."""

    uri: str
    device: str
    is_reachable: bool = True


@dataclass
class Publication:
    """What stands; ``is_open`` None: it does not say."""

    is_open: bool | None
    activities: frozenset[str]


@dataclass
class Device:
    """An entry of config.yaml, while ``has_entry``; ``name`` None: the daemon's choice."""

    has_entry: bool = False
    name: str | None = None
    is_dnd: bool = False


@dataclass
class Address:
    """Contacts by label; calls by who called, as (direction, is held); publications oldest first."""

    devices: dict[str, Device]
    contacts: dict[str, Contact] = field(default_factory=dict)
    calls: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    publications: dict[str, Publication] = field(default_factory=dict)

    @property
    def is_reachable(self) -> bool:
        return any(one.is_reachable for one in self.contacts.values())

    @property
    def is_known(self) -> bool:
        return bool(self.contacts or self.calls or self.publications or self.owned)

    @property
    def owned(self) -> set[str]:
        return {key for key, device in self.devices.items() if device.has_entry}

    @property
    def bound(self) -> set[str]:
        return {one.device for one in self.contacts.values()}

    @property
    def is_dnd(self) -> bool:
        asked = self.bound or self.owned
        return bool(asked) and all(self.devices[key].has_entry and self.devices[key].is_dnd for key in asked)

    @property
    def is_open_published(self) -> bool | None:
        said = [one.is_open for one in self.publications.values() if one.is_open is not None]
        return said[-1] if said else None

    @property
    def doing(self) -> set[str]:
        return {activity for one in self.publications.values() for activity in one.activities}

    @property
    def word(self) -> str:
        """The first that holds."""
        words = (
            (not self.contacts, "not_registered"),
            (not self.is_reachable, "unreachable"),
            (self.is_dnd, "do_not_disturb"),
            (self.is_open_published is False, "closed"),
            (bool(self.calls) or "on-the-phone" in self.doing, "on_the_phone"),
            (not self.doing.isdisjoint({"busy", "meeting"}), "busy"),
            (not self.doing.isdisjoint({"away", "meal", "vacation"}), "away"),
        )
        return next((word for holds, word in words if holds), "available")

    @property
    def name(self) -> str | None:
        """None: the daemon's choice."""
        ids = self.bound | self.owned
        if len(ids) != 1:
            return ""
        device = self.devices[ids.pop()]
        return device.name if device.has_entry else ""

    def word_of(self, key: str) -> str:
        """Of one of its devices: there, or not there, by itself; else the address's."""
        own = [one for one in self.contacts.values() if one.device == key]
        if not own:
            return "not_registered"
        return self.word if any(one.is_reachable for one in own) else "unreachable"

    def is_online(self, key: str) -> bool:
        return any(one.is_reachable for one in self.contacts.values() if one.device == key)


def dialogs_of(calls: Iterable[tuple[str, bool]]) -> list[tuple[tuple[str, bool], int]]:
    """How many of each, in an order that can be compared."""
    return sorted(Counter(calls).items())


def pidf(address: Address) -> Seen:
    word = address.word
    is_there = word not in {"not_registered", "unreachable"}
    doing = address.doing | _ADDED.get(word, set()) if is_there else set()
    return {"basic": "closed" if word in _NOT_OPEN else "open", "note": NOTES[word], "activities": sorted(doing)}


def dialog_info(address: Address) -> Seen:
    return {
        "registered": bool(address.contacts),
        "reachable": address.is_reachable,
        "dialogs": dialogs_of(one for calls in address.calls.values() for one in calls),
    }


def reg_info(address: Address) -> Seen:
    return {
        "active": bool(address.contacts),
        "contacts": sorted((one.uri, one.is_reachable) for one in address.contacts.values()),
    }


def rest(address: Address) -> Seen:
    told: Seen = {
        "availability": address.word,
        "open": address.word not in _NOT_OPEN,
        "registered": bool(address.contacts),
        "reachable": address.is_reachable,
        "do_not_disturb": address.is_dnd,
        "devices": sorted(address.bound | address.owned),
        "calls": dialogs_of(one for calls in address.calls.values() for one in calls),
        "contacts": sorted((one.uri, one.is_reachable) for one in address.contacts.values()),
        "published": (address.is_open_published, sorted(address.doing)) if address.publications else None,
    }
    if address.name is not None:
        told["name"] = address.name
    return told


def rows(addresses: Iterable[Address]) -> dict[str, Seen]:
    """Of ``devices``, by key."""
    return {
        key: {
            "online": address.is_online(key),
            "availability": address.word_of(key),
            **({"name": device.name} if device.has_entry and device.name else {}),
        }
        for address in addresses
        for key, device in address.devices.items()
        if device.has_entry or key in address.bound
    }


def entries(addresses: Iterable[Address]) -> dict[str, Seen]:
    """Of config.yaml, by key."""
    return {
        key: {
            "online": address.is_online(key),
            "do_not_disturb": device.is_dnd,
            **({"name": device.name} if device.name else {}),
        }
        for address in addresses
        for key, device in address.devices.items()
        if device.has_entry
    }
