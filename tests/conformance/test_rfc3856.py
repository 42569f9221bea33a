"""RFC 3856, the package `presence`, against the running daemon; documents (RFC 3863, RFC 4480) valid by schema."""

from __future__ import annotations

import pytest

from tests.kit.presence_daemon import INTERVAL_S
from tests.kit.presence_room import PIDF
from tests.kit.sip_call import SipCall
from tests.kit.watch import PIDF_TYPE, Watch, activities_of, basic_of, document_of, publish, state_of, talking


def test_6_1_package_is_presence_and_has_no_parameters_but_an_id(watcher, device):
    watch = Watch(watcher, device.user, "presence;colour=blue;id=7")
    assert watch.subscribe().status == 200
    assert watch.next_notify().get("event") == "presence;id=7"


def test_6_3_body_of_a_subscribe_may_be_there_and_is_not_obeyed(watcher, device):
    """A filter (RFC 4661) would stand there; the section lets it be ignored."""
    watch = Watch(watcher, device.user)
    octets = watch.request(headers=["Content-Type: application/simple-filter+xml"])
    octets = octets.replace(b"Content-Length: 0", b"Content-Length: 4") + b"<f/>"
    assert watcher.exchange(octets).status == 200
    assert basic_of(watch.next_notify()) == "open"


def test_6_4_duration_that_is_left_out_is_the_daemons(watcher, device):
    """An hour by the section, which the notifier may shorten (RFC 6665 section 4.2.1.1)."""
    assert Watch(watcher, device.user).subscribe(None).get("expires") == "60"


@pytest.mark.parametrize("accept", [[], ["Accept: application/pidf+xml"], ["Accept: application/cpim-pidf+xml, */*"]])
def test_6_5_pidf_is_what_every_watcher_gets(watcher, device, accept):
    watch = Watch(watcher, device.user)
    assert watch.subscribe(headers=accept).status == 200
    notify = watch.next_notify()
    assert notify.get("content-type") == PIDF_TYPE
    assert document_of(notify).get("entity") == f"sip:{device.aor}"


def test_6_5_who_takes_no_pidf_is_told_406_and_what_there_is(watcher, device):
    answer = Watch(watcher, device.user).subscribe(headers=["Accept: application/xpidf+xml"])
    assert answer.status == 406
    assert PIDF_TYPE in (answer.get("accept") or "")


def test_6_6_2_who_may_not_watch_is_403(watcher):
    assert Watch(watcher, "hidden").subscribe().status == 403


def test_6_6_2_address_that_nobody_has_yet_is_closed_and_told_when_it_comes(presence_daemon, watcher, new_peer):
    later = new_peer(presence_daemon)
    watch = Watch(watcher, later.user)
    assert watch.subscribe().status == 200
    assert basic_of(watch.next_notify()) == "closed"
    assert later.register().status == 200
    assert basic_of(watch.next_notify()) == "open"


def test_6_7_registration_call_publication_and_end_are_each_told(watch, device):
    with talking(device):
        assert activities_of(watch.next_notify()) == ["on-the-phone"]
    assert activities_of(watch.next_notify()) == []
    assert publish(device).status == 200
    assert activities_of(watch.next_notify()) == ["away"]
    assert device.register(expires=0).status == 200
    gone = watch.next_notify()
    assert (basic_of(gone), activities_of(gone)) == ("closed", [])


def test_6_7_fetch_is_a_notify_with_the_state_and_the_end(watcher, device):
    """Section 3: a fetcher, or with many fetches a poller."""
    for _ in range(2):
        watch = Watch(watcher, device.user)
        assert watch.subscribe(0).status == 200
        only = watch.next_notify()
        assert (state_of(only)[0], basic_of(only)) == ("terminated", "open")


def test_6_7_1_refreshed_registration_is_no_change_and_not_told(watch, device):
    assert device.register().status == 200
    with pytest.raises(TimeoutError):
        watch.next_notify(2 * INTERVAL_S)


def test_6_9_each_watcher_has_a_dialog_of_its_own(presence_daemon, new_peer, device):
    """Two telephones of one person; of one SUBSCRIBE the daemon is the only notifier, so nothing forks."""
    peers = [new_peer(presence_daemon, user="forked") for _ in range(2)]
    assert all(peer.register().status == 200 for peer in peers)
    watches = [Watch(peer, device.user) for peer in peers]
    tags = {(watch.subscribe().get("to") or "").partition("tag=")[2] for watch in watches}
    assert len(tags) == 2
    assert [basic_of(watch.next_notify()) for watch in watches] == ["open", "open"]


def test_6_10_of_many_changes_the_last_is_told_and_few_of_those_between(watch, device):
    """The section has 5 s; here it is ``presence.interval_s``."""
    for _ in range(10):
        call = SipCall(device, "echo")
        assert (
            call.invite(
                b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40002 RTP/AVP 0\r\n"
            ).status
            == 200
        )
        assert call.ask("BYE").status == 200
    assert publish(device).status == 200
    told = [watch.next_notify()]
    while b"<rpid:away" not in told[-1].body:
        told.append(watch.next_notify())
    assert len(told) < 20


def test_rfc3863_4_1_document_has_one_tuple_with_status_contact_note_and_time(watch, device):
    publish(device)
    (tuple_,) = document_of(watch.next_notify()).findall(f"{PIDF}tuple")
    assert [child.tag.removeprefix(PIDF) for child in tuple_] == ["status", "contact", "note", "timestamp"]
    assert tuple_.findtext(f"{PIDF}contact") == f"sip:{device.aor}"
