"""Changes of bindings -> what the owner sees of devices: there, changed, gone.

Theory of operation: a device is the sum of its bindings; it is online iff one of them is reachable, and it is reached
at the one that changed last among those. ``process_event`` and ``process_resync`` decide on values; ``announcement``
compares the device before and after. ``DeviceDirectory`` keeps the values and tells its sink.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

import structlog

from domain.events import BindingAdded, BindingChanged, BindingEvent, BindingRemoved, RemovalReason
from domain.ports import CapabilityReader, RegistrationSink
from domain.values import Binding, Capabilities, Role

_log = structlog.get_logger(__name__)
_NOTHING_TOLD = Capabilities()


@dataclass(frozen=True, slots=True)
class Device:
    """One device as its bindings show it; ``bindings`` in the order of their changes, the last one newest.

    ``is_forgotten``: the owner deleted its entry. Only a REGISTER that the core tells of (a new or changed binding, not
    a refresh, not an answered ping) makes it known again.
    """

    device_id: str
    bindings: tuple[Binding, ...] = ()
    capabilities: Capabilities = _NOTHING_TOLD
    last_heard: datetime | None = None
    is_online: bool = False
    is_forgotten: bool = False

    @property
    def primary(self) -> Binding | None:
        """The binding at which the device is reached; None while it is offline."""
        return next((binding for binding in reversed(self.bindings) if binding.is_reachable), None)


class Announcement(Enum):
    """What the sink is to be told."""

    REGISTERED = auto()
    OFFLINE = auto()


def process_event(device: Device, event: BindingEvent, capabilities: Capabilities | None) -> Device:
    """``device`` after ``event``; ``capabilities`` are those of the event's body, None if it had none."""
    binding = event.binding
    others = tuple(known for known in device.bindings if known.binding_id != binding.binding_id)
    bindings = others if isinstance(event, BindingRemoved) else (*others, binding)
    changed = replace(
        device,
        bindings=bindings,
        capabilities=combine_capabilities(device.capabilities, capabilities, binding),
        last_heard=max(device.last_heard or binding.last_heard, binding.last_heard),
        is_forgotten=device.is_forgotten and not isinstance(event, BindingAdded | BindingChanged),
    )
    if isinstance(event, BindingRemoved) and event.reason is RemovalReason.REPLACED and not others:
        return changed  # the binding that replaces it is the next event: the device was never away
    return replace(changed, is_online=changed.primary is not None)


def process_resync(device: Device, bindings: Sequence[Binding], capabilities: Capabilities | None) -> Device:
    """``device`` when ``bindings`` are all it has."""
    ordered = tuple(sorted(bindings, key=lambda binding: binding.last_heard))
    heard = [binding.last_heard for binding in ordered]
    newest = ordered[-1] if ordered else None
    known = {binding.binding_id for binding in device.bindings}
    changed = replace(
        device,
        bindings=ordered,
        capabilities=combine_capabilities(device.capabilities, capabilities, newest),
        last_heard=max([*heard, device.last_heard] if device.last_heard else heard, default=None),
        is_forgotten=device.is_forgotten and all(binding.binding_id in known for binding in ordered),
    )
    return replace(changed, is_online=changed.primary is not None)


def combine_capabilities(known: Capabilities, told: Capabilities | None, binding: Binding | None) -> Capabilities:
    """What was told replaces what is known; a REGISTER without a body, or with a bad one, erases nothing."""
    user_agent = (binding.user_agent if binding else None) or known.user_agent
    if told is None or told.problem is not None:
        return replace(known, user_agent=user_agent)
    role = known.role if told.role is Role.UNKNOWN else told.role
    return replace(told, role=role, user_agent=user_agent)


def announcement(before: Device, after: Device) -> Announcement | None:
    """What ``after`` has that ``before`` had not, as far as the owner can see it."""
    if after.is_forgotten:
        return None
    if after.is_online:
        return Announcement.REGISTERED if before.is_forgotten or _visible(before) != _visible(after) else None
    return Announcement.OFFLINE if before.is_online else None


def _visible(device: Device) -> tuple[object, ...]:
    primary = device.primary
    reached = (primary.contact_uri, primary.target) if primary else None
    return (device.is_online, reached, device.capabilities)


class DeviceDirectory:
    """The devices that have been heard since the start; implements ``domain.ports.BindingObserver``."""

    def __init__(self, sink: RegistrationSink, read_capabilities: CapabilityReader) -> None:
        self._sink = sink
        self._read_capabilities = read_capabilities
        self._devices: dict[str, Device] = {}

    def find(self, device_id: str) -> Device | None:
        """The device as last heard, or None."""
        return self._devices.get(device_id)

    def forget(self, device_id: str) -> None:
        """Tell nothing of the device until it registers again."""
        if (device := self._devices.get(device_id)) is not None:
            self._devices[device_id] = replace(device, is_forgotten=True)

    def tell_again(self, device_id: str) -> bool:
        """Tell of the device as it is if it is there, forgotten or not; False if it is not there."""
        device = self._devices.get(device_id)
        if device is None or not device.is_online:
            return False
        self._take(replace(device, is_forgotten=True), replace(device, is_forgotten=False))
        return True

    def on_binding_event(self, event: BindingEvent) -> None:
        """Take one change, in order."""
        before = self._devices.get(event.binding.device_id) or Device(event.binding.device_id)
        after = process_event(before, event, self._capabilities_of(event.binding, before))
        self._take(before, after)

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        """Take the whole truth: devices without a binding here are offline."""
        by_device: dict[str, list[Binding]] = {device_id: [] for device_id in self._devices}
        for binding in bindings:
            by_device.setdefault(binding.device_id, []).append(binding)
        for device_id, theirs in by_device.items():
            before = self._devices.get(device_id) or Device(device_id)
            self._take(before, process_resync(before, theirs, self._newest_capabilities(before, theirs)))

    def _take(self, before: Device, after: Device) -> None:
        self._devices[after.device_id] = after
        match announcement(before, after), after.primary:
            case Announcement.REGISTERED, Binding() as primary:
                target, told = primary.target, after.capabilities
                self._sink.handle_sip_registration(after.device_id, target.ip, target.port, told.role, told)
            case Announcement.OFFLINE, _:
                self._sink.handle_sip_device_offline(after.device_id)

    def _newest_capabilities(self, device: Device, bindings: Iterable[Binding]) -> Capabilities | None:
        with_body = [binding for binding in bindings if binding.body]
        newest = max(with_body, key=lambda binding: binding.last_heard, default=None)
        return None if newest is None else self._capabilities_of(newest, device)

    def _capabilities_of(self, binding: Binding, device: Device) -> Capabilities | None:
        """What the binding's body tells; None if it has none or one that was read before."""
        known = next((one for one in device.bindings if one.binding_id == binding.binding_id), None)
        if not binding.body or (known is not None and known.body == binding.body):
            return None
        told = self._read_capabilities(binding.content_type, binding.body)
        if told.problem is not None:
            _log.warning("device.body_unreadable", device=binding.device_id, problem=told.problem)
        return told
