"""RFC 3903, the compositor's side: who may publish, under which tag, for how long, and what all of it says together."""

from __future__ import annotations

import pytest

from domain.events import BindingAdded, BindingRemoved, RemovalReason
from domain.presence import Activity, Availability, ChangeCause, PublishedState
from domain.watching import PublishAccepted, PublishFault, PublishRefused
from presence.publications import Offer, Publication, PublicationLimits, Publications, compose, decide
from tests.kit.presence_room import Presence, binding, flow, pidf, publish


@pytest.fixture
def presence():
    kit = Presence(PublicationLimits(min_expires_s=10, max_expires_s=60, most=3, most_per_address=2))
    kit.board.on_binding_event(BindingAdded(binding()))
    return kit


def answer(presence, request):
    presence.policy.on_watch_event(request)
    return presence.core.answers[-1]


def published(presence, **fields):
    accepted = answer(presence, publish(**fields))
    assert isinstance(accepted, PublishAccepted), accepted
    return accepted


def fault(presence, **fields):
    refused = answer(presence, publish(**fields))
    assert isinstance(refused, PublishRefused), refused
    assert refused.reason
    return refused.fault


def state(presence):
    return presence.board.find_presentity("kitchen").published


def test_section_4_2_initial_publication_is_taken_under_a_tag(presence):
    accepted = published(presence, body=pidf(activities="<rpid:busy/>"))
    assert accepted == PublishAccepted("tag1", 30)
    assert presence.board.find_presentity("kitchen").availability is Availability.BUSY
    assert presence.observer.causes[-1] is ChangeCause.PUBLISHED


def test_section_4_3_refresh_keeps_the_state_and_changes_the_tag(presence):
    tag = published(presence, body=pidf(note="out")).etag
    presence.clock.elapsed_s = 29
    renewed = published(presence, body=b"", etag=tag)
    assert renewed.etag != tag
    assert state(presence).note == "out"
    assert presence.observer.causes.count(ChangeCause.PUBLISHED) == 1
    presence.clock.elapsed_s = 58
    presence.desk.expire()
    assert state(presence).note == "out"


def test_section_4_4_modification_replaces_the_state(presence):
    tag = published(presence, body=pidf(activities="<rpid:busy/>")).etag
    assert published(presence, etag=tag, body=pidf(activities="<rpid:away/>")).etag != tag
    assert state(presence).activities == (Activity.AWAY,)


def test_section_4_5_expires_zero_removes(presence):
    tag = published(presence, body=pidf("closed")).etag
    assert published(presence, etag=tag, body=b"", expires_s=0).expires_s == 0
    assert state(presence) is None


def test_section_4_publication_ends_with_its_time(presence):
    published(presence, body=pidf("closed"), expires_s=30)
    assert presence.desk.next_expiry() == 30
    presence.clock.elapsed_s = 29.9
    presence.desk.expire()
    assert presence.board.find_presentity("kitchen").availability is Availability.CLOSED
    presence.clock.elapsed_s = 30
    presence.desk.expire()
    assert presence.board.find_presentity("kitchen").availability is Availability.AVAILABLE
    assert presence.observer.causes[-1] is ChangeCause.PUBLICATION_EXPIRED
    assert presence.desk.next_expiry() is None


def test_section_6_step_1_address_that_nobody_knows_is_not_found(presence):
    assert fault(presence, address="nobody", publisher="kitchen") is PublishFault.NOT_FOUND
    presence.owner.names["kitchen"] = None
    assert fault(presence) is PublishFault.NOT_FOUND


@pytest.mark.parametrize("package", ["dialog", "winfo", ""])
def test_section_6_step_2_other_packages_are_a_bad_event(presence, package):
    assert fault(presence, package=package) is PublishFault.BAD_EVENT


def test_section_6_step_3_unknown_tag_fails_the_condition(presence):
    tag = published(presence).etag
    published(presence, etag=tag)
    for old in (tag, "never-given"):
        assert fault(presence, etag=old) is PublishFault.CONDITION_FAILED


def test_section_6_step_3_expired_tag_fails_the_condition(presence):
    tag = published(presence, expires_s=10).etag
    presence.clock.elapsed_s = 10
    assert fault(presence, etag=tag, body=b"") is PublishFault.CONDITION_FAILED


def test_section_6_step_3_tag_of_another_address_fails_the_condition(presence):
    presence.board.on_binding_event(BindingAdded(binding(2, "hall")))
    tag = published(presence).etag
    assert fault(presence, address="hall", etag=tag, body=b"") is PublishFault.CONDITION_FAILED


@pytest.mark.parametrize(("asked_s", "granted_s"), [(None, 60), (10, 10), (60, 60), (3600, 60), (0, 0)])
def test_section_6_step_4_never_longer_than_asked_or_allowed(presence, asked_s, granted_s):
    assert published(presence, expires_s=asked_s).expires_s == granted_s


