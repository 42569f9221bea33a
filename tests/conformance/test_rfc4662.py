"""RFC 4662, lists of config.yaml and of every device, against the running daemon; each part is valid by its schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.presence_daemon import LISTED
from tests.kit.presence_room import RLMI, ListRead, read_list_body
from tests.kit.sip_peer import SipMessage, SipPeer
from tests.kit.watch import Watch, state_of, talking

SUPPORTED = ["Supported: eventlist"]


@pytest.fixture
def member(presence_daemon) -> Iterator[SipPeer]:
    """A member of the list ``lamps``; it is not registered, before and after."""
    with SipPeer(presence_daemon.address, user=LISTED[0]) as peer:
        yield peer
        assert peer.register(expires=0).status == 200


def list_of(notify: SipMessage) -> ListRead:
    """A list's notification, taken apart."""
    return read_list_body(notify.get("content-type") or "", notify.body)


def watch_list(watcher: SipPeer, event: str = "presence", name: str = "lamps") -> Watch:
    watch = Watch(watcher, name, event)
    answer = watch.subscribe(headers=SUPPORTED)
    assert answer.status == 200, answer.start_line
    return watch


def uri_of(user: str) -> str:
    return f"sip:{user}@screamrouter.local"


def test_4_1_who_does_not_know_lists_is_421_with_what_it_would_need(watcher):
    answer = Watch(watcher, "lamps").subscribe()
    assert (answer.status, answer.get("require")) == (421, "eventlist")


@pytest.mark.parametrize("header", ["Supported: path, eventlist", "Require: eventlist"])
def test_4_1_answer_and_notify_to_a_list_require_that_it_is_known(watcher, header):
    watch = Watch(watcher, "lamps")
    assert watch.subscribe(headers=[header]).get("require") == "eventlist"
    assert watch.next_notify().get("require") == "eventlist"


def test_4_1_who_knows_lists_and_asks_for_one_device_gets_its_document(watcher, device):
    watch = Watch(watcher, device.user)
    assert watch.subscribe(headers=SUPPORTED).get("require") is None
    notify = watch.next_notify()
    assert (notify.get("require"), notify.get("content-type")) == (None, "application/pidf+xml")


def test_4_2_duration_is_that_of_the_package(watcher):
    assert watch_list(watcher).subscribe(3600, headers=SUPPORTED).get("expires") == "60"


@pytest.mark.parametrize("event", ["presence", "dialog", "reg"])
def test_4_3_body_is_multipart_related_whose_root_is_the_meta_information(watcher, event):
    """RFC 2387: ``type`` and ``start`` name the root."""
    found = list_of(watch_list(watcher, event).next_notify())
    assert found.message.get_content_type() == "multipart/related"
    assert found.message.get_param("type") == "application/rlmi+xml"
    assert len(found.parts) == len(LISTED)


def test_4_4_list_that_is_not_there_is_an_address(watcher):
    """There is no list of that name, so it is somebody who has not come yet."""
    watch = Watch(watcher, "no-list-of-that-name")
    assert watch.subscribe(headers=SUPPORTED).get("require") is None


def test_4_4_package_without_lists_takes_the_name_as_an_address(watcher):
    watch = Watch(watcher, "lamps", "message-summary")
    assert watch.subscribe(headers=SUPPORTED).get("require") is None
    assert watch.next_notify().get("content-type") == "application/simple-message-summary"


def test_4_5_first_notify_and_that_of_each_refresh_are_whole(watcher):
    watch = watch_list(watcher)
    for version in ("0", "1"):
        found = list_of(watch.next_notify())
        assert (found.rlmi.get("version"), found.rlmi.get("fullState")) == (version, "true")
        assert set(found.rows) == set(map(uri_of, LISTED))
        watch.subscribe(headers=SUPPORTED)


def test_4_5_end_of_the_subscription_tells_the_whole_list(watcher):
    watch = watch_list(watcher)
    watch.next_notify()
    assert watch.subscribe(0, headers=SUPPORTED).status == 200
    last = watch.next_notify()
    assert state_of(last) == ("terminated", {"reason": "timeout"})
    assert list_of(last).rlmi.get("fullState") == "true"


def test_5_2_list_names_itself_and_its_version_rises_by_one(watcher, member):
    watch = watch_list(watcher, "dialog")
    told = [list_of(watch.next_notify())]
    assert member.register().status == 200
    told.append(list_of(watch.next_notify()))
    with talking(member):
        told.append(list_of(watch.next_notify()))
    told.append(list_of(watch.next_notify()))
    assert [one.rlmi.get("version") for one in told] == ["0", "1", "2", "3"]
    assert {one.rlmi.get("uri") for one in told} == {uri_of("lamps")}


def test_5_3_and_5_5_each_resource_has_an_instance_that_is_active_and_names_its_part(watcher):
    found = list_of(watch_list(watcher).next_notify())
    assert [row.get("state") for row in found.rows.values()] == ["active"] * len(LISTED)
    for uri, row in found.rows.items():
        assert found.parts[row.get("cid", "")].get("entity") == uri


def test_5_6_2_partial_list_has_the_one_that_changed_only(watcher, member):
    watch = watch_list(watcher)
    watch.next_notify()
    assert member.register().status == 200
    found = list_of(watch.next_notify())
    assert found.rlmi.get("fullState") == "false"
    assert set(found.rows) == {uri_of(member.user)}
    (part,) = found.parts.values()
    assert part.get("entity") == uri_of(member.user)


def test_5_6_content_ids_are_never_used_again(watcher, member):
    watch = watch_list(watcher)
    first = list_of(watch.next_notify())
    assert member.register().status == 200
    second = list_of(watch.next_notify())
    assert set(first.parts).isdisjoint(second.parts)


def test_registrar_itself_is_the_list_of_all(watcher, device):
    """``sip:DOMAIN``, without a user."""
    watch = Watch(watcher, "all")
    watch.uri = f"sip:{watcher.domain}"
    watch.to = f"<{watch.uri}>"
    assert watch.subscribe().status == 421
    assert watch.subscribe(headers=SUPPORTED).status == 200
    found = list_of(watch.next_notify())
    assert found.rlmi.get("uri") == watch.uri
    assert uri_of(device.user) in found.rows


def test_list_all_is_of_every_device_whom_anybody_may_watch(presence_daemon, watcher, device, new_peer):
    watch = watch_list(watcher, name="all")
    rows = list_of(watch.next_notify()).rows
    assert uri_of(device.user) in rows
    assert uri_of("hidden") not in rows
    newcomer = new_peer(presence_daemon)
    assert newcomer.register().status == 200
    told: Any = list_of(watch.next_notify())
    while uri_of(newcomer.user) not in told.rows:
        told = list_of(watch.next_notify())
    assert told.rlmi.findall(f"{RLMI}resource")
