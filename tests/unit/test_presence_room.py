"""The owner's rules in presence as config.yaml has them: whom a name means, where calls count, who may watch what."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from configuration.config_document import ConfigDocument
from daemon.presence_room import make_presence
from daemon.presence_service import PresenceService
from domain.events import BindingAdded, BindingEvent, BindingRemoved, RemovalReason
from domain.presence import CallPart, CallPhase, Presentity
from domain.watching import Audience, NotifierConfig, Resource, StateWanted, WatcherRule
from tests.kit.https_server import VirtualClock
from tests.kit.presence_room import RecordingNotifier
from tests.kit.presentities import binding

HALL = "hall@screamrouter.local"
RADIO = "2c1f6a52-93b4-4c0e-8f5e-0c5ad2a6c9e1"


class Core(RecordingNotifier):
    def apply_notifier(self, config: NotifierConfig) -> None:
        """Nothing to be seen."""


class House:
    """Presence on a config.yaml that tests change."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {"devices": {HALL: {"name": "Great Hall", "role": "sink"}}}
        self.core = Core()
        self.service: PresenceService = make_presence(VirtualClock(), self.document, self.core, lambda _: None)
        self.service.start(tuple)

    def document(self) -> ConfigDocument:
        return ConfigDocument.model_validate(self.settings)

    def edit(self, **settings: Any) -> None:
        self.settings.update(settings)
        self.service.take_edit()

    def register(self, user: str, device_id: str = "") -> None:
        self._tell(BindingAdded(binding(user, device_id=device_id or f"{user}@screamrouter.local")))

    def unregister(self, user: str, device_id: str) -> None:
        self._tell(BindingRemoved(binding(user, device_id=device_id), RemovalReason.UNREGISTERED))

    def _tell(self, event: BindingEvent) -> None:
        self.service.observer_behind(_Nobody()).on_binding_event(event)

    def call(self, *parts: CallPart) -> None:
        self.service.call_parts.on_call_parts(7, parts)

    def find(self, name: str) -> Presentity:
        assert self.service.view is not None
        return self.service.view.find_presentity(name)

    def audience(self, address: str, package: str = "presence") -> Audience:
        self.service.on_watch_event(StateWanted(Resource(package, address)))
        return self.core.provided[-1].audience


class _Nobody:
    def on_binding_event(self, event: object) -> None:
        """Nobody wants to know."""

    def on_resync(self, bindings: object) -> None:
        """Nobody wants to know."""


def part(address: str, device_id: str) -> CallPart:
    return CallPart(7, address, device_id, False, CallPhase.TALKING, f"sip:{address}@a", "sip:b@a")


@pytest.fixture
async def house():
    return House()


async def test_a_call_stays_with_its_device_when_the_name_by_which_it_was_called_is_another_now(house):
    house.call(part("great-hall", HALL))
    assert len(house.find("hall").calls) == 1
    house.edit(devices={HALL: {"name": "Small Hall", "role": "sink"}})
    house.call(part("great-hall", HALL))
    assert len(house.find("hall").calls) == 1
    assert house.find("great-hall").version == 0


async def test_a_call_stays_with_its_device_when_that_registers_as_another_address(house):
    house.edit(devices={RADIO: {"name": "Radio"}})
    house.register("old", RADIO)
    house.call(part("old", RADIO))
    house.unregister("old", RADIO)
    house.register("new", RADIO)
    assert (len(house.find("new").calls), house.find("old").calls) == (1, ())


async def test_an_address_that_is_named_like_another_ones_device_keeps_its_calls(house):
    house.register("bob")
    house.edit(devices={HALL: {"name": "bob", "role": "sink"}, "bob@screamrouter.local": {}})
    house.call(part("bob", "bob@screamrouter.local"))
    assert (len(house.find("bob").calls), house.find("hall").calls) == (1, ())


async def test_a_device_is_watched_by_whom_its_owner_says_and_by_whatever_it_is_called(house):
    house.edit(devices={HALL: {"name": "Great Hall", "watchers": ["ann", "sip:ben@screamrouter.local"]}})
    listed = Audience(WatcherRule.LISTED, frozenset({"ann", "ben"}))
    assert [house.audience(name) for name in ("hall", "great-hall", HALL)] == [listed] * 3
    assert house.audience("nobody") == Audience(WatcherRule.REGISTERED)


async def test_a_list_that_is_named_like_a_device_is_watched_by_everybody_all_the_same(house):
    """It shows nobody whom only some may watch."""
    house.edit(
        devices={HALL: {"name": "Great Hall", "watchers": ["ann"]}, "ben@screamrouter.local": {}},
        presence={"lists": {"hall": ["hall", "ben"]}},
    )
    house.service.on_watch_event(StateWanted(Resource("presence", "hall")))
    await asyncio.sleep(0)
    provided = house.core.provided[-1]
    assert (provided.is_list, provided.audience) == (True, Audience(WatcherRule.REGISTERED))
    assert b"ben@" in provided.document.body
    assert b'<resource uri="sip:hall@' not in provided.document.body
