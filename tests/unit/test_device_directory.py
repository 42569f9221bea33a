"""Bindings come, change and go; what the sink is told of the device they make."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from structlog.testing import capture_logs

from configuration import device_directory
from configuration.device_directory import Announcement, Device, DeviceDirectory, announcement, combine_capabilities
from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    RemovalReason,
)
from domain.values import Binding, Capabilities, Endpoint, Flow, Role, Transport

UUID = "abcdef00-0000-4000-8000-000000000001"
NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
ADDRESS = Endpoint("192.0.2.1", 5062)
FIRST = Binding(
    1, "sip:x@y", UUID, "sip:x@192.0.2.1:5062", "c", 1, Flow(Transport.UDP, ADDRESS), ADDRESS, NOON, NOON, True
)
SECOND = replace(FIRST, binding_id=2, contact_uri="sip:x@192.0.2.2:5062", target=Endpoint("192.0.2.2", 5062))


class RecordingSink:
    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.capabilities: Capabilities | None = None

    def handle_sip_registration(self, uuid, ip, port, role, capabilities):
        self.calls.append(("there", uuid, ip, port, str(role)))
        self.capabilities = capabilities

    def handle_sip_device_offline(self, uuid):
        self.calls.append(("gone", uuid))


def read_capabilities(_: str | None, body: bytes) -> Capabilities:
    if body == b"bad":
        return Capabilities(problem="no media line")
    return Capabilities(role=Role(body.decode()))


@pytest.fixture
def sink():
    return RecordingSink()


@pytest.fixture
def directory(sink):
    return DeviceDirectory(sink, read_capabilities)


THERE = ("there", UUID, "192.0.2.1", 5062, "unknown")
THERE_AT_SECOND = ("there", UUID, "192.0.2.2", 5062, "unknown")
GONE = ("gone", UUID)


def silent(binding: Binding) -> Binding:
    return replace(binding, is_reachable=False)


def test_new_device_is_told_with_where_requests_for_it_go(directory, sink):
    directory.on_binding_event(BindingAdded(FIRST))
    assert sink.calls == [THERE]


def test_role_comes_from_the_body(directory, sink):
    directory.on_binding_event(BindingAdded(replace(FIRST, body=b"sink")))
    assert sink.calls == [(*THERE[:4], "sink")]


def test_reg_004_another_contact_port_is_told(directory, sink):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(BindingChanged(replace(FIRST, target=Endpoint("192.0.2.1", 6000))))
    assert sink.calls[1:] == [("there", UUID, "192.0.2.1", 6000, "unknown")]


def test_change_that_the_owner_cannot_see_is_not_told(directory, sink):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(BindingChanged(replace(FIRST, path=("sip:proxy;lr",), cseq=2)))
    assert sink.calls == [THERE]


def test_device_is_gone_with_its_last_reachable_binding(directory, sink):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(BindingAdded(SECOND))
    directory.on_binding_event(BindingUnreachable(silent(FIRST)))
    assert GONE not in sink.calls
    directory.on_binding_event(BindingRemoved(SECOND, RemovalReason.EXPIRED))
    assert sink.calls == [THERE, THERE_AT_SECOND, GONE]


def test_device_that_loses_its_newest_binding_is_told_at_the_one_that_stays(directory, sink):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(BindingAdded(SECOND))
    directory.on_binding_event(BindingRemoved(SECOND, RemovalReason.UNREGISTERED))
    assert sink.calls == [THERE, THERE_AT_SECOND, THERE]


def test_return_from_silence_is_told(directory, sink):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(BindingUnreachable(silent(FIRST)))
    directory.on_binding_event(BindingReachable(FIRST))
    assert sink.calls == [THERE, GONE, THERE]


def test_binding_that_ends_after_it_fell_silent_is_not_told_again(directory, sink):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(BindingUnreachable(silent(FIRST)))
    directory.on_binding_event(BindingRemoved(silent(FIRST), RemovalReason.EXPIRED))
    assert sink.calls == [THERE, GONE]


@pytest.mark.parametrize("removed_first", [True, False])
def test_replaced_binding_does_not_make_the_device_flicker(directory, sink, removed_first):
    events = [BindingRemoved(FIRST, RemovalReason.REPLACED), BindingAdded(SECOND)]
    directory.on_binding_event(BindingAdded(FIRST))
    for event in events if removed_first else reversed(events):
        directory.on_binding_event(event)
    assert sink.calls == [THERE, THERE_AT_SECOND]


def test_register_without_a_body_keeps_what_is_known(directory, sink):
    directory.on_binding_event(BindingAdded(replace(FIRST, body=b"sink", user_agent="dev/1")))
    directory.on_binding_event(BindingChanged(replace(SECOND, binding_id=1, body=b"")))
    assert sink.calls[-1] == ("there", UUID, "192.0.2.2", 5062, "sink")
    assert sink.capabilities.user_agent == "dev/1"


def test_body_that_cannot_be_read_is_reported_and_costs_nothing(directory, sink):
    directory.on_binding_event(BindingAdded(replace(FIRST, body=b"sink")))
    with capture_logs() as logs:
        directory.on_binding_event(BindingChanged(replace(SECOND, binding_id=1, body=b"bad")))
    assert sink.calls[-1] == ("there", UUID, "192.0.2.2", 5062, "sink")
    assert [(log["event"], log["problem"]) for log in logs] == [("device.body_unreadable", "no media line")]


def test_role_that_was_told_is_not_taken_back_by_a_body_that_says_nothing_of_it():
    known = Capabilities(role=Role.SOURCE)
    assert combine_capabilities(known, Capabilities(rtp_port=1), None).role is Role.SOURCE


def test_last_heard_never_goes_back(directory):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(BindingAdded(replace(SECOND, last_heard=NOON - timedelta(hours=1))))
    found = directory.find(UUID)
    assert found is not None
    assert found.last_heard == NOON


def test_resync_tells_what_was_missed_and_nothing_else(directory, sink):
    other, new = replace(FIRST, device_id="a", binding_id=3), replace(FIRST, device_id="b", binding_id=4)
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(BindingAdded(other))
    sink.calls.clear()
    directory.on_resync([other, new])
    assert sink.calls == [GONE, ("there", "b", "192.0.2.1", 5062, "unknown")]
    directory.on_resync([other, new])
    assert len(sink.calls) == 2


def test_resync_reads_the_bodies_that_were_missed(directory, sink):
    directory.on_resync([replace(FIRST, body=b"source")])
    assert sink.calls == [(*THERE[:4], "source")]


def test_resync_that_gives_a_binding_to_another_device_takes_it_from_the_first(directory, sink):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_resync([replace(FIRST, device_id="b")])
    directory.on_binding_event(BindingUnreachable(replace(silent(FIRST), device_id="b")))
    assert sink.calls == [THERE, GONE, ("there", "b", *THERE[2:]), ("gone", "b")]


@pytest.mark.parametrize("change", [BindingAdded, BindingChanged, BindingReachable])
def test_binding_that_becomes_another_devices_leaves_the_first_offline(directory, sink, change):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(change(replace(FIRST, device_id="b")))
    assert sink.calls == [THERE, GONE, ("there", "b", *THERE[2:])]
    directory.on_binding_event(BindingChanged(FIRST))
    assert sink.calls[3:] == [("gone", "b"), THERE]


def test_binding_that_becomes_another_devices_leaves_the_first_at_its_other_binding(directory, sink):
    directory.on_binding_event(BindingAdded(FIRST))
    directory.on_binding_event(BindingAdded(SECOND))
    directory.on_binding_event(BindingRemoved(replace(SECOND, device_id="b"), RemovalReason.EXPIRED))
    assert sink.calls == [THERE, THERE_AT_SECOND, THERE]


def test_device_of_20_000_bindings_costs_no_more_for_each_than_one_of_few(directory, sink):
    most = 20_000
    bindings = [
        replace(FIRST, binding_id=number, target=Endpoint("192.0.2.1", number)) for number in range(1, most + 1)
    ]
    began = process_time()
    for binding in bindings:
        directory.on_binding_event(BindingAdded(binding))
    for binding in bindings:
        directory.on_binding_event(BindingUnreachable(silent(binding)))
    for binding in reversed(bindings):
        directory.on_binding_event(BindingReachable(binding))
    for binding in reversed(bindings[1:]):
        directory.on_binding_event(BindingRemoved(binding, RemovalReason.EXPIRED))
    assert process_time() - began < 10  # about 1 s; minutes if an event looked at every binding
    assert sink.calls[-1] == ("there", UUID, "192.0.2.1", 1, "unknown")
    directory.on_binding_event(BindingRemoved(bindings[0], RemovalReason.EXPIRED))
    assert sink.calls[-1] == GONE


def test_device_that_stays_offline_is_no_announcement():
    before = Device(UUID, last_heard=NOON)
    assert announcement(before, replace(before, last_heard=NOON + timedelta(hours=1))) is None
    assert announcement(replace(before, is_online=True), before) is Announcement.OFFLINE


def test_restored_devices_are_known_and_told_of_only_when_they_are_heard(directory, sink):
    directory.restore(replace(silent(FIRST), body=b"sink"), is_forgotten=False)
    assert sink.calls == []
    known = directory.find(UUID)
    assert known is not None
    assert (known.is_online, known.primary, known.last_heard) == (False, None, NOON)
    directory.on_binding_event(BindingReachable(replace(FIRST, body=b"sink")))
    assert sink.calls == [("there", UUID, "192.0.2.1", 5062, "sink")]


def test_restored_device_that_is_never_heard_ends_untold(directory, sink):
    directory.restore(silent(FIRST), is_forgotten=False)
    directory.on_binding_event(BindingRemoved(silent(FIRST), RemovalReason.EXPIRED))
    assert sink.calls == []


def test_restored_device_whose_entry_was_deleted_needs_more_than_a_ping_to_be_told_of(directory, sink):
    directory.restore(silent(FIRST), is_forgotten=True)
    directory.on_binding_event(BindingReachable(FIRST))
    assert sink.calls == []
    directory.on_binding_event(BindingAdded(SECOND))
    assert sink.calls == [THERE_AT_SECOND]


def test_who_comes_and_goes_under_ever_new_names_is_forgotten_and_nobody_who_stays(directory, sink, monkeypatch):
    monkeypatch.setattr(device_directory, "MOST_GONE", 2)
    directory.on_binding_event(BindingAdded(FIRST))
    for number in range(10, 20):
        passing = replace(SECOND, binding_id=number, device_id=f"passing{number}")
        directory.on_binding_event(BindingAdded(passing))
        directory.on_binding_event(BindingRemoved(passing, RemovalReason.UNREGISTERED))
    known = [number for number in range(10, 20) if directory.find(f"passing{number}") is not None]
    assert known == [18, 19]
    assert directory.find(FIRST.device_id) is not None
    back = replace(SECOND, binding_id=30, device_id="passing10")
    directory.on_binding_event(BindingAdded(back))
    assert sink.calls[-1][:2] == ("there", "passing10")
