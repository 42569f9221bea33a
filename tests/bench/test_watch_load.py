"""The watchers count what they must: a run with a fault in it is never clean.

watcher                       presence server
  | SUBSCRIBE                    |
  |----------------------------->|
  |                          200 |
  |<-----------------------------|
  |               NOTIFY, CSeq 1 |
  |<-----------------------------|
  | 200                          |
  |----------------------------->|
  |          (desk) PUBLISH, 200 |
  |               NOTIFY, CSeq 2 |
  |<-----------------------------|
  | 200                          |
  |----------------------------->|
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.bench.load import build, build_kernel_buffers
from tests.bench.watch_load import WatchGenerator, WatchShape

DOMAIN = "bench.local"
Address = tuple[str, int]
Fault = Callable[[int, bytes], list[bytes]]
"""(how many NOTIFYs came before, the right one) -> what is sent instead, in this order."""


@pytest.fixture(scope="session")
def notifyload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("bench"), "notifyload")


def _header(message: bytes, name: str) -> bytes:
    found = re.search(rb"^" + name.encode() + rb": (.*)\r$", message, re.MULTILINE)
    assert found, f"the message has no {name}"
    return found[1]


@dataclass
class _PresenceServer:
    """Answers rightly, but for what ``fault`` makes of its NOTIFYs."""

    own: socket.socket
    fault: Fault
    watchers: list[tuple[bytes, Address]] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    sent: int = 0
    changes: int = 0

    def serve(self) -> None:
        while True:
            message, source = self.own.recvfrom(4096)
            if message == b"end":
                return
            if message.startswith(b"SIP/2.0 "):
                self.answers.append(message)
            else:
                self._take(message, source)

    def _take(self, request: bytes, source: Address) -> None:
        copied = b"".join(name.encode() + b": " + _header(request, name) + b"\r\n" for name in ("Via", "From"))
        copied += b"To: " + _header(request, "To") + b";tag=server\r\nCall-ID: " + _header(request, "Call-ID") + b"\r\n"
        copied += b"CSeq: " + _header(request, "CSeq") + b"\r\nExpires: " + _header(request, "Expires") + b"\r\n"
        self.own.sendto(b"SIP/2.0 200 OK\r\n" + copied + b"SIP-ETag: e1\r\nContent-Length: 0\r\n\r\n", source)
        if request.startswith(b"SUBSCRIBE "):
            self.watchers.append((request, source))
            self._notify(request, source)
        elif request.startswith(b"PUBLISH "):
            self.changes += 1
            for watcher, address in self.watchers:
                self._notify(watcher, address)

    def _notify(self, request: bytes, source: Address) -> None:
        contact = _header(request, "Contact").strip(b"<>").split(b";")[0]
        state = b"terminated" if _header(request, "Expires") == b"0" else b"active;expires=60"
        desk = _header(request, "To").strip(b"<>")
        body = b'<?xml version="1.0"?><presence entity="' + desk + b'"><!-- %d --></presence>\n' % self.changes
        right = (
            b"NOTIFY " + contact + b" SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:1;rport;branch=z9hG4bK%d\r\n" % self.sent
        )
        right += b"From: <" + desk + b">;tag=server\r\nTo: " + _header(request, "From") + b"\r\nCall-ID: "
        right += _header(request, "Call-ID") + b"\r\nCSeq: %d NOTIFY\r\n" % (self.changes + 1)
        right += b"Contact: <sip:127.0.0.1>\r\nEvent: presence\r\nSubscription-State: " + state + b"\r\n"
        right += b"Content-Type: application/pidf+xml\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        for notify in self.fault(self.sent, right):
            self.own.sendto(notify, source)
        self.sent += 1


def _right(_sent: int, notify: bytes) -> list[bytes]:
    return [notify]


@contextmanager
def _watching(binary: Path, fault: Fault, watchers: int = 20) -> Iterator[tuple[_PresenceServer, WatchGenerator]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        server = _PresenceServer(own, fault)
        thread = threading.Thread(target=server.serve)
        thread.start()
        shape = WatchShape(DOMAIN, watchers, 1, window=4)
        try:
            with WatchGenerator(binary, own.getsockname()[1], shape) as generator:
                yield server, generator
        finally:
            own.sendto(b"end", own.getsockname())
            thread.join()


def test_watchers_that_are_told_at_once_make_a_clean_report(notifyload):
    with _watching(notifyload, _right) as (server, generator):
        reports = [generator.run(mode, count) for mode, count in (("register", 1), ("publish", 1), ("subscribe", 20))]
        reports.append(generator.run("publish", 1))
        told = generator.await_notify(20, 10)
    assert [report.statuses for report in reports] == [{"200": 1}, {"200": 1}, {"200": 20}, {"200": 1}]
    assert [report.errors + report.repeated for report in [*reports, told]] == [0] * 5
    assert told.notified == 20
    assert 0 < told.since_p50_ms <= told.since_last_ms
    assert len(server.answers) == 40, "each NOTIFY is answered once"
    assert all(answer.startswith(b"SIP/2.0 200 ") for answer in server.answers)


def test_a_fetch_ends_with_its_one_notify(notifyload):
    with _watching(notifyload, _right) as (_, generator):
        report = generator.run("fetch", 20)
    assert (report.notifies, report.errors) == (20, 0)


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("another package", lambda notify: notify.replace(b"Event: presence", b"Event: dialog")),
        ("another type", lambda notify: notify.replace(b"pidf+xml", b"json")),
        ("another state", lambda notify: notify.replace(b"active;", b"pending;")),
        ("another desk", lambda notify: notify.replace(b"sip:desk0000", b"sip:desk9999")),
        ("another length", lambda notify: notify.replace(b"Content-Length: ", b"Content-Length: 9")),
        ("no From tag", lambda notify: notify.replace(b";tag=server", b"")),
        ("no Contact", lambda notify: re.sub(rb"Contact: .*\r\n", b"", notify)),
        ("no XML", lambda notify: notify.replace(b"<?xml", b"[?xml")),
        ("half a body", lambda notify: notify.replace(b"</presence>", b"<presence/>")),
    ],
)
def test_one_wrong_notify_spoils_the_run(notifyload, what, spoil):
    with _watching(notifyload, lambda sent, right: [spoil(right) if sent == 7 else right]) as (_, generator):
        report = generator.run("subscribe", 20)
    assert report.bad == 1, what
    assert report.complaint
    assert report.errors == 1


def test_a_notify_of_another_dialog_is_refused_and_spoils_the_run(notifyload):
    def add_a_foreign_one(sent: int, right: bytes) -> list[bytes]:
        return [right.replace(b"7be1c0a9", b"00000000"), right] if sent == 7 else [right]

    with _watching(notifyload, add_a_foreign_one) as (server, generator):
        report = generator.run("subscribe", 20)
    assert (report.strays, report.errors) == (1, 1)
    assert sum(answer.startswith(b"SIP/2.0 481 ") for answer in server.answers) == 1


def test_a_repeated_notify_is_answered_again_and_told(notifyload):
    with _watching(notifyload, lambda sent, right: [right, right] if sent == 7 else [right]) as (server, generator):
        report = generator.run("subscribe", 20)
    assert (report.notifies, report.repeated, report.errors) == (20, 1, 0)
    assert len(server.answers) == 21


def test_a_late_repetition_is_told_from_a_notify_out_of_order(notifyload):
    kept: list[bytes] = []

    def repeat_the_first_after_the_second(sent: int, right: bytes) -> list[bytes]:
        kept.append(right)
        return [right, kept[0]] if sent == 1 else [right]

    def send_one_with_a_cseq_before_the_first(sent: int, right: bytes) -> list[bytes]:
        return [right.replace(b"CSeq: 2", b"CSeq: 9"), right] if sent == 1 else [right]

    def run(fault: Fault) -> tuple[int, int]:
        with _watching(notifyload, fault, watchers=1) as (_, generator):
            generator.run("subscribe", 1)
            told = [generator.run("publish", 1), generator.await_notify(1, 10)]
            while not any(one.repeated or one.disordered for one in told) and len(told) < 1000:
                told.append(generator.await_notify(0, 0))
            return sum(one.repeated for one in told), sum(one.disordered for one in told)

    assert run(repeat_the_first_after_the_second) == (1, 0)
    assert run(send_one_with_a_cseq_before_the_first) == (0, 1)


def test_a_change_that_brings_nothing_new_spoils_the_run(notifyload):
    with _watching(notifyload, lambda _sent, right: [right.replace(b"<!-- 1 -->", b"<!-- 0 -->")]) as (_, generator):
        generator.run("subscribe", 20)
        changed = generator.run("publish", 1)
        told = generator.await_notify(20, 10)
    assert changed.stale + told.stale == 20
    assert changed.errors + told.errors == 20


def test_a_watcher_that_is_not_told_is_missed(notifyload):
    with _watching(notifyload, lambda sent, right: [] if sent == 25 else [right]) as (_, generator):
        generator.run("subscribe", 20)
        generator.run("publish", 1)
        told = generator.await_notify(20, 0.5)
    assert told.notified == 19


def test_a_subscription_without_its_first_notify_is_given_up(notifyload):
    with _watching(notifyload, lambda sent, right: [] if sent == 7 else [right]) as (_, generator):
        report = generator.run("subscribe", 20)
    assert (report.done, report.lost, report.retransmits) == (19, 1, 0)
    assert report.errors == 1


def test_a_server_that_must_do_with_the_kernels_buffers_cannot_enlarge_them(tmp_path):
    script = (
        "import socket as s; o = s.socket(s.AF_INET, s.SOCK_DGRAM); size = o.getsockopt(s.SOL_SOCKET, s.SO_RCVBUF); "
        "o.setsockopt(s.SOL_SOCKET, s.SO_RCVBUF, size // 4); o.setsockopt(s.SOL_SOCKET, s.SO_BROADCAST, 1); "
        "print(o.getsockopt(s.SOL_SOCKET, s.SO_RCVBUF) == size, o.getsockopt(s.SOL_SOCKET, s.SO_BROADCAST))"
    )

    def run(**preloaded: str) -> str:
        command = [sys.executable, "-c", script]
        return subprocess.run(command, env=preloaded, check=True, capture_output=True, text=True).stdout

    assert run() == "False 1\n"
    assert run(LD_PRELOAD=str(build_kernel_buffers(tmp_path))) == "True 1\n"
