"""Who tells the board, whom the board tells, and what the notifier is to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from configuration.config_document import ConfigDocument, DeviceEntry
from configuration.config_presence import PresenceSection
from configuration.configuration_manager import SipDeviceConfig
from daemon.presence_service import PresenceParts, PresenceService, audience_of, notifier_config
from daemon.status_report import StatusReport
from domain.events import BindingAdded, BindingEvent, RequestRefused
from domain.presence import Availability, CallPart, CallPhase, PresenceObserver
from domain.values import Binding, Endpoint, ProtocolType, Role
from domain.watching import Audience, EventPackage, NotifierConfig, Resource, StateWanted, WatcherRule, WatchEvent
from tests.kit.https_server import VirtualClock
from tests.kit.presentities import NOON, FixedPresence, binding, presentity

PACKAGE = EventPackage("presence", ("application/pidf+xml",))


class Board(FixedPresence):
    """A board that turns each binding into one change."""

    def __init__(self) -> None:
        super().__init__()
        self.observers: list[PresenceObserver] = []
        self.calls: list[int] = []
        self.resynced: list[Sequence[Binding]] = []

    def add_observer(self, observer: PresenceObserver) -> None:
        self.observers.append(observer)

    def on_binding_event(self, event: BindingEvent) -> None:
        before, after = presentity("alice"), presentity("alice", version=2, availability=Availability.AVAILABLE)
        for observer in self.observers:
            observer.on_presentity(before, after)

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        self.resynced.append(bindings)

    def on_call_parts(self, call_id: int, parts: tuple[CallPart, ...]) -> None:
        self.calls.append(call_id)


class Notifier:
    def __init__(self) -> None:
        self.applied: list[NotifierConfig] = []

    def apply_notifier(self, config: NotifierConfig) -> None:
        self.applied.append(config)


class Entries:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_binding_event(self, event: BindingEvent) -> None:
        self.heard.append(event)

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        self.heard.append(bindings)


def parts_of(document: Callable[[], ConfigDocument] = ConfigDocument, **fields: Any) -> PresenceParts:
    return PresenceParts(VirtualClock(NOON), document, **fields)


def kinds(service: PresenceService) -> list[str]:
    return [event.kind for event in service.history.follow(service.history.id_of(0)).take()]


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def service(board) -> PresenceService:
    return PresenceService(parts_of(board=board))


def test_a_registration_is_followed_by_the_change_of_presence_that_it_makes(service):
    entries, event = Entries(), BindingAdded(binding())
    service.observer_behind(entries).on_binding_event(event)
    assert entries.heard == [event]
    assert kinds(service) == ["registration", "presence"]


def test_without_a_board_everything_else_is_told():
    service = PresenceService(parts_of())
    refused: list[RequestRefused] = []
    service.observer_behind(Entries()).on_binding_event(BindingAdded(binding()))
    refusal = RequestRefused(403, "no", Endpoint("192.0.2.7", 5060), "a@b", "", "")
    service.refusals_behind(refused.append)(refusal)
    part = CallPart(7, "alice", "d", True, CallPhase.TALKING, "sip:a@b", "sip:echo@b")
    service.call_parts.on_call_parts(7, (part,))
    assert kinds(service) == ["registration", "refusal", "call"]
    assert refused == [refusal]
    assert (service.view, service.subscriptions, service.availability()) == (None, None, {})


def test_calls_are_told_to_those_who_follow_and_to_the_board(service, board):
    service.call_parts.on_call_parts(7, ())
    assert (kinds(service), board.calls) == (["call"], [7])


def test_a_device_has_the_word_of_the_address_where_it_is_there_the_most(service, board):
    here, silent = binding("b", device_id="d"), binding("a", device_id="d", is_reachable=False)
    board.known = {
        "a": presentity("a", availability=Availability.UNREACHABLE, device_ids=("d",), bindings=(silent,)),
        "b": presentity("b", availability=Availability.AWAY, device_ids=("d",), bindings=(here,)),
        "c": presentity("c", device_ids=("d",)),
    }
    assert service.availability() == {"d": "away"}


def test_a_device_that_is_not_there_has_no_word_of_another_at_its_address(service, board):
    bindings = (binding(device_id="there"), binding(device_id="silent", is_reachable=False, binding_id=2))
    known = presentity(availability=Availability.BUSY, device_ids=("gone", "silent", "there"), bindings=bindings)
    board.known = {"alice": known}
    assert service.availability() == {"there": "busy", "silent": "unreachable", "gone": "not_registered"}


def test_the_rows_of_devices_have_the_word_of_presence(service, board):
    class Manager:
        def sip_configs(self) -> list[SipDeviceConfig]:
            return [SipDeviceConfig(key, key, Role.PHONE, True, False, ProtocolType.SIP) for key in ("d", "e")]

    bindings = (binding("a", device_id="d"),)
    board.known = {"a": presentity("a", availability=Availability.AWAY, device_ids=("d",), bindings=bindings)}
    report = StatusReport(Manager(), None, Path("config.yaml"), (NOON, ()))  # type: ignore[arg-type]
    assert [row["availability"] for row in report.devices()] == [None, None]
    report.availability = service.availability
    assert [(row["uuid"], row["availability"]) for row in report.devices()] == [("d", "away"), ("e", None)]


def test_each_life_of_the_daemon_has_ids_of_its_own_though_its_clock_stands(board):
    ids = {PresenceService(parts_of()).history.last_id for _ in range(5)}
    assert len(ids) == 5


def test_an_edit_reaches_the_board_then_the_notifier(board):
    notifier = Notifier()
    seen: list[ConfigDocument] = []
    parts = parts_of(board=board, notifier=notifier, packages=(PACKAGE,), on_document=seen.append)
    PresenceService(parts).take_edit()
    assert seen == [ConfigDocument()]
    assert notifier.applied == [NotifierConfig((PACKAGE,))]


def test_what_outlived_a_restart_is_known_before_anything_is_told(service, board):
    service.start(lambda: [binding()])
    assert board.resynced == [[binding()]]
    assert kinds(service) == []


async def test_new_entries_and_names_reach_the_board_in_one_go_and_nothing_else_does(monkeypatch):
    monkeypatch.setattr("daemon.presence_service.GATHER_S", 0)
    entries = {"a": DeviceEntry(name="Attic")}
    taken: asyncio.Queue[list[str]] = asyncio.Queue()
    service = PresenceService(
        parts_of(lambda: ConfigDocument(devices=entries), on_document=lambda one: taken.put_nowait(sorted(one.devices)))
    )
    service.start(list)
    assert taken.get_nowait() == ["a"]
    entries["a"] = DeviceEntry(name="Attic", online=True)
    service.note_listed(["a", "gone"])
    assert service._gatherer is None
    entries |= {"b": DeviceEntry(), "c": DeviceEntry()}
    service.note_listed(["b"])
    service.note_listed(["c"])
    assert await asyncio.wait_for(taken.get(), 5) == ["a", "b", "c"]
    assert (taken.qsize(), service._gatherer) == (0, None)
    entries["a"] = DeviceEntry(name="Cellar")
    service.note_listed(["a"])
    service.stop()
    await asyncio.sleep(0)
    assert taken.empty()


def test_a_question_of_the_core_goes_to_the_policy():
    asked: list[WatchEvent] = []

    class Policy:
        def on_watch_event(self, event: WatchEvent) -> None:
            asked.append(event)

    wanted = StateWanted(Resource("presence", "alice"))
    PresenceService(parts_of(policy=Policy())).on_watch_event(wanted)
    PresenceService(parts_of()).on_watch_event(wanted)
    assert asked == [wanted]


def test_the_notifier_obeys_the_section_and_serves_nothing_where_it_is_switched_off():
    section = PresenceSection(min_expires_s=5, max_expires_s=9, interval_s=2.5, max_subscriptions=7, max_publications=8)
    assert notifier_config(section, (PACKAGE,)) == NotifierConfig((PACKAGE,), 5, 9, 2500, 7, 8)
    assert notifier_config(PresenceSection(enabled=False), (PACKAGE,)).packages == ()


def test_who_may_watch_is_said_by_the_device_else_by_the_section():
    section = PresenceSection(watchers="anyone")
    listed = DeviceEntry(watchers=("bob", "sip:carol@example.org"))
    assert audience_of(section, ()) == audience_of(section, (DeviceEntry(),)) == Audience(WatcherRule.ANYONE)
    assert audience_of(section, (listed,)) == Audience(WatcherRule.LISTED, frozenset({"bob", "carol"}))
    assert audience_of(section, (DeviceEntry(watchers=()),)) == Audience(WatcherRule.LISTED)


def test_who_may_watch_an_address_of_several_devices_may_watch_each_of_them():
    section = PresenceSection(watchers="anyone")
    one, other = DeviceEntry(watchers=("bob", "carol")), DeviceEntry(watchers=("carol", "dave"))
    assert audience_of(section, (DeviceEntry(), one)) == audience_of(section, (one,))
    assert audience_of(section, (one, other)) == Audience(WatcherRule.LISTED, frozenset({"carol"}))
