"""What watching costs at one server: per subscription, per NOTIFY of a change, in memory.

Two costs are told apart, both in microseconds of server CPU per unit, without what the server uses at rest:

* ``path``: until the last NOTIFY is answered and the server rests. Kamailio: all its processes; ours: the core's
  threads. Where Python renders a changed state, that stands in ``total``.
* ``total``: all processes and threads, with what comes later: transactions that are kept for a while, then removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.cpu import CpuReading, read_memory_bytes
from tests.bench.load import BenchError
from tests.bench.peers import Server
from tests.bench.watch_load import WatchGenerator, WatchReport

_AWAIT_S = 10.0
"""The longest wait for a fan-out: a NOTIFY that was lost comes again within it (RFC 3261 timer E)."""
_DRAIN_S = 6.0
"""Longer than an answered request over UDP is kept (RFC 3261 timer K: 5 s)."""
_IDLE_S = 2.0
_REST_STEP_S = 0.03
_REST_SHARE = 0.03
"""A server that uses less than this part of one core for a step rests."""
_REST_LIMIT_S = 20.0
_CHANGE_PAUSE_S = 1.2
"""Between changes: more than the least interval of NOTIFYs that our daemon can be told, and NOTIFYs that have to be
sent again are so before the next change."""

Step = Callable[[], list[WatchReport]]


@dataclass(frozen=True, slots=True)
class Idle:
    """What a server uses while nothing is asked of it, in nanoseconds a second."""

    path: float
    total: float


@dataclass(frozen=True, slots=True)
class WatchSample:
    """One measurement at one server. ``last_ms``: after each change, when its last NOTIFY had come."""

    path_us: float
    total_us: float
    reports: Sequence[WatchReport]
    last_ms: Sequence[float] = ()
    lost: int = 0

    @property
    def repeated(self) -> int:
        """NOTIFYs that were sent again."""
        return sum(report.repeated for report in self.reports)

    @property
    def errors(self) -> int:
        """What spoils the measurement."""
        return sum(report.errors for report in self.reports)

    @property
    def complaint(self) -> str:
        """About a NOTIFY that was not right, else empty."""
        return next((report.complaint for report in self.reports if report.complaint), "")


def prepare(generator: WatchGenerator, desks: int) -> None:
    """The desks register and publish, so that whoever subscribes gets a document; what that has left is gone."""
    for mode in ("register", "publish"):
        _expect_clean(generator.run(mode, desks))
    time.sleep(_DRAIN_S)


def warm_up(generator: WatchGenerator, watchers: int) -> None:
    """So many ask once, and it is waited until that is forgotten: what follows meets memory that has been touched."""
    _expect_clean(generator.run("fetch", watchers))
    time.sleep(_DRAIN_S)


def subscribe(generator: WatchGenerator, watchers: int) -> None:
    """Without a measurement; returns when all that is kept for a while is gone."""
    _expect_clean(generator.run("subscribe", watchers))
    time.sleep(_DRAIN_S)


def _expect_clean(report: WatchReport) -> None:
    if report.errors:
        raise BenchError(f"{report.mode} went wrong: {report}")


def measure_idle(server: Server) -> Idle:
    """Of a server that has had its rest."""
    before = server.read_cpu()
    time.sleep(_IDLE_S)
    used = server.read_cpu().since(before)
    return Idle(used.of_threads(server.serves_packets) / _IDLE_S, used.total_ns / _IDLE_S)


def measure_subscribe(server: Server, generator: WatchGenerator, count: int, idle: Idle) -> WatchSample:
    """``count`` more watchers, each with its first NOTIFY."""
    return _measure(server, generator, [lambda: [generator.run("subscribe", count)]], count, idle)


def measure_changes(server: Server, generator: WatchGenerator, watchers: int, changes: int, idle: Idle) -> WatchSample:
    """One desk changes so often, and all ``watchers`` are told each time; costs are per NOTIFY."""

    def change() -> list[WatchReport]:
        return [generator.run("publish", 1), generator.await_notify(watchers, _AWAIT_S)]

    sample = _measure(server, generator, [change] * changes, watchers * changes, idle)
    told = [report for report in sample.reports if report.mode == "await-notify"][:changes]
    return WatchSample(
        path_us=sample.path_us,
        total_us=sample.total_us,
        reports=sample.reports,
        last_ms=[report.since_last_ms for report in told],
        lost=sum(watchers - report.notified for report in told),
    )


def measure_memory(server: Server, generator: WatchGenerator, count: int) -> float:
    """Bytes that a subscription adds: of ``count``, what the second half adds to the first.

    Both leave the memory of their transactions free; the second half finds that of the first and takes no more for it.
    """
    subscribe(generator, count // 2)
    before = read_memory_bytes(server.pid)
    subscribe(generator, count // 2)
    return (read_memory_bytes(server.pid) - before) / (count // 2)


def _measure(server: Server, generator: WatchGenerator, steps: Sequence[Step], units: int, idle: Idle) -> WatchSample:
    """Take the steps; what comes late counts in ``total`` only."""
    reports: list[WatchReport] = []
    first, began = server.read_cpu(), time.monotonic()
    path_ns = 0.0
    for number, step in enumerate(steps):
        if number:
            time.sleep(_CHANGE_PAUSE_S)
        before, step_began = server.read_cpu(), time.monotonic()
        reports += step()
        rest = _await_rest(server)
        path_ns += rest.since(before).of_threads(server.serves_packets) - idle.path * (time.monotonic() - step_began)
    server.check_alive()
    time.sleep(_DRAIN_S)
    reports.append(generator.await_notify(0, 0.0))
    total_ns = server.read_cpu().since(first).total_ns - idle.total * (time.monotonic() - began)
    return WatchSample(path_ns / 1e3 / units, total_ns / 1e3 / units, reports)


def _await_rest(server: Server) -> CpuReading:
    """The reading at the end of the first step in which the server did next to nothing."""
    reading = server.read_cpu()
    deadline = time.monotonic() + _REST_LIMIT_S
    while time.monotonic() < deadline:
        time.sleep(_REST_STEP_S)
        later = server.read_cpu()
        used_ns = later.since(reading).total_ns
        reading = later
        if used_ns < _REST_SHARE * _REST_STEP_S * 1e9:
            break
    return reading
