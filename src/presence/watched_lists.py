"""The lists that somebody watches: their members, what changed of each since it was told, and when it is told again.

A list costs as much as it is long, so it is told when the policy has gathered changes, not per change.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from domain.presence import PresenceView, Presentity
from domain.watching import Document, Resource
from presence.rendered_states import RenderedStates
from presence.resource_lists import MOST_MEMBERS, ListChange, ListSubject, Member, render_list

ALL = frozenset({"all", ""})
"""The list of every known address; who asks for the registrar itself, ``sip:DOMAIN``, means all that are there, too."""

ListFinder = Callable[[str], tuple[str, ...] | None]
"""A list's name -> its members as config.yaml names them; None: no list is called so."""


@dataclass(frozen=True, slots=True)
class ListRules:
    """``address_of`` gives the address that a member's name means now; who is not ``is_shown`` is left out."""

    find_list: ListFinder
    address_of: Callable[[str], str]
    is_shown: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class TooLong:
    """The list cannot be told in one document; ``reason`` is a sentence for the watcher."""

    reason: str


@dataclass(slots=True)
class _Watched:
    """``changed`` since it was told; ``is_due``: it is to be told even if nothing did."""

    members: tuple[str, ...] = ()
    changed: set[str] = field(default_factory=set)
    is_due: bool = True
    was_told: bool = False


class WatchedLists:
    """Lists by resource."""

    def __init__(self, view: PresenceView, states: RenderedStates, rules: ListRules) -> None:
        self._view = view
        self._states = states
        self._rules = rules
        self._lists: dict[Resource, _Watched] = {}
        self._showing: dict[tuple[str, str], set[Resource]] = {}
        self._stale: dict[Resource, None] = {}
        self._boundary = f"sr-{secrets.token_hex(12)}"
        self._number = 0

    def __len__(self) -> int:
        return len(self._lists)

    def __contains__(self, resource: Resource) -> bool:
        return resource in self._lists

    def is_list(self, address: str) -> bool:
        """Whether a list is called so; it goes before an address of that name."""
        return self._rules.find_list(address) is not None or address in ALL

    def watch(self, resource: Resource) -> None:
        """Tell of the list from now on, at the next ``take_stale`` in any case."""
        self._lists.setdefault(resource, _Watched()).is_due = True
        self._stale[resource] = None

    def forget(self, resource: Resource) -> None:
        """Nobody watches the list any more."""
        watched = self._lists.pop(resource, None)
        self._stale.pop(resource, None)
        for address in watched.members if watched else ():
            self._leave(resource, address)

    def note(self, after: Presentity, packages: Iterable[str], *, is_known_anew: bool) -> bool:
        """Remember whom a change concerns; True: a list is to be told again."""
        for package in packages:
            for resource in self._showing.get((package, after.address), ()):
                self._lists[resource].changed.add(after.address)
                self._stale[resource] = None
        if is_known_anew:
            self._stale.update((resource, None) for resource in self._lists if resource.address in ALL)
        return bool(self._stale)

    def renew(self) -> None:
        """Names may mean others now, and lists may have other members."""
        self._stale.update(dict.fromkeys(self._lists))

    def begin_again(self) -> None:
        """Every address is called differently: tell each list as if for the first time."""
        for resource, watched in self._lists.items():
            watched.is_due, watched.was_told = True, False
            self._stale[resource] = None

    def take_stale(self) -> dict[Resource, Document | TooLong]:
        """What is to be told of the lists that changed; a list that is too long is forgotten."""
        stale, self._stale = self._stale, {}
        told: dict[Resource, Document | TooLong] = {}
        for resource in stale:
            outcome = self._render(resource)
            if isinstance(outcome, TooLong):
                self.forget(resource)
            if outcome is not None:
                told[resource] = outcome
        return told

    def _members(self, name: str) -> tuple[str, ...]:
        configured = self._rules.find_list(name)
        if configured is not None:
            members = dict.fromkeys(map(self._rules.address_of, configured))
        else:
            everybody = self._view.presentities() if name in ALL else ()
            members = dict.fromkeys(presentity.address for presentity in everybody)
        return tuple(filter(self._rules.is_shown, members))

    def _render(self, resource: Resource) -> Document | TooLong | None:
        """None: nothing is to be told, since nothing changed."""
        watched = self._lists[resource]
        members, before = self._members(resource.address), watched.members
        if len(members) > MOST_MEMBERS:
            return TooLong(f"{resource.address} has {len(members)} members; {MOST_MEMBERS} can be told of at once")
        now, then = frozenset(members), frozenset(before)
        gone, come = [one for one in before if one not in now], [one for one in members if one not in then]
        if not (watched.is_due or watched.changed or gone or come):
            return None
        for address in come:
            self._states.hold(resource.package, address)
            self._showing.setdefault((resource.package, address), set()).add(resource)
        for address in gone:
            self._leave(resource, address)
        change = ListChange({*watched.changed, *come}, gone) if watched.was_told else None
        watched.members, watched.changed, watched.is_due, watched.was_told = members, set(), False, True
        self._number += 1
        subject = ListSubject(resource.address, self._states.domain(), self._boundary, self._number)
        document = render_list(subject, [self._member(resource.package, address) for address in members], change)
        return document or TooLong(f"the names in {resource.address} are too long to be told at once")

    def _member(self, package: str, address: str) -> Member:
        name = self._view.find_presentity(address).name
        shown = self._states.presentity(package, address)
        return Member(address, name, self._states.document(package, address), shown.changed_at)

    def _leave(self, resource: Resource, address: str) -> None:
        self._states.release(resource.package, address)
        showing = self._showing[resource.package, address]
        showing.discard(resource)
        if not showing:
            del self._showing[resource.package, address]
