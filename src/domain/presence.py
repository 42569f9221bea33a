"""Presence: what is known of an address and of the devices behind it, as one value with a version and a cause.

A *presentity* (RFC 3856 section 3) is an address-of-record. Its state has four sources: its bindings, the calls that
its devices are in, the owner's word in config.yaml, and what it published itself (RFC 3903).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.values import Binding


class CallPhase(StrEnum):
    """How far a call is, for those who watch (RFC 4235 section 3.7.1: early, confirmed)."""

    RINGING = "ringing"
    TALKING = "talking"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class CallPart:
    """A call as one of its two parties has it.

    ``address`` is the party's user part as it calls or was called, ``device_id`` its key in config.yaml, empty where
    it is not known. ``remote_uri`` and ``local_uri`` are SIP URIs. ``is_initiator``: it placed the call.
    """

    call_id: int
    address: str
    device_id: str
    is_initiator: bool
    phase: CallPhase
    local_uri: str
    remote_uri: str


class Activity(StrEnum):
    """RFC 4480 section 3.2, those that are told here."""

    ON_THE_PHONE = "on-the-phone"
    BUSY = "busy"
    AWAY = "away"
    MEAL = "meal"
    MEETING = "meeting"
    VACATION = "vacation"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PublishedState:
    """What one publication says (PIDF with RPID). ``is_open`` None: it does not say."""

    is_open: bool | None = None
    activities: tuple[Activity, ...] = ()
    note: str = ""


class Availability(StrEnum):
    """The one word for people: what config.yaml, REST and every package are derived from with the rest."""

    NOT_REGISTERED = "not_registered"
    UNREACHABLE = "unreachable"
    """Registered, but it does not answer."""
    AVAILABLE = "available"
    AWAY = "away"
    BUSY = "busy"
    RINGING = "ringing"
    ON_THE_PHONE = "on_the_phone"
    DO_NOT_DISTURB = "do_not_disturb"
    CLOSED = "closed"
    """It is there, and says itself that it takes no calls."""


class ChangeCause(StrEnum):
    """Why a presentity is not what it was."""

    REGISTERED = "registered"
    CONTACT_CHANGED = "contact_changed"
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"
    FLOW_CLOSED = "flow_closed"
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    CALL = "call"
    PUBLISHED = "published"
    PUBLICATION_EXPIRED = "publication_expired"
    CONFIGURED = "configured"
    RESYNCHRONISED = "resynchronised"


@dataclass(frozen=True, slots=True)
class Presentity:
    """All that is known of an address at one moment; ``version`` rises by one with each change of it.

    ``address`` is the user part of the address-of-record, unescaped. ``bindings`` oldest change first. ``name`` is the
    owner's name of its device, empty where it has none or several. ``is_reachable``: one of the bindings is.
    """

    address: str
    version: int
    availability: Availability
    is_reachable: bool
    changed_at: datetime
    cause: ChangeCause
    name: str = ""
    device_ids: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()
    calls: tuple[CallPart, ...] = ()
    published: PublishedState | None = None
    is_do_not_disturb: bool = False

    @property
    def is_registered(self) -> bool:
        """Whether it has a binding."""
        return bool(self.bindings)

    @property
    def is_open(self) -> bool:
        """RFC 3863 section 4.1.4's basic status: a call would reach it and be welcome."""
        return self.availability not in {
            Availability.NOT_REGISTERED,
            Availability.UNREACHABLE,
            Availability.CLOSED,
            Availability.DO_NOT_DISTURB,
        }


class PresenceView(Protocol):
    """Whoever knows the presentities. On the event loop's thread."""

    def presentities(self) -> tuple[Presentity, ...]:
        """Every address that is registered, has an entry in config.yaml, is in a call or has published; by address."""
        ...

    def find_presentity(self, address: str) -> Presentity:
        """The state of one address, also of one that nobody ever registered."""
        ...


class PresenceObserver(Protocol):
    """Whoever is told of changes. On the event loop's thread."""

    def on_presentity(self, before: Presentity, after: Presentity) -> None:
        """``after`` is in force; ``before`` may be the version 0 of an address that was not known."""
        ...


class CallPartsObserver(Protocol):
    """Whoever is told who is in which call; the flow of calls tells."""

    def on_call_parts(self, call_id: int, parts: tuple[CallPart, ...]) -> None:
        """The call's parties as they are now; none when it is over."""
        ...
