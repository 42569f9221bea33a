"""Joins presence with the rest: who tells the board, whom the board tells, what the core's notifier is to do.

Theory of operation: the board (what is known of each address) and the policy (who may watch it, and what watchers read)
come from ``presence``; both are optional here, and what does not need them is served without: registrations, liveness,
calls and refusals are told to ``/api/events`` and ``screamrouter-sip watch`` in any case. The order of every change is
the same: first config.yaml's side, then those who follow, then the board, whose own changes follow from it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from api.event_history import EventHistory
from configuration.config_document import ConfigDocument, DeviceEntry
from configuration.config_presence import PresenceSection
from daemon.event_feed import BindingObservers, CallPartsObservers, EventFeed
from domain.addresses import written_address
from domain.events import RequestRefused
from domain.ports import BindingObserver, Clock
from domain.presence import Availability, CallPartsObserver, PresenceObserver, PresenceView, Presentity
from domain.values import Binding
from domain.watching import (
    Audience,
    EventPackage,
    NotifierConfig,
    NotifierControl,
    SubscriptionReport,
    WatcherRule,
    WatchEvent,
    WatchObserver,
)

GATHER_S = 0.25
"""How long new entries wait for more of them."""


class PresenceBoard(PresenceView, BindingObserver, CallPartsObserver, Protocol):
    """What is known of each address; ``presence`` has it."""

    def add_observer(self, observer: PresenceObserver) -> None:
        """Tell ``observer`` of every change from now on."""
        ...


def _no_document(_: ConfigDocument) -> None:
    """For nobody who wants to know."""


def _nothing() -> None:
    """For nobody who waits."""


@dataclass(frozen=True, slots=True)
class PresenceParts:
    """``document`` is the configuration in force, which ``on_document`` brings to the board and the policy.

    ``policy`` answers the core's ``notifier`` for ``packages``.
    """

    clock: Clock
    document: Callable[[], ConfigDocument]
    board: PresenceBoard | None = None
    notifier: NotifierControl | None = None
    policy: WatchObserver | None = None
    packages: tuple[EventPackage, ...] = ()
    on_document: Callable[[ConfigDocument], None] = _no_document
    stop: Callable[[], None] = _nothing


class PresenceService:
    """Every method belongs to the event loop's thread."""

    def __init__(self, parts: PresenceParts) -> None:
        started_ms = int(parts.clock.now().timestamp() * 1000)
        # The clock alone may stand where it stood at the last start: small computers have none that goes on.
        self._history = EventHistory(f"{started_ms:x}{secrets.token_hex(3)}", parts.clock)
        self._feed = EventFeed(self._history, parts.clock)
        self._parts = parts
        self._names: dict[str, str | None] = {}
        self._gatherer: asyncio.TimerHandle | None = None
        if parts.board is not None:
            parts.board.add_observer(self._feed)

    @property
    def history(self) -> EventHistory:
        """What ``/api/events`` and ``screamrouter-sip watch`` tell."""
        return self._history

    @property
    def view(self) -> PresenceView | None:
        """What ``/api/presence`` shows."""
        return self._parts.board

    @property
    def subscriptions(self) -> Callable[[], Sequence[SubscriptionReport]] | None:
        """What ``/api/subscriptions`` shows."""
        return None if self._parts.notifier is None else self._parts.notifier.subscriptions

    @property
    def call_parts(self) -> CallPartsObserver:
        """Whom the flow of calls tells who is in which call."""
        return self._feed if self._parts.board is None else CallPartsObservers(self._feed, self._parts.board)

    def observer_behind(self, first: BindingObserver) -> BindingObserver:
        """Whom the event pump tells of bindings: ``first``, then those who follow, then the board."""
        return BindingObservers(first, self._feed, *(() if self._parts.board is None else (self._parts.board,)))

    def refusals_behind(self, first: Callable[[RequestRefused], None]) -> Callable[[RequestRefused], None]:
        """Whom the event pump tells of refusals: ``first``, then those who follow."""

        def on_refused(refused: RequestRefused) -> None:
            first(refused)
            self._feed.on_refused(refused)

        return on_refused

    def on_watch_event(self, event: WatchEvent) -> None:
        """What the core's notifier asks; without a policy nobody answers, and the core says 500 in the end."""
        if self._parts.policy is not None:
            self._parts.policy.on_watch_event(event)

    def start(self, snapshot: Callable[[], Sequence[Binding]]) -> None:
        """Know the bindings that outlived a restart and what the owner says; before the first event is told."""
        if self._parts.board is not None:
            self._parts.board.on_resync(snapshot())
        self.take_edit()

    def stop(self) -> None:
        """Wait for nothing any more; idempotent."""
        self._parts.stop()
        self._stop_gathering()

    def _stop_gathering(self) -> None:
        if self._gatherer is not None:
            self._gatherer.cancel()
            self._gatherer = None

    def take_edit(self) -> None:
        """Put the configuration in force, at the start and after each edit of the owner's."""
        self._take_document()
        if self._parts.notifier is not None:
            section = self._parts.document().presence
            self._parts.notifier.apply_notifier(notifier_config(section, self._parts.packages))

    def note_listed(self, device_ids: Collection[str]) -> None:
        """The daemon wrote entries: new ones and new names are brought to the board soon, many at once."""
        devices = self._parts.document().devices
        found = ((device_id, devices[device_id].name) for device_id in device_ids if device_id in devices)
        if self._gatherer is None and any(pair not in self._names.items() for pair in found):
            self._gatherer = asyncio.get_running_loop().call_later(GATHER_S, self._take_document)

    def _take_document(self) -> None:
        self._stop_gathering()
        document = self._parts.document()
        self._names = {device_id: entry.name for device_id, entry in document.devices.items()}
        self._parts.on_document(document)

    def availability(self) -> Mapping[str, str]:
        """The word for each device's state, by its key: its address's while the device itself is there.

        Of several addresses that where it is there the most, the first of them.
        """
        words: dict[str, tuple[int, str]] = {}
        for presentity in () if self._parts.board is None else self._parts.board.presentities():
            for device_id, word in words_of_devices(presentity).items():
                if device_id not in words or words[device_id][0] < word[0]:
                    words[device_id] = word
        return {device_id: word for device_id, (_, word) in words.items()}


