"""What watching costs at one server: per subscription, per NOTIFY of a change, in memory.

Two costs are told apart, both in microseconds of server CPU per unit, without what the server uses at rest:

* ``path``: until the last NOTIFY is answered and the server rests. Kamailio: all its processes; ours: the core's
  threads. Where Python renders a changed state, that stands in ``total``.
* ``total``: all processes and threads, with what comes later: transactions that are kept for a while, then removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.bench.cpu import CpuReading, read_memory_bytes
from tests.bench.load import BenchError
from tests.bench.peers import Server
from tests.bench.watch_load import WatchGenerator, WatchReport

_AWAIT_S = 10.0
"""The longest wait for a fan-out: a NOTIFY that was lost comes again within it (RFC 3261 timer E)."""
_DRAIN_S = 6.0
"""Longer than an answered request over UDP is kept (RFC 3261 timer K: 5 s)."""
_IDLE_S = 4.0
_REST_STEP_S = 0.03
_REST_STEPS = 2
_REST_SHARE = 0.03
"""A server rests that uses less than this part of one core, beyond what it always does, in each of so many steps."""
_REST_LIMIT_S = 20.0

CHANGE_PAUSE_S = 0.3
"""Between changes: more than the least interval of NOTIFYs that our daemon can be told."""
REPETITION_PAUSE_S = 1.2
"""Between changes: what has to be sent again is so (RFC 3261 timer E) before the next one."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What a server uses while nothing is asked of it, in nanoseconds a second."""

    path: float
    total: float


@dataclass(frozen=True, slots=True)
class Changes:
    """How often one desk changes, ``pause_s`` apart, and how many watch it."""

    count: int
    watchers: int
    pause_s: float = CHANGE_PAUSE_S


@dataclass(frozen=True, slots=True)
class WatchSample:
    """One measurement at one server. ``last_ms``: after each change, when its last NOTIFY had come."""

    path_us: float
    total_us: float
    idle: Idle
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
    """Without a measurement; returns when all that is kept for a while is gone. What was sent again counts nowhere."""
    report = generator.run("subscribe", watchers)
    if report.done < watchers or report.bad:
        raise BenchError(f"subscribe went wrong: {report}")
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
    return _measure(server, generator, _Steps(lambda: [generator.run("subscribe", count)], count), idle)


def measure_changes(server: Server, generator: WatchGenerator, changes: Changes, idle: Idle) -> WatchSample:
    """All watchers are told each time; costs are per NOTIFY."""

    def change() -> list[WatchReport]:
        return [generator.run("publish", 1), generator.await_notify(changes.watchers, _AWAIT_S)]

    steps = _Steps(change, changes.watchers * changes.count, changes.count, changes.pause_s)
    sample = _measure(server, generator, steps, idle)
    told = [report for report in sample.reports if report.mode == "await-notify"][: changes.count]
    last_ms = [report.since_last_ms for report in told]
    return replace(sample, last_ms=last_ms, lost=sum(changes.watchers - report.notified for report in told))


def measure_memory(server: Server, generator: WatchGenerator, count: int) -> float:
    """Bytes that a subscription adds: of ``count``, what the second half adds to the first.

    Both leave the memory of their transactions free; the second half finds that of the first and takes no more for it.
    """
    subscribe(generator, count // 2)
    before = read_memory_bytes(server.pid)
    subscribe(generator, count // 2)
    return (read_memory_bytes(server.pid) - before) / (count // 2)


@dataclass(frozen=True, slots=True)
class _Steps:
    """``step`` is taken ``count`` times and does ``units`` of work in all."""

    step: Callable[[], list[WatchReport]]
    units: int
    count: int = 1
    pause_s: float = 0.0


def _measure(server: Server, generator: WatchGenerator, steps: _Steps, idle: Idle) -> WatchSample:
    """Take the steps; what comes late counts in ``total`` only."""
    reports: list[WatchReport] = []
    first, began = server.read_cpu(), time.monotonic()
    path_ns = 0.0
    for number in range(steps.count):
        if number:
            time.sleep(steps.pause_s)
        before, step_began = server.read_cpu(), time.monotonic()
        reports += steps.step()
        rest = _await_rest(server, idle)
        path_ns += rest.since(before).of_threads(server.serves_packets) - idle.path * (time.monotonic() - step_began)
    server.check_alive()
    time.sleep(_DRAIN_S)
    reports.append(generator.await_notify(0, 0.0))
    total_ns = server.read_cpu().since(first).total_ns - idle.total * (time.monotonic() - began)
    return WatchSample(path_ns / 1e3 / steps.units, total_ns / 1e3 / steps.units, idle, reports)


def _await_rest(server: Server, idle: Idle) -> CpuReading:
    """The reading after the first steps in a row in which the server did next to nothing."""
    reading = server.read_cpu()
    deadline = time.monotonic() + _REST_LIMIT_S
    quiet = 0
    while quiet < _REST_STEPS and time.monotonic() < deadline:
        began = time.monotonic()
        time.sleep(_REST_STEP_S)
        later = server.read_cpu()
        lasted_s = time.monotonic() - began
        used_ns = later.since(reading).total_ns - idle.total * lasted_s
        reading = later
        quiet = quiet + 1 if used_ns < _REST_SHARE * lasted_s * 1e9 else 0
    return reading
