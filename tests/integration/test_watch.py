"""What happens in the running daemon is seen live: at ``screamrouter-sip watch`` and at ``/api/events``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.test_https import ANY_PORT, browser_of
from tests.kit.daemon_process import ROOT, SRC, DaemonProcess, running_daemon, started_daemon
from tests.kit.sip_call import SipCall
from tests.kit.sip_peer import SipPeer

TALKING_DAEMON = (sys.executable, "-m", "tests.kit.calling_daemon")


def sdp(direction: str) -> bytes:
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio 40000 RTP/AVP 0\r\na={direction}\r\n"
    ).encode()


class Watcher:
    """``screamrouter-sip watch --json`` as a child process that is known to watch."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process, self._events, self._notes = process, process.stdout, process.stderr

    def note(self) -> str:
        """The next line for the eyes of its user."""
        return self._notes.readline().rstrip()

    def next(self) -> dict[str, Any]:
        line = self._events.readline()
        assert line, self._notes.read()
        event: dict[str, Any] = json.loads(line)
        return event

    def end(self) -> tuple[int, str]:
        """Ctrl-C; its exit code, and what it says at the end."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        _, told = self.process.communicate(timeout=10)
        return self.process.returncode, told


@contextmanager
def watching(daemon: DaemonProcess, *arguments: str) -> Iterator[Watcher]:
    command = [sys.executable, "-m", "daemon", "watch", "--json", *arguments, "--config", str(daemon.config_path)]
    environment = {**os.environ, "PYTHONPATH": f"{SRC}:{ROOT}"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            watcher = Watcher(process)
            assert watcher.note() == "The daemon is there; Ctrl-C ends this."
            yield watcher
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture
def daemon(tmp_path) -> Iterator[DaemonProcess]:
    environment = {"MEDIA_REPORT": str(tmp_path / "media.jsonl")}
    with running_daemon(tmp_path, sections=ANY_PORT, command=TALKING_DAEMON, environment=environment) as running:
        yield running


def test_who_comes_and_goes_is_seen_live_and_ctrl_c_ends_it_cleanly(daemon):
    with watching(daemon, "--kinds", "registration") as watcher, SipPeer(daemon.address) as alice:
        assert alice.register().status == 200
        added = watcher.next()
        assert alice.register(expires=0).status == 200
        removed = watcher.next()
        assert watcher.end() == (0, "")
    assert [one["data"]["change"] for one in (added, removed)] == ["added", "removed"]
    assert (added["data"]["address"], removed["data"]["reason"]) == ("alice", "unregistered")


def test_a_call_is_seen_talking_held_and_ended_with_who_is_in_it(daemon):
    with watching(daemon, "--kinds", "call,refusal") as watcher, SipPeer(daemon.address) as alice:
        assert alice.register().status == 200
        assert SipCall(alice, "nobody").invite(sdp("sendrecv")).status == 404
        call = SipCall(alice, "echo")
        assert call.invite(sdp("sendrecv")).status == 200
        assert call.invite(sdp("sendonly")).status == 200
        assert call.ask("BYE").status == 200
        events = [watcher.next() for _ in range(3)]
        assert watcher.end() == (0, "")
    assert [one["data"]["phase"] for one in events] == ["talking", "held", "ended"]
    for one in events:
        (party,) = one["data"]["parties"]
        assert (party["address"], party["device_id"]) == ("alice", "alice@screamrouter.local")


def test_the_daemon_goes_at_once_though_it_is_watched_and_the_watchers_say_so(daemon):
    with watching(daemon) as watcher, browser_of(daemon) as browser, browser.stream("GET", "/api/events") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry: ")
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 5
        assert [line for line in lines if line.startswith("data")] == []
        code, told = watcher.ended()
    assert code == 1
    assert told.startswith("screamrouter-sip: The daemon has gone away.")


def test_a_watcher_that_waits_goes_on_with_the_next_daemon_and_says_what_it_may_have_missed(daemon, tmp_path):
    with watching(daemon, "--wait", "--kinds", "registration") as watcher:
        daemon.stop()
        assert watcher.note() == "The daemon is not running; waiting for it."
        with started_daemon(tmp_path) as second, SipPeer(second.address) as alice:
            assert watcher.note() == "The daemon is there; Ctrl-C ends this."
            assert watcher.next()["data"] == {"reason": "restarted"}
            assert alice.register().status == 200
            assert watcher.next()["data"]["change"] == "added"
            assert watcher.end() == (0, "")


def test_a_browser_that_comes_back_gets_what_it_missed(daemon):
    with browser_of(daemon) as browser, SipPeer(daemon.address) as alice:
        with browser.stream("GET", "/api/events") as stream:
            last_id = next(line for line in stream.iter_lines() if line.startswith("id: "))[4:]
        assert alice.register().status == 200
        daemon.wait_for_device("alice@screamrouter.local", online=True)
        with browser.stream("GET", "/api/events", headers={"Last-Event-ID": last_id}) as stream:
            data = next(line for line in stream.iter_lines() if line.startswith("data: "))[6:]
    event = json.loads(data)
    assert (event["kind"], event["data"]["address"]) == ("registration", "alice")


def test_a_refusal_is_seen_with_its_reason(daemon):
    with watching(daemon, "--kinds", "refusal") as watcher, SipPeer(daemon.address, domain="elsewhere.example") as eve:
        status = eve.register().status
        refused = watcher.next()["data"]
    assert (refused["status"], refused["address"], refused["cause"]) == (status, "alice", "unknown_domain")
    assert refused["reason"]


def test_a_kind_that_there_is_not_is_one_sentence(daemon):
    command = [sys.executable, "-m", "daemon", "watch", "--kinds", "weather", "--config", str(daemon.config_path)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert finished.returncode == 1
    assert finished.stderr.startswith("screamrouter-sip: There are no events of the kind 'weather'")
