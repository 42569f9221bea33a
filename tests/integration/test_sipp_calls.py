"""Calls played and checked by SIPp; the audio side only talks."""

from __future__ import annotations

import contextlib
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.clients.sipp import Played, needs_sipp, play
from tests.kit.daemon_process import ROOT, DaemonProcess, running_daemon, wait_until
from tests.kit.sip_peer import SipPeer
from tests.kit.watch import Watch

pytestmark = needs_sipp

TIMER_F_S = 32.0

SOCKETS = pytest.mark.parametrize("sockets", ["u1", "t1"], ids=["udp", "tcp"])


@pytest.fixture(scope="module")
def calling_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    directory = tmp_path_factory.mktemp("sipp-calls")
    command = (sys.executable, str(ROOT / "tests/kit/calling_daemon.py"))
    environment = {"MEDIA_REPORT": str(directory / "media.json")}
    with running_daemon(directory, command=command, environment=environment) as running:
        yield running


@pytest.fixture
def assert_plays(calling_daemon, tmp_path) -> Callable[..., None]:
    """Plays a scenario, ``calls`` of them at the same time; it must go as it is written."""

    def run(scenario: str, target: str, calls: int = 1, **limits: Any) -> None:
        rows = [[f"u{uuid.uuid4().hex[:12]}", target] for _ in range(calls)]
        played = play(scenario, calling_daemon, tmp_path, rows, **limits)
        assert played.exit_code == 0, played.report

    return run


def ended(daemon: DaemonProcess, cause: str) -> int:
    return sum(1 for line in daemon.log_lines() if (line.get("event"), line.get("cause")) == ("call.ended", cause))


@SOCKETS
def test_twenty_calls_at_once_are_held_resumed_refreshed_and_ended(calling_daemon, assert_plays, sockets):
    """RFC 3261 sections 13 to 15, RFC 3311, RFC 4028, RFC 6086."""
    before = ended(calling_daemon, "hung_up_by_peer")
    assert_plays("call", "echo", calls=20, sockets=sockets)
    wait_until(lambda: ended(calling_daemon, "hung_up_by_peer") == before + 20, "20 ends in the log")


def test_an_ack_that_is_late_confirms_the_call(assert_plays):
    """RFC 3261 section 13.3.1.4."""
    assert_plays("call_lost_ack", "tone")


def test_a_refusal_may_be_acknowledged_late(assert_plays):
    """RFC 3261 section 17.2.1."""
    assert_plays("call_refused", "nobody-of-that-name")


@SOCKETS
def test_a_call_that_is_cancelled_before_it_is_answered_is_487(calling_daemon, assert_plays, sockets):
    """RFC 3261 section 9."""
    before = ended(calling_daemon, "cancelled")
    assert_plays("call_cancel", "echo", calls=5, sockets=sockets)
    wait_until(lambda: ended(calling_daemon, "cancelled") == before + 5, "5 ends in the log")


def notifys_never_answered(daemon: DaemonProcess) -> int:
    """How often a watcher that answers nothing is told the same; its subscription is gone 33 s later."""
    with SipPeer(daemon.address, user="silent") as peer:
        assert peer.register().status == 200
        watch = Watch(peer, "silent")
        assert watch.subscribe(60).status == 200
        over_at_s = time.monotonic() + TIMER_F_S + 1.0
        told = []
        with contextlib.suppress(TimeoutError):
            while True:
                told.append(watch.next_unanswered(over_at_s - time.monotonic()))
        assert {notify.get("cseq") for notify in told} == {"1 NOTIFY"}
        assert watch.subscribe().status == 481
        return len(told)


def test_without_an_ack_bye_comes_after_32_s_and_a_subscription_ends_without_an_answer_to_its_notify(
    calling_daemon, tmp_path
):
    """RFC 3261 section 13.3.1.4, over UDP and TCP alike: ten times, after 0.5, 1.5, 3.5 and 7.5 s, then each 4 s.

    RFC 6665 section 4.2.2 and RFC 3261 section 17.1.2.2: a NOTIFY over UDP is repeated as often. Both are here since
    both take 32 s.
    """

    def run(sockets: str) -> Played:
        directory = tmp_path / sockets
        directory.mkdir()
        row = [f"u{uuid.uuid4().hex[:12]}", "echo"]
        return play("call_no_ack", calling_daemon, directory, [row], sockets=sockets, answer_ms=40_000, scenario_s=45)

    with ThreadPoolExecutor(3) as beside:
        silent = beside.submit(notifys_never_answered, calling_daemon)
        for played in beside.map(run, ["u1", "t1"]):
            assert played.exit_code == 0, played.report
            received = re.findall(r"\b200 <-+ +(\d+) +(\d+) ", played.report)  # as such, and as repetitions
            # Where the machine is busy, the tenth repetition may come too late for the end after 32 s.
            assert sum(int(count) for row in received for count in row) in {10, 11}, played.report
        assert silent.result() in {10, 11}
    wait_until(lambda: ended(calling_daemon, "not_acknowledged") == 2, "the ends in the log")
