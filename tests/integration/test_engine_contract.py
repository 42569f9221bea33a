"""The core and its twin keep the same promises: every test here runs against both."""

from __future__ import annotations

import select
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from domain.events import BindingAdded, BindingChanged, BindingRemoved, CoreEvent, RemovalReason, RequestRefused
from domain.ports import BINDING_FIELDS, BindingJournal, Engine, EngineConfig, ListenAddress
from domain.values import Binding, Endpoint, Flow, Transport
from engine.core_engine import CoreEngine
from engine.fake_engine import FakeEngine
from sip_server.sip_manager import LIBRARY_PATH, SipManager
from tests.kit.sip_peer import SipPeer

DOMAIN = "screamrouter.local"
ALICE = f"alice@{DOMAIN}"
BOB = f"bob@{DOMAIN}"
CONFIG = EngineConfig(domain=DOMAIN, served_hosts=frozenset({DOMAIN, "127.0.0.1"}), ping_interval_ms=60_000)


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class JournalledEngine(Engine, BindingJournal, Protocol):
    """All that a core is."""


class World(Protocol):
    """An engine and the one device, alice, that registers with it."""

    @property
    def engine(self) -> JournalledEngine: ...

    def another_engine(self) -> JournalledEngine:
        """One that knows nothing yet, as after a restart."""
        ...

    def register(self, user_agent: str = "one") -> None: ...

    def unregister(self) -> None: ...

    def register_bob(self) -> None:
        """Another device registers, and is refused where there is no room."""
        ...


class FakeWorld:
    def __init__(self) -> None:
        self.engine = FakeEngine()

    def another_engine(self) -> FakeEngine:
        engine = FakeEngine()
        engine.apply_config(CONFIG)
        return engine

    def register(self, user_agent: str = "one") -> None:
        phone, now = Endpoint("127.0.0.1", 5062), datetime.now(UTC)
        flow = Flow(Transport.UDP, phone)
        expiry = now + timedelta(hours=1)
        alice = Binding(
            1, ALICE, ALICE, "sip:alice@127.0.0.1:5062", "c", 1, flow, phone, expiry, now, is_reachable=True
        )
        self.engine.hear(alice_with(alice, user_agent))

    def unregister(self) -> None:
        self.engine.remove(1)

    def register_bob(self) -> None:
        phone, now = Endpoint("127.0.0.1", 5064), datetime.now(UTC)
        contact, expiry = "sip:bob@127.0.0.1:5064", now + timedelta(hours=1)
        flow = Flow(Transport.UDP, phone)
        self.engine.hear(Binding(2, BOB, BOB, contact, "b", 1, flow, phone, expiry, now, is_reachable=True))


def alice_with(alice: Binding, user_agent: str) -> Binding:
    return Binding(**{name: getattr(alice, name) for name in alice.__slots__} | {"user_agent": user_agent})


class RealWorld:
    def __init__(self) -> None:
        self.engine = CoreEngine(WallClock(), LIBRARY_PATH)
        self.engine.apply_config(CONFIG)
        self.sip = SipManager(self.engine)
        (bound,) = self.sip.start([ListenAddress("127.0.0.1", 0)])
        self.peer = SipPeer((bound.ip, bound.port))
        self.bob = SipPeer((bound.ip, bound.port), user="bob")

    def another_engine(self) -> CoreEngine:
        engine = CoreEngine(WallClock(), LIBRARY_PATH)
        engine.apply_config(CONFIG)
        return engine

    def register(self, user_agent: str = "one") -> None:
        assert self.peer.register(headers=[f"User-Agent: {user_agent}"]).status == 200

    def unregister(self) -> None:
        assert self.peer.register(expires=0).status == 200

    def register_bob(self) -> None:
        assert self.bob.register().status in (200, 503)

    def close(self) -> None:
        self.peer.close()
        self.bob.close()
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
    assert [binding.binding_id for binding in world.engine.find_aor(ALICE)] == [event.binding.binding_id]
    assert world.engine.find_aor("nobody@screamrouter.local") == []


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
    assert len(world.engine.snapshot()) == 0


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


FULL = [
    ({"max_aors": 1}, "too_many_aors"),
    ({"max_bindings": 1}, "too_many_bindings"),
    ({"max_binding_octets": 1100}, "memory_full"),  # 656 for each of the two
]


