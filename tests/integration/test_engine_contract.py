"""The core and its twin keep the same promises: every test here runs against both."""

from __future__ import annotations

import select
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from domain.events import BindingAdded, BindingChanged, BindingRemoved, CoreEvent, RemovalReason
from domain.ports import Engine, EngineConfig, ListenAddress
from domain.values import Binding, Endpoint, Flow, Transport
from engine.core_engine import CoreEngine
from engine.fake_engine import FakeEngine
from sip_server.sip_manager import LIBRARY_PATH, SipManager
from tests.kit.sip_peer import SipPeer

DOMAIN = "screamrouter.local"
ALICE = f"alice@{DOMAIN}"
CONFIG = EngineConfig(domain=DOMAIN, served_hosts=frozenset({DOMAIN, "127.0.0.1"}), ping_interval_ms=60_000)


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class World(Protocol):
    """An engine and the one device, alice, that registers with it."""

    @property
    def engine(self) -> Engine: ...

    def register(self, user_agent: str = "one") -> None: ...

    def unregister(self) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.engine = FakeEngine()

    def register(self, user_agent: str = "one") -> None:
        phone, now = Endpoint("127.0.0.1", 5062), datetime.now(UTC)
        flow = Flow(Transport.UDP, phone)
        expiry = now + timedelta(hours=1)
        alice = Binding(
            1, ALICE, ALICE, "sip:alice@127.0.0.1:5062", "c", 1, flow, phone, expiry, now, is_reachable=True
        )
        self.engine.hear(alice if user_agent == "one" else alice_with(alice, user_agent))

    def unregister(self) -> None:
        self.engine.remove(1)


def alice_with(alice: Binding, user_agent: str) -> Binding:
    return Binding(**{name: getattr(alice, name) for name in alice.__slots__} | {"user_agent": user_agent})


class RealWorld:
    def __init__(self) -> None:
        self.engine = CoreEngine(WallClock(), LIBRARY_PATH)
        self.engine.apply_config(CONFIG)
        self.sip = SipManager(self.engine)
        (bound,) = self.sip.start([ListenAddress("127.0.0.1", 0)])
        self.peer = SipPeer((bound.ip, bound.port))

    def register(self, user_agent: str = "one") -> None:
        assert self.peer.register(headers=[f"User-Agent: {user_agent}"]).status == 200

    def unregister(self) -> None:
        assert self.peer.register(expires=0).status == 200

    def close(self) -> None:
        self.peer.__exit__()
        self.sip.stop()


@pytest.fixture(params=["fake", "core"])
def world(request) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    real = RealWorld()
    yield real
    real.close()


def is_readable(engine: Engine) -> bool:
    return bool(select.select([engine.event_fd], [], [], 0)[0])


def drained(engine: Engine) -> list[CoreEvent]:
    return list(engine.drain())


def test_a_new_registration_is_added_and_shown(world):
    world.register()
    assert is_readable(world.engine)
    (event,) = drained(world.engine)
    assert isinstance(event, BindingAdded)
    assert event.binding.is_reachable
    assert (event.binding.aor, event.binding.device_id) == (ALICE, ALICE)
    assert [binding.binding_id for binding in world.engine.snapshot()] == [event.binding.binding_id]
    assert [binding.aor for binding in world.engine.find_device(ALICE)] == [ALICE]
    assert world.engine.find_device("nobody@screamrouter.local") == []


def test_a_refresh_is_no_event(world):
    world.register()
    drained(world.engine)
    world.register()
    assert not is_readable(world.engine)
    assert drained(world.engine) == []


def test_another_user_agent_is_a_change_of_the_same_binding(world):
    world.register()
    (added,) = drained(world.engine)
    world.register("two")
    (changed,) = drained(world.engine)
    assert isinstance(added, BindingAdded)
    assert isinstance(changed, BindingChanged)
    assert changed.binding.binding_id == added.binding.binding_id
    assert changed.binding.user_agent == "two"


def test_an_ended_registration_is_removed_with_its_reason(world):
    world.register()
    world.unregister()
    added, removed = drained(world.engine)
    assert isinstance(added, BindingAdded)
    assert isinstance(removed, BindingRemoved)
    assert removed.reason is RemovalReason.UNREGISTERED
    assert world.engine.snapshot() == []


def test_the_event_descriptor_is_quiet_after_the_last_event(world):
    world.register()
    drained(world.engine)
    assert not is_readable(world.engine)
    world.unregister()
    assert is_readable(world.engine)


def test_the_statistics_count_bindings_and_events(world):
    world.register()
    counted = world.engine.statistics()
    assert (counted.bindings, counted.aors, counted.events) == (1, 1, 1)


def test_detaching_twice_is_allowed_and_keeps_bindings(world):
    world.register()
    world.engine.detach()
    world.engine.detach()
    assert len(world.engine.snapshot()) == 1


def test_the_sip_service_starts_and_stops_again_and_again_in_one_process():
    engine = CoreEngine(WallClock(), LIBRARY_PATH)
    engine.apply_config(CONFIG)
    sip = SipManager(engine)
    for round_number in range(5):
        (bound,) = sip.start([ListenAddress("127.0.0.1", 0)])
        with SipPeer((bound.ip, bound.port), user=f"user{round_number}") as peer:
            assert peer.register().status == 200
        sip.stop()
        sip.stop()
    assert len(engine.snapshot()) == 5
