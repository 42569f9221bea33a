"""Bindings, calls, the owner's word and publications -> one state with a version and a cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from time import process_time

import pytest

from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    RemovalReason,
)
from domain.presence import Activity, Availability, CallPhase, ChangeCause, PublishedState
from presence.availability import Facts, decide_availability
from presence.owner_view import OwnedDevice, OwnerView
from presence.presence_board import PresenceBoard
from tests.kit.presence_room import NOON, Presence, VirtualClock, binding, part

UUID = "abcdef00-0000-4000-8000-000000000001"
THERE = Facts(is_registered=True, is_reachable=True)
TALKING, RINGING = (part(phase=CallPhase.TALKING),), (part(phase=CallPhase.RINGING),)


@pytest.fixture
def presence():
    return Presence()


@pytest.fixture
def board(presence):
    return presence.board


def removed(one, reason=RemovalReason.UNREGISTERED):
    return BindingRemoved(one, reason)


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        (Facts(), Availability.NOT_REGISTERED),
        (Facts(calls=TALKING, published=PublishedState(is_open=True)), Availability.NOT_REGISTERED),
        (Facts(is_registered=True, published=PublishedState(is_open=True)), Availability.UNREACHABLE),
        (replace(THERE, is_do_not_disturb=True, calls=TALKING), Availability.DO_NOT_DISTURB),
        (replace(THERE, calls=TALKING, published=PublishedState(is_open=False)), Availability.CLOSED),
        (replace(THERE, calls=(*RINGING, *TALKING)), Availability.ON_THE_PHONE),
        (replace(THERE, calls=(part(phase=CallPhase.HELD),)), Availability.ON_THE_PHONE),
        (replace(THERE, published=PublishedState(activities=(Activity.ON_THE_PHONE,))), Availability.ON_THE_PHONE),
        (replace(THERE, calls=RINGING, published=PublishedState(activities=(Activity.BUSY,))), Availability.RINGING),
        (replace(THERE, published=PublishedState(activities=(Activity.BUSY, Activity.AWAY))), Availability.BUSY),
        (replace(THERE, published=PublishedState(activities=(Activity.MEETING,))), Availability.BUSY),
        (replace(THERE, published=PublishedState(activities=(Activity.MEAL,))), Availability.AWAY),
        (replace(THERE, published=PublishedState(is_open=True)), Availability.AVAILABLE),
        (THERE, Availability.AVAILABLE),
    ],
)
def test_what_is_known_for_sure_goes_before_what_is_said(facts, word):
    assert decide_availability(facts) is word


def test_address_that_nobody_registered_is_version_zero(board):
    unknown = board.find_presentity("nobody")
    assert (unknown.version, unknown.availability) == (0, Availability.NOT_REGISTERED)
    assert board.presentities() == ()


def test_each_change_has_its_cause_and_raises_the_version_by_one(presence, board):
    silent = binding(is_reachable=False)
    board.on_binding_event(BindingAdded(binding()))
    board.on_binding_event(BindingUnreachable(silent))
    board.on_binding_event(BindingReachable(binding()))
    board.on_binding_event(BindingChanged(replace(binding(), contact_uri="sip:k@192.0.2.9")))
    board.on_binding_event(removed(binding(), RemovalReason.EXPIRED))
    assert presence.observer.causes == [
        ChangeCause.REGISTERED,
        ChangeCause.UNREACHABLE,
        ChangeCause.REACHABLE,
        ChangeCause.CONTACT_CHANGED,
        ChangeCause.EXPIRED,
    ]
    assert [after.version for _, after in presence.observer.changes] == [1, 2, 3, 4, 5]
    assert all(told[1] is next_told[0] for told, next_told in pairwise(presence.observer.changes))


@pytest.mark.parametrize(
    "refreshed",
    [
        {"rtt_ms": 3.0},
        {"last_heard": NOON + timedelta(minutes=1), "expires_at": NOON + timedelta(hours=2)},
        {"cseq": 9, "call_id": "another"},
    ],
)
def test_refresh_and_round_trip_time_are_no_change(presence, board, refreshed):
    board.on_binding_event(BindingAdded(binding()))
    board.on_binding_event(BindingChanged(replace(binding(), **refreshed)))
    assert presence.observer.causes == [ChangeCause.REGISTERED]
    assert board.find_presentity("kitchen").version == 1
    assert board.find_presentity("kitchen").bindings == (replace(binding(), **refreshed),)


def test_address_is_reachable_while_one_of_its_bindings_is(board):
    board.on_binding_event(BindingAdded(binding(1)))
    board.on_binding_event(BindingAdded(binding(2)))
    board.on_binding_event(BindingUnreachable(binding(1, is_reachable=False)))
    assert board.find_presentity("kitchen").is_reachable
    board.on_binding_event(BindingUnreachable(binding(2, is_reachable=False)))
    assert board.find_presentity("kitchen").availability is Availability.UNREACHABLE


def test_replaced_binding_was_never_away(presence, board):
    """RFC 5626 section 4.2: the device registers anew from another contact."""
    board.on_binding_event(BindingAdded(binding(1)))
    board.on_binding_event(removed(binding(1), RemovalReason.REPLACED))
    board.on_binding_event(BindingAdded(binding(2)))
    assert [after.availability for _, after in presence.observer.changes] == [Availability.AVAILABLE] * 2
    assert [one.binding_id for one in board.find_presentity("kitchen").bindings] == [2]


def test_device_that_took_another_address_has_left_the_first(board):
    board.on_binding_event(BindingAdded(binding(1)))
    board.on_binding_event(removed(binding(1), RemovalReason.REPLACED))
    board.on_binding_event(BindingAdded(binding(2, "hall")))
    assert not board.find_presentity("kitchen").is_registered
    assert board.find_presentity("hall").is_registered


def test_address_without_bindings_entry_calls_and_publication_is_forgotten(presence, board):
    board.on_binding_event(BindingAdded(binding()))
    board.on_call_parts(7, (part(),))
    board.on_binding_event(removed(binding()))
    assert board.presentities() != ()
    board.on_call_parts(7, ())
    assert board.presentities() == ()
    assert presence.observer.changes[-1][1].availability is Availability.NOT_REGISTERED
    assert board.find_presentity("kitchen").version == 0


def test_entry_of_the_owner_is_known_before_its_device_came(presence, board):
    board.apply_owner(OwnerView({UUID: OwnedDevice("Kitchen", addresses=("kitchen",))}))
    known = board.find_presentity("kitchen")
    assert (known.name, known.device_ids, known.version) == ("Kitchen", (UUID,), 1)
    assert presence.observer.causes == [ChangeCause.CONFIGURED]
    board.apply_owner(OwnerView())
    assert board.presentities() == ()


def test_same_word_of_the_owner_changes_nothing(presence, board):
    view = OwnerView({UUID: OwnedDevice("Kitchen", addresses=("kitchen",))})
    board.apply_owner(view)
    board.apply_owner(OwnerView(dict(view.devices)))
    assert len(presence.observer.changes) == 1


def test_owner_names_the_device_behind_a_binding(board):
    """A device with a UUID has the UUID as its key, whatever address it registers."""
    board.on_binding_event(BindingAdded(binding(device_id=UUID)))
    board.apply_owner(OwnerView({UUID: OwnedDevice("Kitchen", is_do_not_disturb=True)}))
    now = board.find_presentity("kitchen")
    assert (now.name, now.availability) == ("Kitchen", Availability.DO_NOT_DISTURB)


def test_device_that_told_its_address_takes_its_entry_there(presence, board):
    """Until then the UUID stands for the address."""
    quiet = OwnedDevice("Kitchen", is_do_not_disturb=True, addresses=(UUID,))
    board.apply_owner(OwnerView({UUID: quiet, "other": OwnedDevice("Other", addresses=("kitchen",))}))
    board.apply_device(UUID, replace(quiet, addresses=("kitchen",)))
    assert [one.address for one in board.presentities()] == ["kitchen"]
    assert board.find_presentity("kitchen").device_ids == (UUID, "other")
    board.on_binding_event(BindingAdded(binding(device_id=UUID)))
    assert board.find_presentity("kitchen").availability is Availability.DO_NOT_DISTURB
    board.apply_owner(OwnerView())
    assert board.find_presentity("kitchen").device_ids == (UUID,)
    assert board.find_presentity("kitchen").availability is Availability.AVAILABLE


def test_address_is_disturbed_while_one_of_its_devices_may_be(board):
    board.on_binding_event(BindingAdded(binding(1, device_id="a")))
    board.on_binding_event(BindingAdded(binding(2, device_id="b")))
    board.apply_owner(OwnerView({"a": OwnedDevice("A", is_do_not_disturb=True), "b": OwnedDevice("B")}))
    now = board.find_presentity("kitchen")
    assert (now.availability, now.name, now.device_ids) == (Availability.AVAILABLE, "", ("a", "b"))


def test_do_not_disturb_is_of_the_devices_that_are_there(board):
    """The owner's quiet device is known to have the address; another one has registered it."""
    board.apply_owner(OwnerView({"a": OwnedDevice("A", is_do_not_disturb=True, addresses=("kitchen",))}))
    assert board.find_presentity("kitchen").is_do_not_disturb
    board.on_binding_event(BindingAdded(binding(device_id="b")))
    assert board.find_presentity("kitchen").availability is Availability.AVAILABLE


