"""A device with several addresses, and an address with several devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from configuration.config_document import ConfigDocument
from daemon.presence_room import make_presence
from daemon.presence_service import PresenceService
from domain.events import BindingAdded, BindingEvent, BindingRemoved, RemovalReason
from domain.presence import Availability
from domain.watching import Audience, Document, NotifierConfig, Resource, StateWanted, WatcherRule
from tests.kit.presence_room import RecordingNotifier, VirtualClock, binding

PHONE = "0a0a0a0a-0000-4000-8000-000000000001"
OTHER = "0b0b0b0b-0000-4000-8000-000000000002"


class Notifier(RecordingNotifier):
    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def apply_notifier(self, config: NotifierConfig) -> None:
        self.config = config

    def provide(self, resource: Resource, audience: Audience, document: Document, *, is_list: bool = False) -> None:
        super().provide(resource, audience, document, is_list=is_list)
        self._news.set()

    async def told(self, text: bytes, times: int = 1) -> None:
        """Until the newest document has ``text`` so many times."""
        async with asyncio.timeout(5):
            while not self.provided or self.provided[-1].document.body.count(text) != times:
                self._news.clear()
                await self._news.wait()


class Room:
    """Presence with the owner's ``devices``, and what it told the notifier."""

    def __init__(self, devices: dict[str, dict[str, Any]]) -> None:
        document = ConfigDocument.model_validate({"devices": devices})
        self.notifier = Notifier()
        self.service: PresenceService = make_presence(VirtualClock(), lambda: document, self.notifier, lambda _: None)
        self.service.start(tuple)

    async def tell(self, *events: BindingEvent) -> None:
        board = self.service.view
        assert board is not None
        for event in events:
            board.on_binding_event(event)  # type: ignore[attr-defined]  # the board of the parts is both
        for _ in range(3):  # what is due at once waits for no timer, but for the loop's turns
            await asyncio.sleep(0)


@pytest.fixture
async def lines() -> AsyncIterator[Room]:
    """A phone with two lines, zoe and bob, which registers bob last."""
    room = Room({PHONE: {"name": "Kitchen"}})
    await room.tell(BindingAdded(binding(1, "zoe", device_id=PHONE)), BindingAdded(binding(2, "bob", device_id=PHONE)))
    yield room
    room.service.stop()


async def test_a_device_is_where_it_is_registered_still_when_its_last_address_goes(lines: Room) -> None:
    lines.service.on_watch_event(StateWanted(Resource("presence", "Kitchen")))
    await lines.tell(BindingRemoved(binding(2, "bob", device_id=PHONE), RemovalReason.UNREGISTERED))
    assert lines.service.availability() == {PHONE: Availability.AVAILABLE}
    await lines.notifier.told(b"<basic>open</basic>")
    view = lines.service.view
    assert view is not None
    assert view.find_presentity(PHONE).address == "zoe"
    assert [one.address for one in view.presentities()] == ["zoe"]


async def test_a_device_keeps_its_address_while_its_contact_is_replaced_and_when_it_has_gone(lines: Room) -> None:
    view = lines.service.view
    assert view is not None
    await lines.tell(BindingRemoved(binding(2, "bob", device_id=PHONE), RemovalReason.REPLACED))
    assert view.find_presentity("Kitchen").address == "bob"
    await lines.tell(BindingAdded(binding(3, "bob", device_id=PHONE)))
    for number, user in ((3, "bob"), (1, "zoe")):
        await lines.tell(BindingRemoved(binding(number, user, device_id=PHONE), RemovalReason.EXPIRED))
    assert view.find_presentity("Kitchen").address == "zoe"
    assert lines.service.availability() == {PHONE: Availability.NOT_REGISTERED}


async def test_another_device_at_the_address_opens_it_to_nobody() -> None:
    room = Room({PHONE: {}, OTHER: {"watchers": ["boss"]}})
    boss_alone = Audience(WatcherRule.LISTED, frozenset({"boss"}))
    await room.tell(BindingAdded(binding(2, "bob", device_id=OTHER)))
    room.service.on_watch_event(StateWanted(Resource("reg", "bob")))
    await room.tell(BindingAdded(binding(1, "bob", device_id=PHONE)))
    assert [one.audience for one in room.notifier.provided] == [boss_alone, boss_alone]
    room.service.stop()