@pytest.mark.parametrize(("limits", "cause"), FULL)
def test_a_device_beyond_a_limit_is_refused_until_another_has_left(world, limits, cause):
    world.engine.apply_config(replace(CONFIG, **limits))
    world.register()
    world.register_bob()
    added, refused = drained(world.engine)
    assert isinstance(added, BindingAdded)
    assert isinstance(refused, RequestRefused)
    assert (refused.status, refused.cause, refused.aor) == (503, cause, "bob")
    assert [binding.aor for binding in world.engine.snapshot()] == [ALICE]
    world.unregister()
    world.register_bob()
    assert [binding.aor for binding in world.engine.snapshot()] == [BOB]


@pytest.mark.parametrize(("limits", "cause"), FULL)
def test_a_full_house_still_refreshes_and_a_lower_limit_drops_nobody(world, limits, cause):
    world.register()
    world.register_bob()
    drained(world.engine)
    world.engine.apply_config(replace(CONFIG, **limits))
    world.register()
    world.register_bob()
    world.register("two")
    (changed,) = drained(world.engine)
    assert isinstance(changed, BindingChanged), cause
    counted = world.engine.statistics()
    assert (counted.bindings, counted.aors, counted.binding_octets) == (2, 2, 1312)


def test_detaching_twice_is_allowed_and_keeps_bindings(world):
    world.register()
    world.engine.detach()
    world.engine.detach()
    assert len(world.engine.snapshot()) == 1


HOUR_MS = 3_600_000


def field(row: object, name: str) -> object:
    assert isinstance(row, tuple)
    assert len(row) == len(BINDING_FIELDS)
    return row[BINDING_FIELDS.index(name)]


def test_a_registration_is_taken_once_as_it_is(world):
    world.register()
    changes = world.engine.take_changes(10, 1000)
    (row,) = changes.saved
    assert (changes.removed, changes.is_last, changes.has_lost) == ([], True, False)
    assert (field(row, "aor_key"), field(row, "transport"), field(row, "flow_ip")) == ("alice", "udp", "127.0.0.1")
    assert field(row, "user_agent") == "one"
    assert abs(int(str(field(row, "expires_at_ms"))) - 1000 - HOUR_MS) < 10_000
    assert world.engine.take_changes(10, 1000).saved == []


def test_a_refresh_is_a_change_to_be_saved(world):
    world.register()
    (first,) = world.engine.take_changes(10, 0).saved
    world.register()
    (second,) = world.engine.take_changes(10, 0).saved
    assert field(first, "number") == field(second, "number")


def test_a_removal_is_taken_under_the_number_of_what_was_saved(world):
    world.register()
    (row,) = world.engine.take_changes(10, 0).saved
    world.unregister()
    changes = world.engine.take_changes(10, 0)
    assert (changes.saved, changes.removed) == ([], [field(row, "number")])


def test_everything_can_be_taken_again(world):
    world.register()
    (row,) = world.engine.take_changes(10, 0).saved
    world.engine.retake_bindings()
    (again,) = world.engine.take_changes(10, 0).saved
    assert field(again, "number") == field(row, "number")


def test_a_restored_binding_is_there_silent_and_told_to_nobody(world):
    world.register()
    (row,) = world.engine.take_changes(10, 0).saved
    other = world.another_engine()
    assert other.restore([row], 0, first_number=100) == 1
    (before,) = world.engine.snapshot()
    (after,) = other.snapshot()
    assert not after.is_reachable
    same = ("aor", "device_id", "contact_uri", "call_id", "cseq", "flow", "target", "user_agent", "body", "path")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert abs(after.expires_at - before.expires_at) < timedelta(seconds=10)
    assert drained(other) == []
    assert other.take_changes(10, 0).saved == []
    other.retake_bindings()
    (kept,) = other.take_changes(10, 0).saved
    assert field(kept, "number") == field(row, "number")


def test_what_has_expired_is_not_restored(world):
    world.register()
    (row,) = world.engine.take_changes(10, 0).saved
    other = world.another_engine()
    assert other.restore([row], 2 * HOUR_MS, first_number=100) == 0
    assert len(other.snapshot()) == 0


def test_a_row_that_is_none_is_refused(world):
    other = world.another_engine()
    with pytest.raises(ValueError, match="row 0"):
        other.restore([(1, "alice")], 0, first_number=2)


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