def test_call_is_of_the_address_that_the_called_name_means(presence, board):
    presence.owner.names = {"Living Room": "kitchen"}
    board.on_binding_event(BindingAdded(binding()))
    board.on_call_parts(7, (part(user="Living Room", phase=CallPhase.RINGING),))
    assert board.find_presentity("kitchen").availability is Availability.RINGING
    presence.owner.names = {}
    board.on_call_parts(7, ())
    assert board.find_presentity("kitchen").availability is Availability.AVAILABLE


def test_call_changes_both_of_its_parties(board):
    for number, user in enumerate(("kitchen", "hall")):
        board.on_binding_event(BindingAdded(binding(number, user)))
    board.on_call_parts(7, (part(user="kitchen", is_initiator=True), part(user="hall")))
    assert {one.availability for one in board.presentities()} == {Availability.ON_THE_PHONE}
    board.on_call_parts(7, (part(user="kitchen", is_initiator=True),))
    assert board.find_presentity("hall").availability is Availability.AVAILABLE


def test_anonymous_party_of_a_call_is_no_address(board):
    board.on_call_parts(7, (part(user=""), part(user="hall")))
    assert [one.address for one in board.presentities()] == ["hall"]


def test_resync_tells_the_whole_truth(presence, board):
    board.on_binding_event(BindingAdded(binding(1)))
    board.on_binding_event(BindingAdded(binding(2, "hall")))
    board.on_resync([binding(2, "hall"), binding(3, "attic")])
    assert [one.address for one in board.presentities()] == ["attic", "hall"]
    assert presence.observer.causes[2:] == [ChangeCause.RESYNCHRONISED] * 2
    board.on_resync([binding(3, "attic"), binding(2, "hall")])
    assert len(presence.observer.changes) == 4


def test_event_costs_the_same_however_many_addresses_are_known(board):
    def spent_s(times: int) -> float:
        began = process_time()
        for number in range(times):
            board.on_binding_event(BindingUnreachable(binding(1, is_reachable=bool(number % 2))))
        return process_time() - began

    board.on_binding_event(BindingAdded(binding(1)))
    alone_s = min(spent_s(300) for _ in range(3))
    for number in range(10_000):
        board.on_binding_event(BindingAdded(binding(number + 2, f"user{number}")))
    assert min(spent_s(300) for _ in range(3)) < 5 * alone_s


def test_a_service_can_always_be_called_though_it_never_registers() -> None:
    board = PresenceBoard(VirtualClock(), lambda name: name, frozenset({"echo"}))
    for name in ("echo", "Echo"):
        service = board.find_presentity(name)
        assert (service.availability, service.is_open, service.is_registered) == (Availability.AVAILABLE, True, False)
    assert not board.find_presentity("nobody").is_open
    assert board.presentities() == ()