@pytest.mark.parametrize("asked_s", [1, 9])
def test_section_6_step_4_too_brief_is_refused(presence, asked_s):
    assert fault(presence, expires_s=asked_s) is PublishFault.TOO_BRIEF


def test_section_6_step_4_initial_publication_for_no_time_leaves_nothing(presence):
    published(presence, expires_s=0, body=pidf("closed"))
    assert state(presence) is None
    assert presence.desk.next_expiry() is None


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/pidf-diff+xml"])
def test_section_6_step_5_unknown_type_is_unsupported(presence, content_type):
    assert fault(presence, content_type=content_type) is PublishFault.UNSUPPORTED_TYPE


def test_section_6_step_5_parameters_of_the_type_do_not_matter(presence):
    published(presence, content_type='Application/PIDF+xml; charset="UTF-8"')


@pytest.mark.parametrize("body", [b"", b"<presence>", b"\xff\xfe"])
def test_section_6_step_5_body_that_says_nothing_is_bad(presence, body):
    assert fault(presence, body=body) is PublishFault.BAD_BODY


def test_section_6_step_5_bad_modification_changes_nothing(presence):
    tag = published(presence, body=pidf(note="out")).etag
    assert fault(presence, etag=tag, body=b"<presence>") is PublishFault.BAD_BODY
    assert state(presence).note == "out"
    published(presence, etag=tag, body=b"")


def test_section_6_nobody_publishes_for_another(presence):
    presence.board.on_binding_event(BindingAdded(binding(2, "hall")))
    assert fault(presence, publisher="hall") is PublishFault.FORBIDDEN
    presence.owner.may_publish = lambda publisher, whose: (publisher, whose) == ("hall", "kitchen")
    published(presence, publisher="hall")


def test_section_6_publisher_is_registered_from_where_it_publishes(presence):
    assert fault(presence, flow=flow("192.0.2.66")) is PublishFault.FORBIDDEN
    published(presence, flow=flow(port=40_000))
    presence.board.on_binding_event(BindingRemoved(binding(), RemovalReason.UNREGISTERED))
    assert fault(presence) is PublishFault.FORBIDDEN


def test_publisher_is_known_by_every_name_of_its_address(presence):
    presence.owner.names["Kitchen phone"] = "kitchen"
    published(presence, address="Kitchen phone", publisher="kitchen")
    assert state(presence) is not None


def test_limits_hold_for_an_address_and_for_all(presence):
    presence.board.on_binding_event(BindingAdded(binding(2, "hall")))
    tags = [published(presence).etag for _ in range(2)]
    assert fault(presence) is PublishFault.TOO_MANY
    published(presence, address="hall")
    assert fault(presence, address="hall") is PublishFault.TOO_MANY
    published(presence, etag=tags[0], expires_s=0)
    published(presence, address="hall")


def test_refreshes_for_ever_do_not_fill_the_memory():
    publications = Publications(PublicationLimits(), iter(map(str, range(100_000))).__next__)
    accepted = publications.process("kitchen", publish(), 0.0)
    for second in range(2000):
        assert isinstance(accepted, PublishAccepted)
        refresh = publish(etag=accepted.etag, body=b"", expires_s=60)
        accepted = publications.process("kitchen", refresh, float(second))
    assert len(publications._expiries) < 50
    assert len(publications) == 1
    assert publications.expire(1999.0 + 60) == ("kitchen",)
    assert len(publications) == 0


def test_section_6_step_3_what_has_expired_stands_no_more_even_before_the_timer():
    standing = (Publication("old", PublishedState(note="x"), 10.0),)
    decision = decide(standing, publish(etag="old", body=b""), Offer(10.0, "new", True, PublicationLimits()))
    assert decision.publications == ()
    assert isinstance(decision.answer, PublishRefused)
    assert decision.answer.fault is PublishFault.CONDITION_FAILED


def said(**fields):
    return Publication("t", PublishedState(**fields), 60)


@pytest.mark.parametrize(
    ("oldest_first", "together"),
    [
        ([], None),
        ([said(is_open=False), said(is_open=True)], PublishedState(is_open=True)),
        ([said(is_open=True), said(is_open=False), said(note="x")], PublishedState(is_open=False, note="x")),
        ([said(note="old"), said(note="new"), said()], PublishedState(note="new")),
        (
            [said(activities=(Activity.AWAY,)), said(activities=(Activity.BUSY,))],
            PublishedState(activities=(Activity.BUSY, Activity.AWAY)),
        ),
    ],
)
def test_newest_that_says_something_is_right_and_activities_are_united(oldest_first, together):
    assert compose(oldest_first) == together


def test_modified_publication_is_the_newest_and_a_refreshed_one_is_not(presence):
    first = published(presence, body=pidf(note="first")).etag
    second = published(presence, body=pidf(note="second")).etag
    first = published(presence, etag=first, body=b"").etag
    assert state(presence).note == "second"
    published(presence, etag=first, body=pidf(note="first again"))
    assert state(presence).note == "first again"
    published(presence, etag=second, expires_s=0, body=b"")
    assert state(presence).note == "first again"