def words_of_devices(presentity: Presentity) -> dict[str, tuple[int, str]]:
    """For each device of the address how much it is there (2: reachable, 1: registered, 0: not), and the word for it.

    Another device may be reachable at the same address: then a call to the address is welcome, and this one is away.
    """
    words = {device_id: (0, str(Availability.NOT_REGISTERED)) for device_id in presentity.device_ids}
    for binding in presentity.bindings:
        if binding.is_reachable:
            words[binding.device_id] = (2, str(presentity.availability))
        elif not words[binding.device_id][0]:
            words[binding.device_id] = (1, str(Availability.UNREACHABLE))
    return words


def notifier_config(section: PresenceSection, packages: tuple[EventPackage, ...]) -> NotifierConfig:
    """What the core's notifier is to do; without a package it refuses every SUBSCRIBE and PUBLISH."""
    return NotifierConfig(
        packages=packages if section.enabled else (),
        min_expires_s=section.min_expires_s,
        max_expires_s=section.max_expires_s,
        interval_ms=round(section.interval_s * 1000),
        max_subscriptions=section.max_subscriptions,
        max_publications=section.max_publications,
    )


def audience_of(section: PresenceSection, entries: Collection[DeviceEntry]) -> Audience:
    """Who may watch an address of the devices of ``entries``: whoever may watch each of them."""
    named = [frozenset(map(written_address, entry.watchers)) for entry in entries if entry.watchers is not None]
    if not named:
        return Audience(WatcherRule(section.watchers))
    return Audience(WatcherRule.LISTED, frozenset.intersection(*named))
