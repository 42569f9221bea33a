"""Makes presence: board, publications and policy, with the owner's rules as config.yaml has them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from configuration.config_document import ConfigDocument
from daemon.address_book import AddressBook
from daemon.paced import Paced
from daemon.presence_service import GATHER_S, PresenceParts, PresenceService, audience_of
from domain.events import BindingAdded, BindingChanged, BindingEvent, BindingRemoved, RemovalReason
from domain.ports import Clock
from domain.presence import CallPart, PresenceObserver, Presentity
from domain.values import Binding
from domain.watching import Audience, NotifierControl, PublishReceived, Resource, WatcherRule, WatchEvent
from presence.notifier_policy import NotifierPolicy, WatchingRules
from presence.presence_board import PresenceBoard
from presence.publication_desk import PublicationDesk, PublishRules
from presence.publications import PublicationLimits, Publications
from sip_server.invite_flow import SERVICES

TellKnown = Callable[[Iterable[str]], None]
"""Is told every address that the owner knows, registered or not."""

_ETAG_OCTETS = 9


def make_presence(
    clock: Clock, document: Callable[[], ConfigDocument], notifier: NotifierControl, tell_known: TellKnown
) -> PresenceService:
    """All of presence, joined; ``document`` is the configuration in force."""
    room = _Room(clock, document, notifier, tell_known)
    return PresenceService(
        PresenceParts(
            clock=clock,
            document=document,
            board=room,
            notifier=notifier,
            policy=room,
            packages=room.policy.packages,
            on_document=room.take_document,
            stop=room.stop,
        )
    )


class _Room:
    """The board with the address book before it, and the policy with the clock of publications behind it."""

    def __init__(
        self, clock: Clock, document: Callable[[], ConfigDocument], notifier: NotifierControl, tell_known: TellKnown
    ) -> None:
        self._document = document
        self._tell_known = tell_known
        self._telling: asyncio.TimerHandle | None = None
        self._book = AddressBook()
        self._board = PresenceBoard(clock, self._resolve, frozenset(SERVICES))
        self._publications = Publications(PublicationLimits(), lambda: secrets.token_hex(_ETAG_OCTETS))
        rules = PublishRules(self._resolve)
        self._desk = PublicationDesk(self._board, notifier, self._publications, rules, time.monotonic)
        watching = WatchingRules(
            lambda: self._document().server.domain,
            self._resolve,
            self._find_list,
            self._audience,
            self._is_in_lists,
        )
        self._paced = Paced()
        self.policy = NotifierPolicy(self._board, notifier, watching, self._desk, self._paced)
        self._expiry: asyncio.TimerHandle | None = None
        self._calls: dict[int, tuple[CallPart, ...]] = {}

    def presentities(self) -> tuple[Presentity, ...]:
        """As the board has them."""
        return self._board.presentities()

    def find_presentity(self, address: str) -> Presentity:
        """By address, or by whatever else the device is called."""
        return self._board.find_presentity(self._resolve(address))

    def add_observer(self, observer: PresenceObserver) -> None:
        """Tell ``observer`` of every change from now on."""
        self._board.add_observer(observer)

    def on_binding_event(self, event: BindingEvent) -> None:
        """Take one change, in order."""
        is_learned = self._learn(event)
        self._board.on_binding_event(event)
        if is_learned:
            device_id = event.binding.device_id
            self._board.apply_device(device_id, self._book.owned(device_id))
            self._place_calls()
            self._tell_known_soon()

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        """Take the whole truth."""
        is_learned = self._book.relearn(sorted(bindings, key=lambda binding: binding.last_heard))
        self._board.on_resync(bindings)
        if is_learned:
            self._take_owner()

    def on_call_parts(self, call_id: int, parts: tuple[CallPart, ...]) -> None:
        """Take who is in the call now."""
        if parts:
            self._calls[call_id] = parts
        else:
            self._calls.pop(call_id, None)
        self._board.on_call_parts(call_id, tuple(map(self._placed, parts)))

    def on_watch_event(self, event: WatchEvent) -> None:
        """Take what watchers and publishers ask."""
        self.policy.on_watch_event(event)
        if isinstance(event, PublishReceived):
            self._await_expiry()

    def take_document(self, document: ConfigDocument) -> None:
        """Hold to the configuration from now on."""
        section = document.presence
        self._publications.apply_limits(
            PublicationLimits(section.min_expires_s, section.max_expires_s, section.max_publications)
        )
        self._book.take_entries(document.devices)
        self._take_owner()
        self.policy.reconsider()

    def stop(self) -> None:
        """Wait for nothing any more; idempotent."""
        self._stop_expiry()
        self._paced.stop()
        self._stop_telling()

    def _stop_telling(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    def _learn(self, event: BindingEvent) -> bool:
        """Whether a device has another address now."""
        match event:
            case BindingAdded() | BindingChanged():
                return self._book.learn(event.binding)
            case BindingRemoved(binding, reason):
                return self._book.leave(binding, is_replaced=reason is RemovalReason.REPLACED)
            case _:
                return False

    def _stop_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _take_owner(self) -> None:
        self._board.apply_owner(self._book.owner_view())
        self._place_calls()
        self._tell_all_known()  # at once: after a start, nobody of the file is unknown for a moment

    def _place_calls(self) -> None:
        """Names may mean others now, and devices may have other addresses."""
        for call_id, parts in self._calls.items():
            self._board.on_call_parts(call_id, tuple(map(self._placed, parts)))

    def _placed(self, part: CallPart) -> CallPart:
        """A call stays with its device, whatever the name by which that was called means after an edit."""
        address = self._resolve(part.address)
        if part.device_id and part.device_id not in self._board.find_presentity(address).device_ids:
            address = self._book.address_of_device(part.device_id)
        return replace(part, address=address)

    def _tell_known_soon(self) -> None:
        """Once for the many who register at the same time."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(GATHER_S, self._tell_all_known)

    def _tell_all_known(self) -> None:
        self._stop_telling()
        self._tell_known(self._book.addresses())

    def _resolve(self, name: str) -> str:
        """An address that is in use is meant by itself, then names count; any other may be registered yet."""
        known = self._board.find_presentity(name)
        if known.bindings:
            return name
        return self._book.find(name) or name

    def _find_list(self, name: str) -> tuple[str, ...] | None:
        return self._document().presence.lists.get(name)

    def _audience(self, resource: Resource) -> Audience:
        """A list shows only whom everybody may watch, so everybody may watch lists."""
        if self.policy.is_list(resource):
            return audience_of(self._document().presence, ())
        return self._audience_at(self._resolve(resource.address))

    def _is_in_lists(self, address: str) -> bool:
        """Not in lists: whom the owner lets only some watch."""
        return self._audience_at(address).rule is not WatcherRule.LISTED

    def _audience_at(self, address: str) -> Audience:
        entries = self._book.entries_of(address, self._board.find_presentity(address).device_ids)
        return audience_of(self._document().presence, entries)

    def _await_expiry(self) -> None:
        self._stop_expiry()
        due_s = self._desk.next_expiry()
        if due_s is not None:
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, due_s - time.monotonic()), self._expire)

    def _expire(self) -> None:
        self._desk.expire()
        self._await_expiry()
