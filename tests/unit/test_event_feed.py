"""What happens in the daemon, as it is told to those who follow."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from daemon.event_feed import BindingObservers, EventFeed
from domain.activity_events import (
    CallTold,
    LivenessTold,
    PresenceTold,
    RefusalTold,
    ResetReason,
    ResetTold,
    StreamEvent,
    Told,
)
from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingEvent,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    RemovalReason,
    RequestRefused,
)
from domain.presence import Availability, CallPart, CallPhase, ChangeCause
from domain.values import Endpoint
from tests.kit.https_server import VirtualClock
from tests.kit.presentities import NOON, binding, presentity

MASKED = "sip:alice:***@192.0.2.7:5060"


@dataclass
class Sink:
    events: list[StreamEvent] = field(default_factory=list)

    def tell(self, event: StreamEvent) -> None:
        self.events.append(event)

    @property
    def last(self) -> Told:
        return self.events[-1].told


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def feed(sink) -> EventFeed:
    return EventFeed(sink, VirtualClock(NOON))


@pytest.mark.parametrize(
    ("event", "change", "reason"),
    [
        (BindingAdded(binding()), "added", ""),
        (BindingChanged(binding()), "changed", ""),
        (BindingRemoved(binding(), RemovalReason.FLOW_CLOSED), "removed", "flow_closed"),
    ],
)
def test_a_registration_is_told_without_passwords(feed, sink, event, change, reason):
    feed.on_binding_event(event)
    told = sink.last
    assert sink.events[-1].kind == "registration"
    assert (told.change, told.reason, told.address, told.contact_uri) == (change, reason, "alice", MASKED)
    assert (told.transport, told.ip, told.port) == ("udp", "192.0.2.7", 5060)


@pytest.mark.parametrize(("event", "is_reachable"), [(BindingReachable, True), (BindingUnreachable, False)])
def test_silence_and_its_end_are_told(feed, sink, event, is_reachable):
    feed.on_binding_event(event(binding()))
    assert sink.last == LivenessTold("alice", "alice@screamrouter.local", MASKED, is_reachable, 1.5)


def test_lost_events_are_told_as_a_reset(feed, sink):
    feed.on_resync([binding()])
    assert sink.last == ResetTold(ResetReason.OVERFLOW)


def test_a_change_of_presence_is_told_with_its_cause(feed, sink):
    before = presentity("alice")
    after = presentity(
        "alice",
        version=2,
        availability=Availability.AVAILABLE,
        cause=ChangeCause.REGISTERED,
        name="Attic",
        device_ids=("d",),
    )
    feed.on_presentity(before, after)
    assert sink.last == PresenceTold("alice", "Attic", "not_registered", "available", "registered", 2, ("d",))
    assert sink.events[-1].at == NOON


def part(phase: CallPhase) -> CallPart:
    return CallPart(7, "alice", "d", True, phase, "sip:alice:pw@here", "sip:echo@here")


def test_a_call_is_told_until_its_end_which_names_who_was_in_it(feed, sink):
    feed.on_call_parts(7, (part(CallPhase.TALKING),))
    feed.on_call_parts(7, (part(CallPhase.HELD),))
    feed.on_call_parts(7, ())
    feed.on_call_parts(7, ())
    told = [event.told for event in sink.events]
    assert all(isinstance(one, CallTold) and one.call_id == "call-7" for one in told)
    assert [(one.phase, [party.address for party in one.parties]) for one in told] == [
        ("talking", ["alice"]),
        ("held", ["alice"]),
        ("ended", ["alice"]),
        ("ended", []),
    ]
    assert told[0].parties[0].local_uri == "sip:alice:***@here"


def test_a_refusal_is_told_with_what_the_peer_claimed(feed, sink):
    source = Endpoint("192.0.2.7", 5060)
    feed.on_refused(RequestRefused(403, "no", source, "bob@x", "sip:bob:pw@y", "dev/1", "not_allowed", "u"))
    assert sink.last == RefusalTold(403, "not_allowed", "no", "192.0.2.7", 5060, "bob", "sip:bob:***@y", "dev/1", "u")


def test_several_observers_are_told_in_their_order():
    heard: list[tuple[str, object]] = []

    class Observer:
        def __init__(self, name: str) -> None:
            self.name = name

        def on_binding_event(self, event: BindingEvent) -> None:
            heard.append((self.name, event))

        def on_resync(self, bindings: object) -> None:
            heard.append((self.name, bindings))

    both, event = BindingObservers(Observer("a"), Observer("b")), BindingAdded(binding())
    both.on_binding_event(event)
    both.on_resync([])
    assert heard == [("a", event), ("b", event), ("a", []), ("b", [])]
