"""Events from four sources -> the presentities: who is there, in which version, and who is to be told.

Theory of operation: an address has an entry while it has bindings, an owner's entry, calls or a publication; each
event changes one part of one entry, and what the entry makes now is compared with what it made before. Only what can
be seen counts: a refreshed registration and another round-trip time are no change. An event costs the same however
many addresses are known; a new ``OwnerView`` and a resynchronisation look at all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from domain.addresses import address_of
from domain.binding_set import BindingSet
from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingEvent,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    RemovalReason,
)
from domain.ports import Clock
from domain.presence import (
    Availability,
    CallPart,
    ChangeCause,
    PresenceObserver,
    Presentity,
    PublishedState,
)
from domain.values import Binding
from presence.availability import Facts, decide_availability
from presence.owner_view import OwnedDevice, OwnerView

Resolver = Callable[[str], str | None]
"""A name that an address may be asked by (its user, a UUID, the owner's name) -> the address; None: nobody's."""

_REMOVAL_CAUSES = {
    RemovalReason.UNREGISTERED: ChangeCause.UNREGISTERED,
    RemovalReason.EXPIRED: ChangeCause.EXPIRED,
    RemovalReason.REPLACED: ChangeCause.CONTACT_CHANGED,
    RemovalReason.FLOW_CLOSED: ChangeCause.FLOW_CLOSED,
}


@dataclass(slots=True)
class _Entry:
    """The sources of one address, and the presentity that they made last."""

    presentity: Presentity
    visible: tuple[object, ...]
    bindings: BindingSet = field(default_factory=BindingSet)
    calls: dict[int, tuple[CallPart, ...]] = field(default_factory=dict)
    published: PublishedState | None = None


class PresenceBoard:
    """Implements ``PresenceView``, ``BindingObserver`` and ``CallPartsObserver``. On the event loop's thread.

    Observers are told in the order in which they were added, when the new state is in force.
    """

    def __init__(self, clock: Clock, resolve: Resolver, services: frozenset[str] = frozenset()) -> None:
        """``services``: names in lower case that can always be called."""
        self._clock = clock
        self._resolve = resolve
        self._services = services
        self._since = clock.now()
        self._observers: list[PresenceObserver] = []
        self._entries: dict[str, _Entry] = {}
        self._devices: dict[str, OwnedDevice] = {}
        self._owner = OwnerView(self._devices)
        self._owned: dict[str, tuple[str, ...]] = {}
        self._call_addresses: dict[int, tuple[str, ...]] = {}
        self._replaced: str | None = None

    def add_observer(self, observer: PresenceObserver) -> None:
        """Tell ``observer`` of every change from now on."""
        self._observers.append(observer)

    def presentities(self) -> tuple[Presentity, ...]:
        return tuple(self._entries[address].presentity for address in sorted(self._entries))

    def find_presentity(self, address: str) -> Presentity:
        entry = self._entries.get(address)
        return entry.presentity if entry else self._unknown(address)

    def on_binding_event(self, event: BindingEvent) -> None:
        """Take one change, in order."""
        binding, address = event.binding, address_of(event.binding.aor)
        waiting, self._replaced = self._replaced, None
        bindings = self._entry(address).bindings
        if isinstance(event, BindingRemoved):
            bindings.drop(binding.binding_id)
        else:
            bindings.put(binding)
        if isinstance(event, BindingRemoved) and event.reason is RemovalReason.REPLACED and not bindings:
            self._replaced = address  # the binding that replaces it is the next event: it was never away
        else:
            self._update(address, _cause_of(event))
        if waiting is not None and waiting != address:
            self._update(waiting, ChangeCause.UNREGISTERED)

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        """Take the whole truth: addresses without a binding here are not registered. Also for the bindings at start."""
        self._replaced = None
        by_address: dict[str, list[Binding]] = {address: [] for address in self._entries}
        for binding in sorted(bindings, key=lambda binding: binding.last_heard):
            by_address.setdefault(address_of(binding.aor), []).append(binding)
        for address, theirs in by_address.items():
            self._entry(address).bindings = BindingSet(theirs)
            self._update(address, ChangeCause.RESYNCHRONISED)

    def on_call_parts(self, call_id: int, parts: tuple[CallPart, ...]) -> None:
        """Take who is in the call now; a part counts for the address that its name means when it is told."""
        by_address: dict[str, tuple[CallPart, ...]] = {}
        for part in parts:
            if address := self._resolve(part.address) or part.address:  # an anonymous caller has none
                by_address[address] = (*by_address.get(address, ()), part)
        before = self._call_addresses.pop(call_id, ())
        if by_address:
            self._call_addresses[call_id] = tuple(by_address)
        for address in dict.fromkeys((*before, *by_address)):
            calls = self._entry(address).calls
            if address in by_address:
                calls[call_id] = by_address[address]
            else:
                calls.pop(call_id, None)
            self._update(address, ChangeCause.CALL)

    def apply_owner(self, owner: OwnerView) -> None:
        """Take the owner's word as it is now."""
        before, self._devices = self._devices, dict(owner.devices)
        self._owner = OwnerView(self._devices)
        changed = {key for key in {*before, *owner.devices} if before.get(key) != owner.devices.get(key)}
        owned_before, self._owned = self._owned, owner.addresses()
        touched = {
            address
            for address in {*owned_before, *self._owned}
            if owned_before.get(address) != self._owned.get(address)
        }
        touched.update(
            address for address, entry in self._entries.items() if not changed.isdisjoint(entry.presentity.device_ids)
        )
        for address in sorted(touched):
            self._entry(address)
            self._update(address, ChangeCause.CONFIGURED)

    def apply_device(self, device_id: str, device: OwnedDevice) -> None:
        """Take the owner's word of one device; costs nothing for the others.

        Its name and do-not-disturb must be those that ``apply_owner`` told: this is for an address that it turned out
        to have, as each device does once after a start.
        """
        before = self._owner.devices.get(device_id, OwnedDevice())
        self._devices[device_id] = device
        for address in {*before.addresses, *device.addresses}:
            others = tuple(key for key in self._owned.pop(address, ()) if key != device_id)
            keys = (*others, device_id) if address in device.addresses else others
            if keys:
                self._owned[address] = keys
            self._entry(address)
            self._update(address, ChangeCause.CONFIGURED)

    def apply_published(self, address: str, published: PublishedState | None, cause: ChangeCause) -> None:
        """Take what the publications of the address say together; None: there is none any more."""
        self._entry(address).published = published
        self._update(address, cause)

    def _entry(self, address: str) -> _Entry:
        """The entry, made if need be; ``_update`` must follow, which forgets it when it holds nothing."""
        entry = self._entries.get(address)
        if entry is None:
            unknown = self._unknown(address)
            entry = self._entries[address] = _Entry(unknown, _visible(unknown))
        return entry

    def _unknown(self, address: str) -> Presentity:
        if address.lower() in self._services:
            return Presentity(address, 0, Availability.AVAILABLE, True, self._since, ChangeCause.CONFIGURED)
        return Presentity(address, 0, Availability.NOT_REGISTERED, False, self._since, ChangeCause.UNREGISTERED)

    def _update(self, address: str, cause: ChangeCause) -> None:
        entry = self._entries[address]
        before, now = entry.presentity, self._compose(address, entry)
        visible = _visible(now)
        is_changed = visible != entry.visible
        if is_changed:
            entry.visible = visible
            now = replace(now, version=before.version + 1, changed_at=self._clock.now(), cause=cause)
        entry.presentity = now
        if not (entry.bindings or entry.calls or entry.published or address in self._owned):
            del self._entries[address]
        if is_changed:
            for observer in tuple(self._observers):
                observer.on_presentity(before, now)

    def _compose(self, address: str, entry: _Entry) -> Presentity:
        bindings = entry.bindings.oldest_first
        bound, owned = tuple({binding.device_id: None for binding in bindings}), self._owned.get(address, ())
        device_ids = tuple(sorted({*bound, *owned}))
        facts = Facts(
            is_registered=bool(bindings),
            is_reachable=entry.bindings.is_reachable,
            is_do_not_disturb=self._owner.is_do_not_disturb(bound or owned),
            calls=tuple(part for call_id in sorted(entry.calls) for part in entry.calls[call_id]),
            published=entry.published,
        )
        before = entry.presentity
        return Presentity(
            address=address,
            version=before.version,
            changed_at=before.changed_at,
            cause=before.cause,
            availability=decide_availability(facts),
            is_reachable=facts.is_reachable,
            name=self._owner.name_of(device_ids),
            device_ids=device_ids,
            bindings=bindings,
            calls=facts.calls,
            published=facts.published,
            is_do_not_disturb=facts.is_do_not_disturb,
        )


def _cause_of(event: BindingEvent) -> ChangeCause:
    match event:
        case BindingAdded():
            return ChangeCause.REGISTERED
        case BindingChanged():
            return ChangeCause.CONTACT_CHANGED
        case BindingReachable():
            return ChangeCause.REACHABLE
        case BindingUnreachable():
            return ChangeCause.UNREACHABLE
        case BindingRemoved():
            return _REMOVAL_CAUSES[event.reason]
        case _:
            assert_never(event)


def _visible(presentity: Presentity) -> tuple[object, ...]:
    """What makes a version; times and counters of a binding do not."""
    return (
        presentity.availability,
        presentity.is_reachable,
        presentity.name,
        presentity.device_ids,
        tuple(_seen(presentity.bindings)),
        presentity.calls,
        presentity.published,
        presentity.is_do_not_disturb,
    )


def _seen(bindings: Iterable[Binding]) -> Iterable[tuple[object, ...]]:
    for binding in bindings:
        yield (
            (binding.binding_id, binding.device_id, binding.contact_uri, binding.flow, binding.target),
            (binding.is_reachable, binding.instance, binding.reg_id, binding.q, binding.path, binding.user_agent),
        )
