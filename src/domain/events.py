"""What the core tells Python: changes only. A refreshed registration and an answered ping are no changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.calls import CallEvent
from domain.legs import LegEvent
from domain.values import Binding, Endpoint
from domain.watching import WatchEvent


class RemovalReason(StrEnum):
    """Why a binding ended."""

    UNREGISTERED = "unregistered"
    EXPIRED = "expired"
    REPLACED = "replaced"
    FLOW_CLOSED = "flow_closed"
    """The connection ended that it came on (RFC 5626 section 5.3)."""


@dataclass(frozen=True, slots=True)
class BindingAdded:
    """A contact that was not registered before; it is reachable, since it has just spoken."""

    binding: Binding


@dataclass(frozen=True, slots=True)
class BindingChanged:
    """The same binding with another contact, flow, body, path or user agent."""

    binding: Binding


@dataclass(frozen=True, slots=True)
class BindingRemoved:
    """A binding that is gone; ``binding`` is its last state."""

    binding: Binding
    reason: RemovalReason


@dataclass(frozen=True, slots=True)
class BindingReachable:
    """A binding that was silent was heard again."""

    binding: Binding


@dataclass(frozen=True, slots=True)
class BindingUnreachable:
    """Nothing was heard on the binding's flow for ``liveness.timeout_s``; the registration itself still stands."""

    binding: Binding


@dataclass(frozen=True, slots=True)
class ResyncRequired:
    """Events were lost to an overflow: take ``Engine.snapshot()``; what it lacks is gone."""


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request was refused; a few per second are told. ``aor`` and the like are what the peer claimed, or empty.

    ``cause`` is the reason's name in the core, ``reason`` the sentence that the peer was told.
    """

    status: int
    reason: str
    source: Endpoint
    aor: str
    contact_uri: str
    user_agent: str
    cause: str = ""
    device_uuid: str = ""


BindingEvent = BindingAdded | BindingChanged | BindingRemoved | BindingReachable | BindingUnreachable
CoreEvent = BindingEvent | RequestRefused | ResyncRequired | CallEvent | LegEvent | WatchEvent
