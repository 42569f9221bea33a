"""Watchers that behave badly: what each costs the others, nothing, and how its own subscription ends.

RFC 6665 section 4.2.2: a NOTIFY that times out or is answered 481 ends the subscription; RFC 5057 section 5.1: 500 is
the failure of that one request.
"""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.kit.crowd import Crowd
from tests.kit.daemon_process import DaemonProcess
from tests.kit.presence_daemon import INTERVAL_S, watched_house
from tests.kit.presence_room import pidf
from tests.kit.sip_peer import SipPeer
from tests.kit.stream_peer import TcpPeer
from tests.kit.watch import Watch, publish

TOLD_WITHIN_S = 0.2
CHANGES = 5
T1_S = 0.5


@dataclass
class House:
    """A daemon, the device that all watch, and the fifty who watch it well."""

    daemon: DaemonProcess
    device: SipPeer
    crowd: Crowd
    number: int = 0
    etag: str = ""

    def change(self) -> str:
        """The device says something new of itself: the word by which it is known."""
        self.number += 1
        word = f"note {self.number}."
        headers = [f"SIP-If-Match: {self.etag}"] if self.etag else []
        answer = publish(self.device, body=pidf(note=word), headers=headers)
        assert answer.status == 200, answer.start_line
        self.etag = answer.get("sip-etag") or ""
        return word

    def watch(self, peer: SipPeer) -> Watch:
        """A new subscription of ``peer``, which is registered by this, with the state told once."""
        assert peer.register().status == 200
        watch = Watch(peer, self.device.user)
        assert watch.subscribe().status == 200
        return watch

    def assert_all_are_told(self, misbehave: Callable[[], None] = lambda: None) -> None:
        """Several changes, each with ``misbehave`` behind it: the fifty hear of it in time.

        The median counts: what the machine does besides is not the bad watcher's doing.
        """
        took_s = []
        for _ in range(CHANGES):
            time.sleep(INTERVAL_S)  # else the change waits for the rest of the interval, as it should
            took_s.append(self.crowd.told_within_s(self.change))
            misbehave()
        assert statistics.median(took_s) < TOLD_WITHIN_S, took_s


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    with (
        watched_house(tmp_path_factory.mktemp("bad-watchers")) as daemon,
        SipPeer(daemon.address, user="device") as device,
    ):
        assert device.register().status == 200
        with Crowd(daemon.address, "device") as crowd:
            yield House(daemon, device, crowd)


def test_who_answers_late_is_sent_the_same_again_and_then_the_last_state_only(house):
    """RFC 3261 section 17.1.2.2: after T1 the NOTIFY is repeated; changes meanwhile wait for its answer."""
    with SipPeer(house.daemon.address, user="late") as peer:
        watch = house.watch(peer)
        first = watch.next_unanswered()
        house.assert_all_are_told()
        repeated = watch.next_unanswered(T1_S + 4.0)
        assert (repeated.get("cseq"), repeated.body) == (first.get("cseq"), first.body)
        peer.answer(repeated)
        last = watch.notify_that_says(f"note {house.number}.")
        assert last.get("cseq") == "2 NOTIFY"
        assert watch.subscribe().status == 200


def test_who_answers_500_keeps_its_subscription_and_is_told_the_next_change(house):
    """RFC 5057 section 5.1."""
    with SipPeer(house.daemon.address, user="failing") as peer:
        watch = house.watch(peer)
        watch.next_notify(status="500 Server Internal Error")
        house.assert_all_are_told(lambda: _answer_next(watch, "500 Server Internal Error"))
        word = house.change()
        assert word in watch.notify_that_says(word).body.decode()
        assert watch.subscribe().status == 200


def _answer_next(watch: Watch, status: str) -> None:
    watch.next_notify(status=status)


@pytest.mark.parametrize("status", ["481 Subscription Does Not Exist", "404 Not Found"])
def test_who_says_that_there_is_no_subscription_has_none_any_more(house, status):
    """RFC 6665 section 4.2.2, RFC 5057 section 5.1: no NOTIFY is sent any more, not even to say so."""
    with SipPeer(house.daemon.address, user=f"gone-{status[:3]}") as peer:
        watch = house.watch(peer)
        watch.next_notify(status=status)
        house.assert_all_are_told()
        with pytest.raises(TimeoutError):
            watch.next_unanswered(INTERVAL_S)
        assert watch.subscribe().status == 481


def test_who_closes_its_connection_between_a_notify_and_its_answer_is_forgotten(house):
    with TcpPeer(house.daemon.address, user="closing") as peer:
        watch = house.watch(peer)
        watch.next_unanswered()
        peer.close()
        house.assert_all_are_told()
        peer.reconnect()
        assert watch.subscribe().status == 481
        peer.close()


def test_who_closes_half_of_its_connection_is_forgotten(house):
    """A half that says nothing any more can answer no NOTIFY."""
    with TcpPeer(house.daemon.address, user="half-closed") as peer:
        watch = house.watch(peer)
        watch.next_notify()
        peer.shut_down(socket.SHUT_WR)
        house.assert_all_are_told()
        assert peer.is_closed_by_peer()
        peer.reconnect().close_old()
        assert watch.subscribe().status == 481


def test_who_does_not_read_its_connection_holds_up_nobody_and_is_cut_off(house):
    """It asks until the answers that it does not take fill every buffer, its own and the daemon's."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(house.daemon.address)
    with TcpPeer(house.daemon.address, user="deaf", own_socket=deaf) as peer:
        watch = house.watch(peer)
        house.assert_all_are_told(lambda: peer.send(peer.request("OPTIONS")))
        name = list(deaf.getsockname())
        peer.send_until_full(peer.request("OPTIONS") * 1000)
        house.assert_all_are_told()
        lost = house.daemon.wait_for_log("flow.aborted", timeout_s=20.0, peer=name)  # at once, or after 10 s
        assert lost["transport"] == "tcp"
        peer.reconnect().close_old()
        assert watch.subscribe().status == 481


def test_who_never_answers_is_told_the_same_again_and_costs_the_others_nothing(house):
    """While its first NOTIFY is unanswered there is no second; that it ends after 32 s shows test_sipp_calls.py."""
    with SipPeer(house.daemon.address, user="silent") as peer:
        watch = house.watch(peer)
        first = watch.next_unanswered()
        house.assert_all_are_told()
        assert watch.next_unanswered() == first
