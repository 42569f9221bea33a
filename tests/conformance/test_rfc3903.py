"""RFC 3903, PUBLISH, against the running daemon.

device                       daemon                     watcher
   |-- PUBLISH --------------->|                           |
   |<- 200 (SIP-ETag, Expires)-|-- NOTIFY ---------------->|
"""

from __future__ import annotations

import pytest

from tests.kit.presence_daemon import INTERVAL_S
from tests.kit.presence_room import pidf
from tests.kit.sip_peer import SipMessage
from tests.kit.watch import PIDF_TYPE, activities_of, basic_of, publish

BUSY = pidf(activities="<rpid:busy/>")


def match(answer: SipMessage) -> list[str]:
    """The precondition that the publication is as this answer left it."""
    return [f"SIP-If-Match: {answer.get('sip-etag')}"]


def asked(
    device, *, event: str = "presence", body: bytes = BUSY, content_type: str = PIDF_TYPE, user: str = ""
) -> SipMessage:
    """The answer to a PUBLISH that is unlike what it should be."""
    uri = f"sip:{user or device.user}@{device.domain}"
    lines = [f"Event: {event}"] * bool(event) + [f"Content-Type: {content_type}"]
    answer: SipMessage = device.exchange(device.request("PUBLISH", uri=uri, to=f"<{uri}>", headers=lines, body=body))
    return answer


