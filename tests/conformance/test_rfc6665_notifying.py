"""RFC 6665 section 4.2.2: what the daemon sends within a subscription, and what ends it."""

from __future__ import annotations

import time

import pytest
import yaml

from tests.kit.presence_daemon import INTERVAL_S, watched_house
from tests.kit.sip_peer import SipPeer
from tests.kit.watch import Watch, basic_of, publish, state_of, talking, version_of


def test_4_2_2_each_change_is_told_with_the_next_number(watch, device):
    with talking(device):
        first = watch.notify_that_says("On the phone")
    second = watch.notify_that_says("Available")
    assert [notify.get("cseq") for notify in (first, second)] == ["2 NOTIFY", "3 NOTIFY"]
    assert state_of(second)[0] == "active"
    assert int(state_of(second)[1]["expires"]) <= 60


def test_4_2_2_subscription_that_is_not_refreshed_ends_with_reason_timeout_and_one_that_is_stays(watcher, device):
    left, kept = Watch(watcher, device.user), Watch(watcher, device.user)
    began = time.monotonic()
    for watch in (left, kept):
        assert watch.subscribe(2).status == 200
        watch.next_notify()
    kept.subscribe(30)
    assert int(state_of(kept.next_notify())[1]["expires"]) > 20
    last = left.next_notify()
    assert state_of(last) == ("terminated", {"reason": "timeout"})
    assert 1.9 < time.monotonic() - began < 4
    assert left.subscribe().status == 481
    assert kept.subscribe(0).status == 200


@pytest.mark.parametrize("status", ["481 Subscription Does Not Exist", "489 Bad Event", "404 Not Found", "410 Gone"])
def test_4_2_2_notify_that_is_refused_ends_the_subscription_without_another(watcher, device, status):
    """RFC 5057 section 5.1 has the statuses."""
    watch = Watch(watcher, device.user)
    watch.subscribe()
    watch.next_notify(status=status)
    assert publish(device).status == 200
    with pytest.raises(TimeoutError):
        watch.next_unanswered(2 * INTERVAL_S)
    assert watch.subscribe().status == 481


@pytest.mark.parametrize("status", ["500 Server Internal Error", "503 Service Unavailable", "491 Request Pending"])
def test_4_2_2_failure_that_may_pass_leaves_the_subscription_and_the_next_change_is_told_whole(watcher, device, status):
    watch = Watch(watcher, device.user, "dialog")
    watch.subscribe()
    watch.next_notify(status=status)
    with talking(device):
        notify = watch.notify_that_says("confirmed")
    assert b'state="full"' in notify.body
    assert version_of(notify) == 1


def test_4_2_2_while_a_notify_is_unanswered_the_next_waits_and_tells_the_last_state_only(watch, device):
    with talking(device):
        unanswered = watch.next_unanswered()
    time.sleep(2 * INTERVAL_S)
    watch.peer.answer(unanswered)
    assert b"Available" in watch.next_notify().body


def test_4_2_2_notify_is_repeated_until_it_is_answered(watch, device):
    """RFC 3261 section 17.1.2.2: after T1, over UDP."""
    publish(device)
    first = watch.next_unanswered()
    began = time.monotonic()
    assert watch.next_unanswered() == first
    assert time.monotonic() - began > 0.3
    watch.peer.answer(first)


def test_4_2_2_answer_to_another_transaction_is_none(watch, device):
    publish(device)
    notify = watch.next_unanswered()
    stray = [(name, value.replace("z9hG4bK", "z9hG4bKx") if name == "via" else value) for name, value in notify.headers]
    watch.peer.answer(type(notify)(notify.start_line, tuple(stray), b""), "481 Nobody Asked")
    watch.peer.answer(notify)
    assert watch.subscribe().status == 200


def test_4_2_2_notify_goes_to_the_contact_of_the_last_subscribe(presence_daemon, watcher, device, new_peer):
    watch = Watch(watcher, device.user)
    watch.subscribe()
    watch.next_notify()
    moved = new_peer(presence_daemon, user=watcher.user)
    moved.cseq = watcher.cseq
    watch.peer = moved
    assert watch.subscribe().status == 200
    assert watch.next_notify().start_line == f"NOTIFY {moved.contact_uri} SIP/2.0"
    publish(device)
    assert b"<rpid:away" in watch.next_notify().body


def test_4_2_2_retry_after_is_waited_for_and_the_state_told_again(watcher, device):
    """RFC 5057 section 5.1: 503 with Retry-After."""
    watch = Watch(watcher, device.user)
    watch.subscribe()
    refused = watch.next_unanswered()
    began = time.monotonic()
    watcher.answer(refused, "503 Service Unavailable\r\nRetry-After: 1")
    assert basic_of(watch.next_notify()) == "open"
    assert time.monotonic() - began > 0.9


def test_4_2_2_whom_the_owner_shuts_out_is_told_rejected_and_nothing_of_the_state(tmp_path):
    """Section 4.1.3: and whose package is gone, noresource."""
    with (
        watched_house(tmp_path) as daemon,
        SipPeer(daemon.address) as alice,
        SipPeer(daemon.address, user="bert") as bert,
    ):
        for peer in (alice, bert):
            assert peer.register().status == 200
        daemon.wait_for_device(bert.aor, online=True)
        watches = [Watch(alice, "bert"), Watch(bert, "alice")]
        for watch in watches:
            assert watch.subscribe().status == 200
            watch.next_notify()
        _edit(daemon.config_path, lambda settings: settings["devices"][bert.aor].update(watchers=["friend"]))
        last = watches[0].next_notify()
        assert (state_of(last), last.body) == (("terminated", {"reason": "rejected"}), b"")
        assert Watch(alice, "bert").subscribe().status == 403
        _edit(daemon.config_path, lambda settings: settings["presence"].update(enabled=False))
        assert state_of(watches[1].next_notify()) == ("terminated", {"reason": "noresource"})
        assert Watch(bert, "alice").subscribe().status == 489


def _edit(path, change) -> None:
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(settings)
    fresh = path.with_suffix(".mine")
    fresh.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    fresh.rename(path)


def test_4_1_3_daemon_that_ends_tells_its_watchers_when_to_come_back(tmp_path):
    with watched_house(tmp_path) as daemon, SipPeer(daemon.address) as alice:
        assert alice.register().status == 200
        watch = Watch(alice, "bert")
        assert watch.subscribe().status == 200
        watch.next_notify()
        daemon.stop()
        state, parameters = state_of(watch.next_notify())
        assert (state, parameters["reason"]) == ("terminated", "probation")
        assert int(parameters["retry-after"]) > 0


def test_4_1_3_notify_to_the_daemon_is_of_no_subscription(watcher):
    lines = ["Event: presence", "Subscription-State: active"]
    assert watcher.exchange(watcher.request("NOTIFY", headers=lines)).status == 481
