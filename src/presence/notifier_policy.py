"""What watchers are told: resolves what they ask for, renders what is wanted, provides what differs.

Theory of operation: the core asks once for each resource that somebody watches, and says when nobody does any more.
Between the two every change of its address or list is rendered, once per state, and provided if it is another
document. A name that means nobody yet, or another address after a registration or an edit, is looked up again soon,
when the event loop's turn has ended; so are lists told, which cost as much as they are long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from domain.presence import Presentity
from domain.watching import (
    Audience,
    Document,
    EventPackage,
    NotifierControl,
    PublishReceived,
    Resource,
    StateUnwanted,
    StateWanted,
    WatchEvent,
)
from presence.package import find_packages
from presence.presence_board import PresenceBoard, Resolver
from presence.publication_desk import PublicationDesk
from presence.rendered_states import RenderedStates
from presence.watched_lists import ListFinder, ListRules, TooLong, WatchedLists

Defer = Callable[[Callable[[], None]], None]
"""Calls later in the event loop, soon; asked for again when that was done."""


@dataclass(frozen=True, slots=True)
class WatchingRules:
    """The owner's word, asked each time. ``resolve`` None refuses the watcher (404).

    ``is_in_lists``: whether an address is told of where it is only one of many, in a list.
    """

    domain: Callable[[], str]
    resolve: Resolver
    find_list: ListFinder
    audience: Callable[[Resource], Audience]
    is_in_lists: Callable[[str], bool] = lambda _: True


class NotifierPolicy:
    """Implements ``WatchObserver`` and ``PresenceObserver``; joins ``board``'s observers. On the loop's thread."""

    def __init__(
        self, board: PresenceBoard, control: NotifierControl, rules: WatchingRules, desk: PublicationDesk, defer: Defer
    ) -> None:
        self._board = board
        self._control = control
        self._rules = rules
        self._desk = desk
        self._defer = defer
        self._packages = find_packages()
        self._states = RenderedStates(board, self._packages, rules.domain)
        members = ListRules(rules.find_list, lambda name: rules.resolve(name) or name, rules.is_in_lists)
        self._lists = WatchedLists(board, self._states, members)
        self._addresses: dict[Resource, str] = {}
        self._told: dict[Resource, tuple[Audience, Document]] = {}
        self._watched: dict[tuple[str, str], dict[Resource, None]] = {}
        self._unsettled: dict[Resource, None] = {}
        self._is_flush_due = False
        self._are_names_new = False
        board.add_observer(self)

    @property
    def packages(self) -> tuple[EventPackage, ...]:
        """What is served, for ``NotifierConfig``."""
        return tuple(package.event for package in self._packages.values())

    def on_watch_event(self, event: WatchEvent) -> None:
        match event:
            case StateWanted(resource):
                self._want(resource)
            case StateUnwanted(resource):
                self._forget(resource)
            case PublishReceived():
                self._desk.on_publish(event)
            case _:
                assert_never(event)

    def on_presentity(self, before: Presentity, after: Presentity) -> None:
        changed = self._states.update(after)
        for package in changed:
            for resource in self._watched.get((package, after.address), ()):
                self._provide(resource)
        is_renamed = before.name != after.name
        is_forgotten = self._board.find_presentity(after.address).version == 0
        is_known_anew = before.version == 0 or is_forgotten
        if is_renamed or is_known_anew or before.device_ids != after.device_ids:
            self._are_names_new = True
        if is_forgotten:  # its name may be another's next
            for package in self._packages:
                self._unsettled.update(self._watched.get((package, after.address), {}))
        rows = tuple(self._packages) if is_renamed else changed  # a list tells names, too
        are_lists_stale = self._lists.note(after, rows, is_known_anew=is_known_anew)
        if are_lists_stale or (self._are_names_new and (self._unsettled or self._lists)):
            self._flush_soon()

    def reconsider(self) -> None:
        """The owner's word is another: look up every name, list and audience again, and provide what differs."""
        if self._states.take_domain():
            self._lists.begin_again()
        for resource, (audience, _) in tuple(self._told.items()):
            if self.is_list(resource) != (resource in self._lists):
                self._forget(resource)
                self._want(resource)
            elif resource not in self._lists:
                self._settle(resource)
                self._provide(resource)
            elif self._rules.audience(resource) != audience:
                self._lists.watch(resource)
        self._lists.renew()
        self._flush_soon()

    def is_list(self, resource: Resource) -> bool:
        """Whether a list is meant, which goes before an address of that name."""
        return self._packages[resource.package].event.is_list_served and self._lists.is_list(resource.address)

    def _want(self, resource: Resource) -> None:
        self._told.pop(resource, None)
        if resource.package not in self._packages:
            self._control.refuse(resource, f"there is no package {resource.package}")
        elif self.is_list(resource):
            self._lists.watch(resource)
            self._flush_soon()
        else:
            self._settle(resource)
            self._provide(resource)

    def _settle(self, resource: Resource) -> None:
        """Find out whose state the resource is now; nobody's: refuse it and forget it."""
        address, before = self._rules.resolve(resource.address), self._addresses.get(resource)
        if address is None:
            self._forget(resource)
            self._control.refuse(resource, f"nobody here is called {resource.address}")
            return
        if address != before:
            self._forget(resource)
            self._addresses[resource] = address
            self._states.hold(resource.package, address)
            self._watched.setdefault((resource.package, address), {})[resource] = None
        self._unsettled.pop(resource, None)
        if address != resource.address or not self._board.find_presentity(address).version:
            self._unsettled[resource] = None

    def _forget(self, resource: Resource) -> None:
        self._told.pop(resource, None)
        self._lists.forget(resource)
        self._unsettled.pop(resource, None)
        address = self._addresses.pop(resource, None)
        if address is None:
            return
        watched = self._watched[resource.package, address]
        del watched[resource]
        if not watched:
            del self._watched[resource.package, address]
        self._states.release(resource.package, address)

    def _provide(self, resource: Resource) -> None:
        """Provide the state of an address if it was found and is not what the core has."""
        address = self._addresses.get(resource)
        if address is None:
            return
        audience, document = self._rules.audience(resource), self._states.document(resource.package, address)
        if self._told.get(resource) != (audience, document):
            self._control.provide(resource, audience, document if resource in self._told else _whole(document))
            self._told[resource] = (audience, document)

    def _flush_soon(self) -> None:
        if not self._is_flush_due:
            self._is_flush_due = True
            self._defer(self._flush)

    def _flush(self) -> None:
        """Look up the names that may mean others now, then tell of the lists."""
        self._is_flush_due = False
        if self._are_names_new:
            self._are_names_new = False
            self._look_up_again()
        for resource, outcome in self._lists.take_stale().items():
            if isinstance(outcome, TooLong):
                self._told.pop(resource, None)
                self._control.refuse(resource, outcome.reason)
            else:
                self._told[resource] = (self._rules.audience(resource), outcome)
                self._control.provide(resource, *self._told[resource], is_list=True)

    def _look_up_again(self) -> None:
        for resource in tuple(self._unsettled):
            self._settle(resource)
            self._provide(resource)
        self._lists.renew()


def _whole(document: Document) -> Document:
    """For watchers that were told of another address, or of nothing, before."""
    return replace(document, partial=b"", partial_version_at=None)
