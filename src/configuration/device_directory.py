"""Changes of bindings -> what the owner sees of devices: there, changed, gone.

Theory of operation: a device is the sum of its bindings; it is online iff one of them is reachable, and it is reached
at the one that changed last among those (``domain.binding_set``). ``process_event`` and ``process_resync`` decide on
values; ``announcement`` compares the device before and after. ``DeviceDirectory`` keeps the devices, knows whose each
binding is, and tells its sink.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

import structlog

from domain.binding_set import BindingSet
from domain.events import BindingAdded, BindingChanged, BindingEvent, BindingRemoved, RemovalReason
from domain.ports import CapabilityReader, RegistrationSink
from domain.values import Binding, Capabilities, Role

_log = structlog.get_logger(__name__)
_NOTHING_TOLD = Capabilities()
MOST_GONE = 10_000
"""Devices without a binding that are remembered: coming and going under ever new names must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device as its bindings show it; ``primary`` is the one at which it is reached, None while there is none.

    ``is_forgotten``: the owner deleted its entry. Only a REGISTER that the core tells of (a new or changed binding, not
    a refresh, not an answered ping) makes it known again.
    """

    device_id: str
    primary: Binding | None = None
    capabilities: Capabilities = _NOTHING_TOLD
    last_heard: datetime | None = None
    is_online: bool = False
    is_forgotten: bool = False


class Announcement(Enum):
    """What the sink is to be told."""

    REGISTERED = auto()
    OFFLINE = auto()


def process_event(
    device: Device, event: BindingEvent, bindings: BindingSet, capabilities: Capabilities | None
) -> Device:
    """``device`` after ``event``, which left it ``bindings``; ``capabilities``: of its body, if any."""
    binding = event.binding
    changed = replace(
        device,
        primary=bindings.primary,
        capabilities=combine_capabilities(device.capabilities, capabilities, binding),
        last_heard=max(device.last_heard or binding.last_heard, binding.last_heard),
        is_forgotten=device.is_forgotten and not isinstance(event, BindingAdded | BindingChanged),
    )
    if isinstance(event, BindingRemoved) and event.reason is RemovalReason.REPLACED and not bindings:
        return changed  # the binding that replaces it is the next event: the device was never away
    return replace(changed, is_online=bindings.is_reachable)


def process_resync(
    device: Device, oldest_first: Sequence[Binding], known: BindingSet, capabilities: Capabilities | None
) -> Device:
    """``device`` when ``oldest_first`` are all the bindings it has; it was known by ``known`` before."""
    bindings = BindingSet(oldest_first)
    newest = oldest_first[-1] if oldest_first else None
    heard = [moment for moment in (device.last_heard, newest.last_heard if newest else None) if moment is not None]
    return replace(
        device,
        primary=bindings.primary,
        capabilities=combine_capabilities(device.capabilities, capabilities, newest),
        last_heard=max(heard, default=None),
        is_online=bindings.is_reachable,
        is_forgotten=device.is_forgotten and all(known.find(one.binding_id) for one in oldest_first),
    )


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
        self._bindings: dict[str, BindingSet] = {}
        self._owners: dict[int, str] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()  # have no binding; who went first is first

    def find(self, device_id: str) -> Device | None:
        """The device as last heard, or None."""
        return self._devices.get(device_id)

    def forget(self, device_id: str) -> None:
        """Tell nothing of the device until it registers again."""
        if (device := self._devices.get(device_id)) is not None:
            self._devices[device_id] = replace(device, is_forgotten=True)

    def restore(self, binding: Binding, *, is_forgotten: bool) -> None:
        """Know the device of a binding that outlived a restart, silent as yet, and tell nobody of it."""
        device_id, last_heard = binding.device_id, binding.last_heard
        known = self._bindings.setdefault(device_id, BindingSet())
        told = self._capabilities_of(binding, known)
        known.put(binding)
        self._owners[binding.binding_id] = device_id
        before = self._devices.get(device_id)
        if before is None:
            capabilities = combine_capabilities(_NOTHING_TOLD, told, binding)
            self._devices[device_id] = Device(device_id, None, capabilities, last_heard, is_forgotten=is_forgotten)
        elif before.last_heard is None or before.last_heard <= last_heard:
            capabilities = combine_capabilities(before.capabilities, told, binding)
            self._devices[device_id] = replace(before, capabilities=capabilities, last_heard=last_heard)

    def tell_again(self, device_id: str) -> bool:
        """Tell of the device as it is if it is there, forgotten or not; False if it is not there."""
        device = self._devices.get(device_id)
        if device is None or not device.is_online:
            return False
        self._take(replace(device, is_forgotten=True), replace(device, is_forgotten=False))
        return True

    def on_binding_event(self, event: BindingEvent) -> None:
        """Take one change, in order. A binding that is another device's now is taken from the one it belonged to."""
        binding = event.binding
        owner = self._owners.get(binding.binding_id, binding.device_id)
        if owner != binding.device_id and (lost := self._bindings[owner].find(binding.binding_id)) is not None:
            self._process(BindingRemoved(lost, RemovalReason.UNREGISTERED))
        self._process(event)

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        """Take the whole truth: devices without a binding here are offline."""
        by_device: dict[str, list[Binding]] = {device_id: [] for device_id in self._devices}
        for binding in sorted(bindings, key=lambda binding: binding.last_heard):
            by_device.setdefault(binding.device_id, []).append(binding)
        self._owners = {binding.binding_id: binding.device_id for binding in bindings}
        for device_id, theirs in by_device.items():
            before = self._devices.get(device_id) or Device(device_id)
            known = self._bindings.get(device_id) or BindingSet()
            after = process_resync(before, theirs, known, self._newest_capabilities(known, theirs))
            self._bindings[device_id] = BindingSet(theirs)
            self._take(before, after)
            self._note_gone(device_id)

    def _process(self, event: BindingEvent) -> None:
        binding = event.binding
        before = self._devices.get(binding.device_id) or Device(binding.device_id)
        bindings = self._bindings.setdefault(binding.device_id, BindingSet())
        told = self._capabilities_of(binding, bindings)
        if isinstance(event, BindingRemoved):
            bindings.drop(binding.binding_id)
            self._owners.pop(binding.binding_id, None)
        else:
            bindings.put(binding)
            self._owners[binding.binding_id] = binding.device_id
        self._take(before, process_event(before, event, bindings, told))
        self._note_gone(binding.device_id)

    def _take(self, before: Device, after: Device) -> None:
        self._devices[after.device_id] = after
        match announcement(before, after), after.primary:
            case Announcement.REGISTERED, Binding() as primary:
                target, told = primary.target, after.capabilities
                self._sink.handle_sip_registration(after.device_id, target.ip, target.port, told.role, told)
            case Announcement.OFFLINE, _:
                self._sink.handle_sip_device_offline(after.device_id)

    def _note_gone(self, device_id: str) -> None:
        """Forget who went longest ago where too many have gone; it is a new device when it comes back."""
        self._gone.pop(device_id, None)
        if self._bindings[device_id]:
            return
        self._gone[device_id] = None
        if len(self._gone) > MOST_GONE:
            oldest, _ = self._gone.popitem(last=False)
            del self._devices[oldest], self._bindings[oldest]

    def _newest_capabilities(self, known: BindingSet, oldest_first: Sequence[Binding]) -> Capabilities | None:
        newest = next((binding for binding in reversed(oldest_first) if binding.body), None)
        return None if newest is None else self._capabilities_of(newest, known)

    def _capabilities_of(self, binding: Binding, bindings: BindingSet) -> Capabilities | None:
        """What the binding's body tells; None if it has none or one that was read before."""
        known = bindings.find(binding.binding_id)
        if not binding.body or (known is not None and known.body == binding.body):
            return None
        told = self._read_capabilities(binding.content_type, binding.body)
        if told.problem is not None:
            _log.warning("device.body_unreadable", device=binding.device_id, problem=told.problem)
        return told