def test_4_1_every_success_has_an_entity_tag_of_its_own_and_a_duration(device):
    answers = [publish(device) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert len({answer.get("sip-etag") for answer in answers}) == 3
    assert [answer.get("expires") for answer in answers] == ["60"] * 3


def test_4_2_initial_publication_is_told_to_watchers(watch, device):
    assert publish(device).status == 200
    assert activities_of(watch.next_notify()) == ["away"]


def test_4_3_refresh_has_no_body_gets_another_tag_and_changes_nothing(watch, device):
    initial = publish(device)
    watch.next_notify()
    refreshed = publish(device, body=b"", headers=match(initial))
    assert refreshed.status == 200
    assert refreshed.get("sip-etag") not in {None, initial.get("sip-etag")}
    with pytest.raises(TimeoutError):
        watch.next_notify(2 * INTERVAL_S)


def test_4_4_modification_replaces_the_state(watch, device):
    initial = publish(device)
    watch.next_notify()
    assert publish(device, body=BUSY, headers=match(initial)).status == 200
    assert activities_of(watch.next_notify()) == ["busy"]


def test_4_5_removal_is_expires_0_and_takes_the_state_back(watch, device):
    initial = publish(device)
    watch.next_notify()
    removed = publish(device, 0, body=b"", headers=match(initial))
    assert (removed.status, removed.get("expires")) == (200, "0")
    assert activities_of(watch.next_notify()) == []
    assert publish(device, body=b"", headers=match(initial)).status == 412


def test_4_5_publication_that_is_not_refreshed_ends(watch, device):
    assert publish(device, 2).get("expires") == "2"
    assert activities_of(watch.next_notify()) == ["away"]
    assert activities_of(watch.next_notify()) == []


def test_6_step_1_address_that_nobody_has_is_404(device):
    assert asked(device, user="nobody-of-that-name").status == 404


@pytest.mark.parametrize("event", ["", "dialog", "weather"])
def test_6_step_2_event_that_cannot_be_published_is_489_with_those_that_are_known(device, event):
    answer = asked(device, event=event)
    assert answer.status == 489
    assert "presence" in (answer.get("allow-events") or "")


def test_14_1_who_is_not_registered_is_403(presence_daemon, new_peer, device):
    stranger = new_peer(presence_daemon)
    assert asked(stranger, user=device.user).status == 403


def test_14_1_nobody_publishes_for_another(watch, watcher, device):
    assert asked(watcher, user=device.user).status == 403
    with pytest.raises(TimeoutError):
        watch.next_notify(2 * INTERVAL_S)


def test_6_step_3_tag_that_is_not_known_is_412_and_nothing_is_published(watch, device):
    for body in (b"", BUSY):
        assert publish(device, body=body, headers=["SIP-If-Match: of-nobody"]).status == 412
    with pytest.raises(TimeoutError):
        watch.next_notify(2 * INTERVAL_S)


def test_6_step_3_tag_is_of_one_address_only(watcher, device):
    assert publish(watcher, body=b"", headers=match(publish(device))).status == 412


@pytest.mark.parametrize("tags", ["{etag}, another", '"{etag}"', "{etag} another", ""])
def test_6_step_3_precondition_that_is_not_one_tag_is_400(device, tags):
    etag = publish(device).get("sip-etag")
    assert publish(device, body=b"", headers=[f"SIP-If-Match: {tags.format(etag=etag)}"]).status == 400


def test_6_step_4_duration_that_is_too_brief_is_423_with_the_least(device):
    answer = publish(device, 1)
    assert (answer.status, answer.get("min-expires")) == (423, "2")


@pytest.mark.parametrize(("wanted_s", "granted_s"), [(None, "60"), (3600, "60"), (30, "30")])
def test_6_step_4_duration_is_shortened_never_lengthened(device, wanted_s, granted_s):
    assert publish(device, wanted_s).get("expires") == granted_s


def test_6_step_5_type_that_is_not_taken_is_415_with_those_that_are(device):
    answer = asked(device, content_type="text/plain")
    assert answer.status == 415
    assert PIDF_TYPE in (answer.get("accept") or "")


@pytest.mark.parametrize("body", [b"", b"no XML", b"<presence", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a/>"])
def test_6_step_5_body_that_says_nothing_is_400_with_a_reason(device, body):
    answer = asked(device, body=body)
    assert (answer.status, bool(answer.get("warning"))) == (400, True)


def test_6_step_5_modification_that_fails_leaves_the_publication_as_it_was(watch, device):
    initial = publish(device)
    watch.next_notify()
    assert publish(device, body=b"no XML", headers=match(initial)).status == 400
    assert publish(device, body=b"", headers=match(initial)).status == 200


def test_6_step_5_closed_is_what_watchers_are_told_of_who_takes_no_calls(watch, device):
    assert publish(device, body=pidf(basic="closed")).status == 200
    assert basic_of(watch.next_notify()) == "closed"


def test_6_publish_makes_no_dialog(device):
    """Section 4: the answer has no Contact, and a PUBLISH within a dialog is of none."""
    assert publish(device).get("contact") is None
    uri = f"sip:{device.aor}"
    headers = ["Event: presence", f"Content-Type: {PIDF_TYPE}"]
    within = device.request("PUBLISH", uri=uri, to=f"<{uri}>;tag=of-nobody", headers=headers, body=BUSY)
    assert device.exchange(within).status in {405, 481}


def test_7_of_several_publications_the_newest_open_or_closed_holds_and_activities_of_all(watch, device):
    publish(device, body=pidf(activities="<rpid:away/>"))
    assert activities_of(watch.next_notify()) == ["away"]
    newest = publish(device, body=pidf(basic="closed", activities="<rpid:busy/>"))
    both = watch.next_notify()
    assert (basic_of(both), sorted(activities_of(both))) == ("closed", ["away", "busy"])
    publish(device, 0, body=b"", headers=match(newest))
    assert activities_of(watch.next_notify()) == ["away"]


def test_rfc3261_17_2_2_repeated_publish_is_answered_alike_and_publishes_once(device):
    uri = f"sip:{device.aor}"
    headers = ["Event: presence", f"Content-Type: {PIDF_TYPE}", "Expires: 30"]
    octets = device.request("PUBLISH", uri=uri, to=f"<{uri}>", headers=headers, body=BUSY)
    first = device.exchange(octets)
    assert device.exchange(octets) == first
    assert first.status == 200
