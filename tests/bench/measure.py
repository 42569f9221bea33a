"""One measured command against one server, and the rows that rounds of them make.

Two costs are told apart, both in microseconds of server CPU per request:

* ``path``: from the request to its answer. Kamailio: all its processes. Our daemon: the core's threads; Python takes no
  part in an answer, and when it works beside (a new device is written into config.yaml) that stands in ``total``.
* ``total``: everything every process and thread of the server did, until it was quiet again after the last answer.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.cpu import CpuReading, Thread
from tests.bench.load import LoadGenerator, LoadReport
from tests.bench.peers import Server, is_bench_thread

_QUIET_SHARE = 0.02
"""A server that uses less than this part of one core has nothing left to do but its timers."""
_SETTLE_LIMIT_S = 180.0


@dataclass(frozen=True, slots=True)
class Command:
    """A line for the load generator; ``rate_per_s`` 0 is as fast as the window allows, ``digest`` an algorithm."""

    mode: str
    count: int
    rate_per_s: int = 0
    digest: str = ""

    @property
    def label(self) -> str:
        """How a table names it."""
        if self.digest:
            how = {"new": "401 + 200, new", "refresh": "nonce kept", "exchange": "401 + 200"}[self.mode]
            return f"REGISTER {self.digest} {how}"
        name = {"new": "REGISTER new", "refresh": "REGISTER refresh", "options": "OPTIONS"}[self.mode]
        return f"{name} at {self.rate_per_s}/s" if self.rate_per_s else name


@dataclass(frozen=True, slots=True)
class Sample:
    """One command's cost at one server."""

    load: LoadReport
    path_us: float
    total_us: float
    threads_us: Mapping[str, float]
    settled_after_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario: a sample per round for each server. Ratios are per round, then their median is taken."""

    label: str
    aors: int
    kamailio: Sequence[Sample]
    ours: Sequence[Sample]

    @property
    def path_ratio(self) -> float | None:
        """Kamailio's path cost divided by ours: 1.0 is level, more is better."""
        pairs = zip(self.kamailio, self.ours, strict=False)
        return _median([theirs.path_us / ours.path_us for theirs, ours in pairs])

    @property
    def total_ratio(self) -> float | None:
        """The same of all that the server did."""
        pairs = zip(self.kamailio, self.ours, strict=False)
        return _median([theirs.total_us / ours.total_us for theirs, ours in pairs])

    @property
    def samples(self) -> Sequence[Sample]:
        """Of both servers."""
        return [*self.kamailio, *self.ours]


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """Bytes of memory that one binding costs, a figure per round and server.

    ``core`` is our core by itself, which does the same as Kamailio; ``ours`` the daemon with what Python knows of the
    devices and their text in config.yaml.
    """

    aors: int
    kamailio: Sequence[float]
    core: Sequence[float]
    ours: Sequence[float]


def measure(server: Server, generator: LoadGenerator, command: Command) -> Sample:
    """Run the command and account for the server's CPU, until it is quiet where it has work after the answers."""
    before = server.read_cpu()
    load = generator.run(command.mode, command.count, command.rate_per_s)
    server.check_alive()
    answered = server.read_cpu()
    began = time.monotonic()
    quiet = _await_quiet(server, answered) if command.mode == "new" else answered
    used = quiet.since(before)
    return Sample(
        load=load,
        path_us=answered.since(before).of_threads(server.serves_packets) / 1e3 / command.count,
        total_us=used.total_ns / 1e3 / command.count,
        threads_us={
            f"{thread.name} +{thread.tid - server.pid}": ns / 1e3 / command.count
            for thread, ns in used.threads_ns.items()
            if ns
        },
        settled_after_s=time.monotonic() - began,
    )


def _await_quiet(server: Server, reading: CpuReading) -> CpuReading:
    """The reading at the beginning of the first stretch of ``settle_s`` in which the server did next to nothing."""
    deadline = time.monotonic() + _SETTLE_LIMIT_S
    while server.settle_s and time.monotonic() < deadline:
        time.sleep(server.settle_s)
        later = server.read_cpu()
        if later.since(reading).of_threads(_is_servers) < _QUIET_SHARE * server.settle_s * 1e9:
            break
        reading = later
    return reading


def _is_servers(thread: Thread) -> bool:
    return not is_bench_thread(thread)


def median_of(samples: Sequence[Sample], figure: str) -> float | None:
    """The median of ``path_us`` or ``total_us``; None without samples."""
    return _median([getattr(sample, figure) for sample in samples])


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
