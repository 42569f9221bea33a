"""RFC 6665 sections 4.2.1 and 4.4, the notifier's side, against the running daemon.

watcher                      daemon
   |-- SUBSCRIBE -------------->|
   |<- 200 (Expires, Contact) --|
   |<- NOTIFY (active) ---------|
   |-- 200 -------------------->|
"""

from __future__ import annotations

import uuid

import pytest

from tests.kit.sip_peer import Contact
from tests.kit.watch import Watch, basic_of, state_of, version_of

PACKAGES = {"dialog", "message-summary", "presence", "reg"}


@pytest.mark.parametrize("event", ["weather", "presence.winfo", "Presence"])
def test_4_2_1_1_event_that_is_not_understood_is_489_with_those_that_are(watcher, device, event):
    """Section 8.2.1: event types are compared byte by byte."""
    answer = Watch(watcher, device.user, event).subscribe()
    assert answer.status == 489
    assert set((answer.get("allow-events") or "").split(", ")) == PACKAGES


def test_4_2_1_1_subscribe_without_event_is_489(watcher, device):
    uri = f"sip:{device.user}@{device.domain}"
    octets = watcher.request("SUBSCRIBE", uri=uri, to=f"<{uri}>", headers=[f"Contact: {watcher.contact}"])
    assert watcher.exchange(octets).status == 489


def test_4_2_1_1_interval_that_is_too_brief_is_423_with_the_least(watcher, device):
    answer = Watch(watcher, device.user).subscribe(1)
    assert (answer.status, answer.get("min-expires")) == (423, "2")


@pytest.mark.parametrize(("asked_s", "granted_s"), [(3600, 60), (60, 60), (30, 30), (2, 2), (4294967295, 60)])
def test_4_2_1_1_duration_of_the_200_is_what_was_asked_for_or_shorter(watcher, device, asked_s, granted_s):
    """Section 4.2.1.1: the period may be shortened, and must not be lengthened."""
    watch = Watch(watcher, device.user)
    answer = watch.subscribe(asked_s)
    assert answer.get("expires") == str(granted_s)
    state, parameters = state_of(watch.next_notify())
    assert state == "active"
    assert granted_s - 1 <= int(parameters["expires"]) <= granted_s


def test_4_2_1_1_duration_that_is_left_out_is_the_daemons_longest(watcher, device):
    assert Watch(watcher, device.user).subscribe(None).get("expires") == "60"


def test_4_4_1_answer_makes_a_dialog_and_the_notify_is_of_it(watcher, device):
    """RFC 3261 section 12.1.1: a tag in To, a Contact, Record-Route copied."""
    watch = Watch(watcher, device.user)
    route = f"<sip:{watcher.host_port};lr>"
    answer = watch.subscribe(headers=[f"Record-Route: {route}"])
    notify = watch.next_notify()
    assert ";tag=" in (answer.get("to") or "")
    assert (notify.get("from"), notify.get("to")) == (answer.get("to"), answer.get("from"))
    assert answer.get("record-route") == notify.get("route") == route
    assert notify.start_line == f"NOTIFY {watcher.contact_uri} SIP/2.0"
    assert len(answer.bindings) == len(notify.bindings) == 1
    assert Contact.parse(answer.get("contact") or "").uri == notify.bindings[0].uri


@pytest.mark.parametrize("event", sorted(PACKAGES))
def test_4_2_1_2_notify_follows_the_200_at_once_with_the_whole_state(watcher, device, event):
    watch = Watch(watcher, device.user, event)
    assert watch.subscribe().status == 200
    notify = watch.next_notify()
    assert notify.get("event") == event
    assert state_of(notify)[0] == "active"
    assert notify.body


def test_4_2_1_2_refresh_is_followed_by_a_notify_though_nothing_changed(watch):
    before = watch.peer.cseq
    assert watch.subscribe().status == 200
    notify = watch.next_notify()
    assert basic_of(notify) == "open"
    assert notify.get("cseq") == "2 NOTIFY"
    assert watch.peer.cseq == before + 1


def test_4_2_1_3_who_is_not_registered_is_403(presence_daemon, new_peer, device):
    stranger = new_peer(presence_daemon)
    answer = Watch(stranger, device.user).subscribe()
    assert answer.status == 403
    assert answer.get("warning")


