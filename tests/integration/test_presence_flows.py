"""Watching, publishing and messages over every transport: what comes back comes down the sender's own flow.

watcher                        daemon                     device
   |-- SUBSCRIBE ---------------->|                          |
   |<- 200, NOTIFY (open) --------|                          |
   |                              |<-- INVITE, BYE ----------|
   |<- NOTIFY (on-the-phone) -----|                          |
   |-- SUBSCRIBE, Expires: 0 ---->|                          |
   |<- 200, NOTIFY (terminated) --|                          |
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.kit.daemon_process import wait_until
from tests.kit.presence_daemon import watched_house
from tests.kit.presence_room import pidf
from tests.kit.sip_peer import SipMessage, SipPeer
from tests.kit.stream_peer import TcpPeer, TlsPeer
from tests.kit.tls_daemon import COMMAND, write_certificate
from tests.kit.watch import Watch, activities_of, basic_of, dialog_states, publish, state_of, talking, version_of

MakePeer = Callable[[str], SipPeer]
ABSENT = "cellar"
"""A device that the owner has written down, and that never came."""


@pytest.fixture(scope="module")
def make_peer(tmp_path_factory) -> Iterator[MakePeer]:
    """Makes registered devices, each over the transport that it is told, of a daemon that speaks TLS, too."""
    directory = tmp_path_factory.mktemp("flows")
    trust = write_certificate(directory / "server.pem")
    environment = {"TLS_CERTIFICATE": str(directory / "server.pem")}
    made: list[SipPeer] = []
    listed = {"devices": {f"{ABSENT}@screamrouter.local": {"name": "Cellar"}}}
    with watched_house(directory, sections=listed, command=COMMAND, environment=environment) as daemon:

        def make(transport: str) -> SipPeer:
            server = daemon.ip, daemon.port_over(transport)
            user = f"{transport}-{uuid.uuid4().hex[:8]}"
            match transport:
                case "udp":
                    peer = SipPeer(server, user=user)
                case "tcp":
                    peer = TcpPeer(server, user=user)
                case _:
                    peer = TlsPeer(server, user=user, context=trust)
            made.append(peer)
            assert peer.register().status == 200
            return peer

        yield make
        for peer in made:
            peer.close()


TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])


@TRANSPORTS
def test_a_subscription_is_told_refreshed_and_ended_down_its_flow(make_peer, transport):
    watcher, device = make_peer(transport), make_peer("udp")
    watch = Watch(watcher, device.user)
    assert watch.subscribe().get("expires") == "60"
    first = watch.next_notify()
    assert (basic_of(first), activities_of(first)) == ("open", [])
    assert (first.get("via") or "").startswith(f"SIP/2.0/{watcher.transport} ")
    with talking(device):
        assert activities_of(watch.notify_that_says("On the phone")) == ["on-the-phone"]
    watch.notify_that_says("Available")
    assert watch.subscribe(30).get("expires") == "30"
    assert state_of(watch.next_notify()) == ("active", {"expires": "30"})
    assert watch.subscribe(0).get("expires") == "0"
    last = watch.next_notify()
    assert state_of(last) == ("terminated", {"reason": "timeout"})
    assert basic_of(last) == "open"
    assert watch.subscribe().status == 481


@TRANSPORTS
def test_a_fetch_is_told_once(make_peer, transport):
    watcher, device = make_peer(transport), make_peer("udp")
    watch = Watch(watcher, device.user, "dialog")
    with talking(device):
        assert watch.subscribe(0).status == 200
        only = watch.next_notify()
    assert (state_of(only)[0], dialog_states(only), version_of(only)) == ("terminated", ["confirmed"], 0)
    assert Watch(watcher, device.user).subscribe().status == 200  # a later exchange on the same flow
    with pytest.raises(TimeoutError):
        watch.next_notify(0.3)


@TRANSPORTS
def test_a_publication_lives_is_refreshed_changed_and_taken_back(make_peer, transport):
    """RFC 3903 section 4: each success replaces the entity-tag, and the old one is 412."""
    watcher, device = make_peer("udp"), make_peer(transport)
    watch = Watch(watcher, device.user)
    watch.subscribe()
    watch.next_notify()
    initial = publish(device)
    assert (initial.status, initial.get("expires")) == (200, "60")
    assert activities_of(watch.next_notify()) == ["away"]
    refreshed = publish(device, body=b"", headers=[f"SIP-If-Match: {initial.get('sip-etag')}"])
    assert refreshed.status == 200
    assert refreshed.get("sip-etag") != initial.get("sip-etag")
    assert publish(device, body=b"", headers=[f"SIP-If-Match: {initial.get('sip-etag')}"]).status == 412
    match = f"SIP-If-Match: {refreshed.get('sip-etag')}"
    changed = publish(device, body=pidf(activities="<rpid:busy/>"), headers=[match])
    assert changed.status == 200
    assert activities_of(watch.next_notify()) == ["busy"]
    removed = publish(device, 0, body=b"", headers=[f"SIP-If-Match: {changed.get('sip-etag')}"])
    assert removed.status == 200
    assert activities_of(watch.next_notify()) == []


def message(sender: SipPeer, user: str, text: bytes) -> SipMessage:
    uri = f"sip:{user}@{sender.domain}"
    lines = ["Content-Type: text/plain"]
    return sender.exchange(
        sender.request("MESSAGE", uri=uri, to=f"<{uri}>", call_id=uuid.uuid4().hex, headers=lines, body=text)
    )


@pytest.mark.parametrize(("one", "other"), [("udp", "tcp"), ("tcp", "tls"), ("tls", "udp")])
def test_messages_go_both_ways_whatever_each_speaks(make_peer, one, other):
    """RFC 3428 section 4: the answer is the addressee's own."""
    for sender, addressee in ((make_peer(one), make_peer(other)), (make_peer(other), make_peer(one))):
        uri = f"sip:{addressee.user}@{sender.domain}"
        octets = sender.request("MESSAGE", uri=uri, to=f"<{uri}>", headers=["Content-Type: text/plain"], body=b"Tea?")
        sender.send(octets)
        relayed = addressee.receive()
        assert (relayed.method, relayed.body) == ("MESSAGE", b"Tea?")
        addressee.answer(relayed, "200 Gladly")
        assert sender.receive().start_line == "SIP/2.0 200 Gladly"


def test_a_message_to_nobody_is_404_and_to_who_is_gone_480(make_peer):
    """RFC 3428 section 7: what cannot be delivered is said, and why."""
    sender = make_peer("udp")
    assert message(sender, "nobody-of-that-name", b"Tea?").status == 404
    assert message(sender, ABSENT, b"Tea?").status == 480
    gone = make_peer("tcp")
    assert gone.register(expires=0).status == 200
    wait_until(lambda: message(sender, gone.user, b"Tea?").status == 480, "it is known, and not there")


def test_a_connection_that_ends_takes_its_device_with_it_and_the_watchers_are_told(make_peer):
    watcher, device = make_peer("udp"), make_peer("tcp")
    watch = Watch(watcher, device.user)
    watch.subscribe()
    assert basic_of(watch.next_notify()) == "open"
    device.close()
    assert basic_of(watch.next_notify()) == "closed"
    assert watch.subscribe(0).status == 200
