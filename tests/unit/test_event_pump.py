"""The core's events reach the loop's side in order and whole, and never keep the loop from what else waits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from api.control_socket import ControlSocket, ask
from domain.events import BindingEvent
from domain.values import Binding, Endpoint, Flow, Transport
from domain.watching import Resource, StateUnwanted, StateWanted, WatchEvent
from engine import event_pump
from engine.event_pump import TURN_S, EventPump
from engine.fake_engine import FakeEngine

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
HERE = Endpoint("192.0.2.1", 5062)
BINDING = Binding(0, "sip:x@y", "d", "sip:d@x", "c", 1, Flow(Transport.UDP, HERE), HERE, NOON, NOON, True)


class Observer:
    """Takes ``event_s`` of virtual time for each event."""

    def __init__(self, clock: SimpleNamespace, event_s: float) -> None:
        self._clock, self._event_s = clock, event_s
        self.taken: list[int] = []
        self.resyncs = 0
        self.on_event = lambda: None

    def on_binding_event(self, event: BindingEvent) -> None:
        self._clock.now_s += self._event_s
        self.taken.append(event.binding.binding_id)
        self.on_event()

    def on_resync(self, bindings: list[Binding]) -> None:
        self.resyncs += 1


@pytest.fixture
def observer(monkeypatch):
    clock = SimpleNamespace(now_s=0.0)
    monkeypatch.setattr(event_pump, "time", SimpleNamespace(perf_counter=lambda: clock.now_s))
    return Observer(clock, TURN_S / 4)


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def pump(engine, observer):
    return EventPump(engine, observer)


def hear(engine: FakeEngine, numbers: range) -> None:
    for number in numbers:
        engine.hear(replace(BINDING, binding_id=number))


async def turns_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_flood_leaves_every_turn_of_the_loop_to_others_after_its_time(engine, observer, pump):
    hear(engine, range(100))
    pump.start()
    most = before = 0
    while len(observer.taken) < 100:
        await asyncio.sleep(0)
        most, before = max(most, len(observer.taken) - before), len(observer.taken)
    pump.stop()
    assert observer.taken == list(range(100))
    assert most == 4


async def test_events_that_come_meanwhile_wait_their_turn_and_add_none(engine, observer, pump):
    hear(engine, range(52))
    pump.start()
    most = before = 0
    while len(observer.taken) < 100:
        await asyncio.sleep(0)
        if before < len(observer.taken) <= 48:
            hear(engine, range(52 + before, 52 + len(observer.taken)))
        most, before = max(most, len(observer.taken) - before), len(observer.taken)
    pump.stop()
    assert observer.taken == list(range(100))
    assert most <= 2 * 4  # the turn that takes the last of a batch may be followed by the next batch's first


async def test_stop_delivers_what_is_left_in_order(engine, observer, pump):
    hear(engine, range(10))
    pump.start()
    await turns_of_the_loop(2)
    assert 0 < len(observer.taken) < 10
    hear(engine, range(10, 20))
    pump.stop()
    pump.stop()
    assert observer.taken == list(range(20))
    await asyncio.sleep(0)
    assert observer.taken == list(range(20))


async def test_event_that_cannot_be_taken_stops_none_behind_it(engine, observer, pump):
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["exception"]))

    def refuse_the_second() -> None:
        if observer.taken[-1] == 1:
            raise ValueError

    observer.on_event = refuse_the_second
    hear(engine, range(10))
    pump.start()
    await turns_of_the_loop(20)
    pump.stop()
    assert observer.taken == list(range(10))
    assert [type(fault) for fault in faults] == [ValueError]


async def test_what_watchers_and_publishers_want_reaches_whoever_takes_it_and_nobody_else(engine, observer):
    told: list[WatchEvent] = []
    pump = EventPump(engine, observer, on_watch=told.append)
    pump.start()
    events = [StateWanted(Resource("presence", "bob")), StateUnwanted(Resource("presence", "bob"))]
    for event in events:
        engine.watch(event)
    pump.stop()
    assert told == events
    assert observer.taken == []


async def test_loss_of_events_is_told_with_the_whole_truth(engine, observer, pump):
    engine.overflow()
    pump.start()
    await turns_of_the_loop(2)
    assert observer.resyncs == 1
    pump.stop()


async def test_question_is_answered_while_a_flood_goes_on_without_end(engine, observer, pump, tmp_path):
    control = ControlSocket(tmp_path, {"statistics": lambda: len(observer.taken)})
    await control.start()
    observer.on_event = lambda: hear(engine, range(len(observer.taken), len(observer.taken) + 1))
    hear(engine, range(1))
    pump.start()
    try:
        assert await asyncio.wait_for(asyncio.to_thread(ask, tmp_path, "statistics"), 30) > 0
    finally:
        observer.on_event = lambda: None
        pump.stop()
        await control.stop()