def test_4_2_1_3_whom_the_owner_has_not_named_is_403_and_whom_he_has_is_told(presence_daemon, new_peer, watcher):
    friend = new_peer(presence_daemon, user="friend")
    assert friend.register().status == 200
    assert Watch(watcher, "hidden").subscribe().status == 403
    watch = Watch(friend, "hidden")
    assert watch.subscribe().status == 200
    assert basic_of(watch.next_notify()) == "closed"


def test_4_2_1_4_refresh_in_a_dialog_that_is_not_known_is_481(watch):
    assert watch.subscribe(to=f"<{watch.uri}>;tag=of-nobody").status == 481
    assert watch.subscribe(call_id=uuid.uuid4().hex).status == 481
    assert watch.subscribe().status == 200


def test_4_2_1_4_refresh_may_be_too_brief_and_leaves_the_subscription_as_it_was(watch):
    assert watch.subscribe(1).status == 423
    assert watch.subscribe().status == 200


def test_4_2_1_4_refresh_for_no_time_ends_it_with_the_state(watch):
    assert watch.subscribe(0).status == 200
    last = watch.next_notify()
    assert state_of(last) == ("terminated", {"reason": "timeout"})
    assert basic_of(last) == "open"
    assert watch.subscribe().status == 481


def test_4_2_1_4_refresh_of_who_is_registered_no_more_is_403_and_ends_it_with_reason_rejected(watch):
    assert watch.peer.register(expires=0).status == 200
    assert watch.subscribe().status == 403
    last = watch.next_notify()
    assert (state_of(last), last.body) == (("terminated", {"reason": "rejected"}), b"")
    assert watch.subscribe().status == 481


def test_4_4_3_fetch_is_answered_told_once_and_leaves_nothing(watcher, device):
    watch = Watch(watcher, device.user, "reg")
    assert watch.subscribe(0).get("expires") == "0"
    only = watch.next_notify()
    assert (state_of(only), version_of(only)) == (("terminated", {"reason": "timeout"}), 0)
    assert watch.subscribe().status == 481


def test_4_4_4_answers_to_options_and_notifys_say_which_events_there_are(watcher, device):
    assert set((watcher.options().get("allow-events") or "").split(", ")) == PACKAGES
    watch = Watch(watcher, device.user)
    watch.subscribe()
    assert set((watch.next_notify().get("allow-events") or "").split(", ")) == PACKAGES


def test_4_5_1_another_event_within_the_dialog_is_no_subscription_there(watch):
    """Sharing a dialog is what the section takes out of use: it must begin its own."""
    watch.event = "dialog"
    assert watch.subscribe().status == 481
    watch.event = "presence"
    assert watch.subscribe().status == 200


def test_8_2_1_id_of_the_event_tells_subscriptions_apart(watcher, device):
    watches = [Watch(watcher, device.user, f"dialog;id={number}") for number in ("a1", "b2")]
    for watch in watches:
        assert watch.subscribe().status == 200
        assert watch.next_notify().get("event") == watch.event
    watches[0].event = "dialog;id=b2"
    assert watches[0].subscribe().status == 481


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("Accept: application/pidf+xml", 200),
        ("Accept: application/*;q=0.5, text/plain", 200),
        ("Accept: text/plain", 406),
        ("Accept: application/pidf+xml;q=0, */*", 406),
        ("Accept:", 200),
    ],
)
def test_3_1_3_types_that_are_accepted_include_the_packages_or_it_is_406(watcher, device, accept, status):
    """An empty Accept is what some phones mean by none."""
    assert Watch(watcher, device.user).subscribe(headers=[accept]).status == status


def test_rfc3261_8_2_2_3_extension_that_is_required_and_not_known_is_420(watcher, device):
    answer = Watch(watcher, device.user).subscribe(headers=["Require: time-travel"])
    assert (answer.status, answer.get("unsupported")) == (420, "time-travel")


def test_rfc3261_17_2_2_repeated_subscribe_is_answered_alike_and_makes_nothing_new(watcher, device):
    watch = Watch(watcher, device.user)
    octets = watch.request()
    first = watcher.exchange(octets)
    watch.next_notify()
    assert watcher.exchange(octets) == first
    with pytest.raises(TimeoutError):
        watch.next_unanswered(0.2)


def test_rfc3261_12_2_2_number_that_does_not_rise_is_500(watch):
    assert watch.subscribe(cseq=1).status == 500
    assert watch.subscribe().status == 200
