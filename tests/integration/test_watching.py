"""Requests outside of dialogs, from the wire to Python and back: SUBSCRIBE, PUBLISH and MESSAGE through the core.

The policy is the test's own; what the daemon's own tells stands in other tests.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from domain.access import AccessConfig
from domain.values import Transport
from domain.watching import (
    Audience,
    Document,
    EventPackage,
    NotifierConfig,
    PublishAccepted,
    PublishFault,
    PublishReceived,
    PublishRefused,
    Resource,
    StateWanted,
    WatcherRule,
)
from tests.kit.core_house import DOMAIN, CoreHouse, StreamPeer
from tests.kit.sip_peer import SipMessage, SipPeer

PIDF = "application/pidf+xml"
INTERVAL_MS = 50
NOTIFIER = NotifierConfig(
    packages=(EventPackage("presence", (PIDF,)), EventPackage("dialog", ("application/dialog-info+xml",))),
    interval_ms=INTERVAL_MS,
)
BOB = Resource("presence", "bob")
REGISTERED, ANYONE = Audience(), Audience(WatcherRule.ANYONE)
BOB_URI = f"sip:bob@{DOMAIN}"
BOB_TO = f"<{BOB_URI}>"


@pytest.fixture
def house() -> Iterator[CoreHouse]:
    with CoreHouse(NOTIFIER) as made:
        yield made


def subscribe(peer: SipPeer, *headers: str, event: str = "presence") -> bytes:
    lines = [f"Contact: {peer.contact}", f"Event: {event}", "Expires: 60", *headers]
    return peer.request("SUBSCRIBE", uri=BOB_URI, to=BOB_TO, headers=lines)


def publish(peer: SipPeer, *headers: str, body: bytes = b"<presence/>") -> bytes:
    lines = ["Event: presence", f"Content-Type: {PIDF}", "Expires: 300", *headers]
    return peer.request("PUBLISH", uri=BOB_URI, to=BOB_TO, headers=lines, body=body)


def message(peer: SipPeer, *headers: str, user: str = "bob", body: bytes = b"hello") -> bytes:
    uri = f"sip:{user}@{DOMAIN}"
    return peer.request("MESSAGE", uri=uri, to=f"<{uri}>", headers=["Content-Type: text/plain", *headers], body=body)


def document(text: bytes) -> Document:
    return Document(PIDF, text)


def next_notify(peer: SipPeer) -> SipMessage:
    """The next NOTIFY, answered."""
    notify = peer.pings_seen.pop(0) if peer.pings_seen else peer.receive()
    assert notify.method == "NOTIFY", notify.start_line
    peer.answer(notify)
    return notify


def test_rfc6665_4_2_1_a_subscribe_asks_policy_once_and_is_notified_with_what_it_says(house: CoreHouse) -> None:
    """Ladder: SUBSCRIBE -> (StateWanted, provide) <- 200, NOTIFY, 200 ->."""
    alice = house.peer("alice")
    alice.send(subscribe(alice))
    assert house.event(StateWanted).resource == BOB
    house.engine.watching.provide(BOB, REGISTERED, document(b"<here/>"))
    assert alice.receive().status == 200
    notify = next_notify(alice)
    assert (notify.get("event"), notify.get("content-type"), notify.body) == ("presence", PIDF, b"<here/>")
    assert (notify.get("subscription-state") or "").startswith("active")
    (report,) = house.engine.watching.subscriptions()
    assert (report.resource, report.watcher, report.flow.remote.port) == (BOB, "alice", alice.port)


def test_rfc6665_4_2_1_2_what_is_known_is_told_to_the_next_watcher_without_asking(house: CoreHouse) -> None:
    alice, carol = house.peer("alice"), house.peer("carol")
    alice.send(subscribe(alice))
    assert house.event(StateWanted).resource == BOB
    house.engine.watching.provide(BOB, REGISTERED, document(b"<here/>"))
    assert alice.receive().status == 200
    assert next_notify(alice).body == b"<here/>"
    assert carol.exchange(subscribe(carol)).status == 200
    assert next_notify(carol).body == b"<here/>"
    assert not any(isinstance(event, StateWanted) for event in house.events())


def test_what_was_provided_unasked_is_told_and_policy_is_asked_whether_it_still_holds(house: CoreHouse) -> None:
    """It may have been on its way when policy was told that nobody watches: policy keeps it no more."""
    alice = house.peer("alice")
    house.engine.watching.provide(BOB, REGISTERED, document(b"<old/>"))
    assert alice.exchange(subscribe(alice)).status == 200
    assert next_notify(alice).body == b"<old/>"
    assert house.event(StateWanted).resource == BOB
    house.engine.watching.provide(BOB, REGISTERED, document(b"<new/>"))
    assert next_notify(alice).body == b"<new/>"


def test_rfc6665_4_2_2_a_change_is_told_at_once_and_only_the_last_of_many_within_the_interval(house: CoreHouse) -> None:
    alice = house.peer("alice")
    house.engine.watching.provide(BOB, REGISTERED, document(b"0"))
    assert alice.exchange(subscribe(alice)).status == 200
    assert next_notify(alice).body == b"0"
    for number in range(1, 6):
        house.engine.watching.provide(BOB, REGISTERED, document(b"%d" % number))
    told = [next_notify(alice).body]
    while told[-1] != b"5":
        told.append(next_notify(alice).body)
    assert len(told) <= 2


def test_a_watcher_that_is_not_registered_is_told_403_where_the_audience_is_the_registered(house: CoreHouse) -> None:
    stranger = house.peer("stranger", is_registered=False)
    house.engine.watching.provide(BOB, REGISTERED, document(b"<here/>"))
    assert stranger.exchange(subscribe(stranger)).status == 403
    house.engine.watching.provide(BOB, ANYONE, document(b"<here/>"))
    assert stranger.exchange(subscribe(stranger)).status == 200


def test_rfc6665_4_1_1_an_unknown_event_is_489_with_allow_events_and_leaves_no_subscription(house: CoreHouse) -> None:
    alice = house.peer("alice")
    answer = alice.exchange(subscribe(alice, event="weather"))
    assert (answer.status, answer.get("allow-events")) == (489, "presence, dialog")
    assert house.engine.watching.subscriptions() == ()


def test_rfc6665_4_2_1_1_an_interval_below_the_minimum_is_423_with_one_min_expires(house: CoreHouse) -> None:
    alice = house.peer("alice")
    brief = subscribe(alice).replace(b"Expires: 60", b"Expires: 5")
    answer = alice.exchange(brief)
    assert (answer.status, answer.all("min-expires")) == (423, ["10"])


def test_nobody_to_watch_is_404(house: CoreHouse) -> None:
    alice = house.peer("alice")
    alice.send(subscribe(alice))
    house.engine.watching.refuse(house.event(StateWanted).resource, "no such device")
    assert alice.receive().status == 404


def test_rfc3261_17_2_2_a_repeated_subscribe_gets_the_same_answer_and_makes_no_second_dialog(house: CoreHouse) -> None:
    alice = house.peer("alice")
    house.engine.watching.provide(BOB, REGISTERED, document(b"<here/>"))
    octets = subscribe(alice)
    first = alice.exchange(octets)
    next_notify(alice)
    assert alice.exchange(octets) == first
    assert len(house.engine.watching.subscriptions()) == 1


def test_rfc6665_4_2_2_a_refresh_is_answered_and_notified_within_its_dialog(house: CoreHouse) -> None:
    alice = house.peer("alice")
    house.engine.watching.provide(BOB, REGISTERED, document(b"<here/>"))
    accepted = alice.exchange(subscribe(alice))
    first = next_notify(alice)
    time.sleep(2 * INTERVAL_MS / 1000)  # the notifier's own interval, on the core's clock
    lines = [f"Contact: {alice.contact}", "Event: presence", "Expires: 0"]
    octets = alice.request("SUBSCRIBE", uri=BOB_URI, to=accepted.get("to") or "", headers=lines)
    assert alice.exchange(octets).status == 200
    last = next_notify(alice)
    assert (last.get("subscription-state") or "").startswith("terminated")
    assert last.get("call-id") == first.get("call-id")
    assert house.engine.watching.subscriptions() == ()


def test_rfc6665_4_1_3_a_notify_to_us_is_of_no_subscription(house: CoreHouse) -> None:
    alice = house.peer("alice")
    lines = ["Event: presence", "Subscription-State: active"]
    assert alice.exchange(alice.request("NOTIFY", uri=BOB_URI, headers=lines)).status == 481


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.WS])
def test_a_subscribe_over_a_connection_is_notified_down_it_and_ends_with_it(
    house: CoreHouse, transport: Transport
) -> None:
    watcher = StreamPeer(house, "alice", transport)
    house.engine.watching.provide(BOB, ANYONE, document(b"<here/>"))
    watcher.send(subscribe(watcher.texts))
    assert watcher.receive().status == 200
    notify = watcher.receive()
    assert (notify.method, notify.body) == ("NOTIFY", b"<here/>")
    assert (notify.get("via") or "").startswith(f"SIP/2.0/{watcher.via} ")
    watcher.hang_up()
    assert house.engine.watching.subscriptions() == ()


def test_at_the_end_watchers_are_told_that_their_subscription_is_over(house: CoreHouse) -> None:
    alice = house.peer("alice")
    house.engine.watching.provide(BOB, REGISTERED, document(b"<here/>"))
    assert alice.exchange(subscribe(alice)).status == 200
    next_notify(alice)
    house.stop()
    last = alice.receive()
    assert (last.method, (last.get("subscription-state") or "").partition(";")[0]) == ("NOTIFY", "terminated")


def test_rfc6665_4_4_4_options_says_which_events_are_known(house: CoreHouse) -> None:
    assert house.peer("alice").options().get("allow-events") == "presence, dialog"


def test_rfc3903_6_a_publish_is_told_of_and_answered_with_its_etag(house: CoreHouse) -> None:
    bob = house.peer("bob")
    bob.send(publish(bob, "SIP-If-Match: old"))
    event = house.event(PublishReceived)
    assert (event.package, event.address, event.publisher) == ("presence", "bob", "bob")
    assert (event.expires_s, event.etag, event.content_type) == (300, "old", PIDF)
    assert (event.body, event.flow.remote.port) == (b"<presence/>", bob.port)
    assert house.engine.watching.answer_publish(event.publish_id, PublishAccepted("new", 120))
    answer = bob.receive()
    assert (answer.status, answer.get("sip-etag"), answer.get("expires")) == (200, "new", "120")
    assert not house.engine.watching.answer_publish(event.publish_id, PublishAccepted("new", 120))


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (PublishFault.BAD_EVENT, 489),
        (PublishFault.CONDITION_FAILED, 412),
        (PublishFault.TOO_BRIEF, 423),
        (PublishFault.BAD_BODY, 400),
        (PublishFault.UNSUPPORTED_TYPE, 415),
        (PublishFault.FORBIDDEN, 403),
        (PublishFault.NOT_FOUND, 404),
        (PublishFault.TOO_MANY, 503),
    ],
)
def test_rfc3903_6_each_refusal_of_policy_has_its_status(house: CoreHouse, fault: PublishFault, status: int) -> None:
    bob = house.peer("bob")
    octets = publish(bob)
    bob.send(octets)
    event = house.event(PublishReceived)
    assert house.engine.watching.answer_publish(event.publish_id, PublishRefused(fault, "because"))
    first = bob.receive()
    assert (first.status, first.get("warning")) == (status, '399 screamrouter-sip "because"')
    assert bob.exchange(octets) == first  # RFC 3261 section 17.2.2


def test_rfc3428_7_a_message_reaches_the_device_and_its_answer_the_sender(house: CoreHouse) -> None:
    """Ladder: alice MESSAGE -> core -> bob, bob 200 -> core -> alice."""
    alice, bob = house.peer("alice"), house.peer("bob")
    octets = message(alice)
    alice.send(octets)
    relayed = bob.receive()
    assert relayed.start_line == f"MESSAGE {bob.contact_uri} SIP/2.0"
    assert (relayed.body, relayed.get("max-forwards"), len(relayed.all("via"))) == (b"hello", "69", 2)
    bob.answer(relayed, "202 Got It")
    answer = alice.receive()
    assert (answer.start_line, len(answer.all("via"))) == ("SIP/2.0 202 Got It", 1)
    assert alice.exchange(octets) == answer  # the copy is answered here


def test_a_message_of_somebody_who_is_not_registered_from_there_is_403(house: CoreHouse) -> None:
    house.peer("bob")
    stranger = house.peer("stranger", is_registered=False)
    assert stranger.exchange(message(stranger)).status == 403


def test_a_message_for_nobody_is_404_and_for_a_device_that_is_not_there_480(house: CoreHouse) -> None:
    alice = house.peer("alice")
    assert alice.exchange(message(alice)).status == 404
    house.engine.watching.set_known_addresses(["bob"])
    assert alice.exchange(message(alice)).status == 480
    house.engine.watching.set_known_addresses([])
    house.engine.apply_access(AccessConfig(realm=DOMAIN, devices={"bob": True}))
    assert alice.exchange(message(alice)).status == 480


def test_rfc3261_16_3_a_message_whose_hops_are_used_up_is_483(house: CoreHouse) -> None:
    alice = house.peer("alice")
    house.peer("bob")
    assert alice.exchange(message(alice).replace(b"Max-Forwards: 70", b"Max-Forwards: 0")).status == 483


def test_rfc3428_8_a_long_message_comes_whole_over_connections(house: CoreHouse) -> None:
    alice, bob = StreamPeer(house, "alice"), StreamPeer(house, "bob", Transport.WS)
    for one in (alice, bob):
        one.send(one.texts.request("REGISTER", headers=[f"Contact: {one.texts.contact}"]))
        assert one.receive().status == 200
    body = b"x" * 64_000
    alice.send(message(alice.texts, body=body))
    relayed = bob.receive()
    assert relayed.body == body
    assert (relayed.get("via") or "").startswith("SIP/2.0/WS ")


def test_a_message_in_a_dialog_that_is_not_here_is_481(house: CoreHouse) -> None:
    alice = house.peer("alice")
    octets = message(alice).replace(b"To: <sip:bob@screamrouter.local>", b"To: <sip:bob@screamrouter.local>;tag=x")
    assert alice.exchange(octets).status == 481
