"""The daemon ends, one way or another: who watched and who published is back by what the standards have it do anyway.

watcher            daemon
  |  SUBSCRIBE        |
  |------------------>|
  |  200, NOTIFY      |
  |<------------------|
  |                   x  killed, or
  |  NOTIFY           |  stopped: terminated;reason=probation;retry-after=5
  |<------------------x
  |                   |  starts
  |  SUBSCRIBE        |
  |------------------>|  the refresh, before the lease is over
  |  481              |
  |<------------------|
  |  SUBSCRIBE        |
  |------------------>|  a new dialog (RFC 6665 section 4.1.2.2)
  |  200, NOTIFY      |
  |<------------------|  the whole state
"""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from location.binding_store import DATABASE_NAME
from tests.kit.answering_peer import AnsweringTcp, AnsweringUdp
from tests.kit.daemon_process import DaemonProcess, running_daemon, started_daemon, wait_until
from tests.kit.presence_room import pidf
from tests.kit.sip_peer import SipMessage, SipPeer
from tests.kit.standing_watch import StandingWatch

LEASE_S = 2
MOST_RETRY_S = 60
SLACK_S = 3.0
"""For a machine that is busy."""
SECTIONS = {
    "registrar": {"save_interval_s": 0.05},
    "presence": {"min_expires_s": 1, "max_expires_s": LEASE_S, "interval_s": 0.05},
    "liveness": {"ping_interval_s": 0.2, "timeout_s": 5.0},
}
AVAILABLE = {"basic": "open", "note": "Available", "activities": []}
BUSY = {"basic": "open", "note": "Busy", "activities": ["busy"]}
ENDS = [signal.SIGKILL, signal.SIGTERM]
_PROBATION = re.compile(r"terminated;reason=probation;retry-after=(\d+)")

Peer = AnsweringUdp | AnsweringTcp


class Watcher:
    """Watches bob, and does what RFC 6665 section 4.1.2 has a watcher do: nothing that knows of restarts."""

    def __init__(self, daemon: DaemonProcess, transport: type[Peer]) -> None:
        self._daemon = daemon
        self._transport = transport
        self.watch = StandingWatch(self._connected())
        self.call_id = self.watch.subscribe("presence", "bob", expires_s=3600)

    def _connected(self) -> Peer:
        peer = self._transport(self._daemon.address, "watcher")
        assert peer.register().status == 200
        return peer

    def refresh(self) -> int:
        """What its timer does in the middle of each lease; the status of the refresh."""
        if not self.watch.peer.answering.is_alive:  # RFC 5626 section 4.4.1: the flow is gone, the device makes another
            self.watch.peer.close()
            self.watch.move(self._connected())
        status = self.watch.refresh(self.call_id, 3600).status
        if status == 481:  # section 4.1.2.2
            self.subscribe()
        return status

    def subscribe(self) -> None:
        self.call_id = self.watch.subscribe("presence", "bob", expires_s=3600)

    def sees(self, state: object) -> bool:
        return self.watch.seen(self.call_id) == state

    def ended(self) -> str:
        return self.watch.state_of(self.call_id)


@contextmanager
def watched(directory, transport: type[Peer]) -> Iterator[tuple[DaemonProcess, Watcher, SipPeer]]:
    """A daemon with bob, whom somebody watches; all of it is on its disk."""
    with running_daemon(directory, sections=SECTIONS) as daemon, AnsweringUdp(daemon.address, "bob") as bob:
        assert bob.register().status == 200
        watcher = Watcher(daemon, transport)
        try:
            assert watcher.sees(AVAILABLE)
            wait_until(lambda: saved(daemon) == 2, "both are saved")
            yield daemon, watcher, bob
        finally:
            watcher.watch.peer.close()


def saved(daemon: DaemonProcess) -> int:
    """How many bindings are on the disk."""
    with closing(sqlite3.connect(f"file:{daemon.state_dir / DATABASE_NAME}?mode=ro", uri=True)) as database:
        (count,) = database.execute("SELECT count(*) FROM bindings").fetchone()
    return int(count)


@pytest.mark.parametrize("transport", [AnsweringUdp, AnsweringTcp])
def test_rfc6665_4_1_2_2_a_watcher_is_back_within_its_lease_after_a_kill_by_refreshing_as_ever(tmp_path, transport):
    with watched(tmp_path, transport) as (first, watcher, _):
        first.stop(signal.SIGKILL)
        assert watcher.ended() == ""
        with started_daemon(tmp_path):
            began, statuses = time.monotonic(), list[int]()
            while not statuses or not watcher.sees(AVAILABLE):
                watcher.watch.wait_for_more(watcher.watch.count, LEASE_S / 2)
                statuses.append(watcher.refresh())
            assert statuses[0] == 481
            assert time.monotonic() - began < LEASE_S + SLACK_S
            assert watcher.refresh() == 200


@pytest.mark.parametrize("transport", [AnsweringUdp, AnsweringTcp])
def test_rfc6665_4_4_1_a_clean_stop_tells_watchers_to_come_back_in_a_while(tmp_path, transport):
    """Who has been told need not wait for its lease to end; no dialog of before is known any more."""
    with watched(tmp_path, transport) as (first, watcher, _):
        assert first.stop() == 0
        told = _PROBATION.fullmatch(wait_until(watcher.ended, "a last notification"))
        assert told is not None, watcher.ended()
        assert 0 < int(told[1]) <= MOST_RETRY_S
        with started_daemon(tmp_path):
            assert watcher.refresh() == 481
            wait_until(lambda: watcher.sees(AVAILABLE), "bob is seen again")


@pytest.mark.parametrize("number", ENDS)
def test_rfc3903_4_1_a_publication_is_told_412_and_published_anew(tmp_path, number):
    with watched(tmp_path, AnsweringUdp) as (first, watcher, bob):
        etag = publish(bob, body=pidf(activities="<rpid:busy/>")).get("sip-etag") or ""
        wait_until(lambda: watcher.sees(BUSY), "bob is busy")
        first.stop(number)
        with started_daemon(tmp_path):
            watcher.refresh()
            wait_until(lambda: watcher.sees(AVAILABLE), "what bob said is forgotten")
            assert publish(bob, etag=etag).status == 412
            again = publish(bob, body=pidf(activities="<rpid:busy/>"))
            assert (again.status, again.get("expires")) == (200, str(LEASE_S))
            wait_until(lambda: watcher.sees(BUSY), "bob is busy again")


def publish(bob: SipPeer, *, etag: str = "", body: bytes = b"") -> SipMessage:
    lines = ["Event: presence", "Expires: 3600"]
    lines += ["Content-Type: application/pidf+xml"] if body else [f"SIP-If-Match: {etag}"]
    uri = f"sip:{bob.aor}"
    return bob.exchange(bob.request("PUBLISH", uri=uri, to=f"<{uri}>", headers=lines, body=body))
