"""Our daemon alone: does Python, beside the packet path, stay beside it?

Three servers take turns with the same refreshes: the daemon; the daemon while another process keeps a core busy; the
daemon with a Python thread of its own that never rests. The second tells what a lack of cores costs, so that the
third shows what the interpreter's lock costs.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cpu import read_wakes
from tests.bench.load import LoadGenerator, LoadReport, LoadShape
from tests.bench.measure import Command, Sample, measure
from tests.bench.peers import DOMAIN, Server, daemon, read_event_count, running

_AORS = 10_000


@dataclass(frozen=True, slots=True)
class PythonBeside:
    """What the rounds found. ``events`` is None when the daemon could not be asked."""

    calm: Sequence[Sample]
    beside_busy_process: Sequence[Sample]
    with_busy_thread: Sequence[Sample]
    refreshes: int
    events: int | None
    python_wakes: int
    idle_wakes: int

    @property
    def loads(self) -> list[LoadReport]:
        """Every load report, for the run's validity."""
        return [sample.load for sample in [*self.calm, *self.beside_busy_process, *self.with_busy_thread]]

    @property
    def busy_share(self) -> float:
        """The rate with a busy Python thread over the rate beside an equally busy process, median of rounds."""
        pairs = zip(self.with_busy_thread, self.beside_busy_process, strict=True)
        return statistics.median(thread.load.answered_per_s / other.load.answered_per_s for thread, other in pairs)

    def lines(self) -> list[str]:
        """The findings as text."""
        table = ["REGISTER refresh at 10000 AoRs, our daemon:"]
        for name, samples in (
            ("alone", self.calm),
            ("a busy process beside it", self.beside_busy_process),
            ("a busy Python thread in it", self.with_busy_thread),
        ):
            rate = statistics.median(sample.load.answered_per_s for sample in samples)
            path_us = statistics.median(sample.path_us for sample in samples)
            p99_ms = statistics.median(sample.load.p99_us for sample in samples) / 1e3
            table.append(f"  {name:<28}{rate:>9.0f} req/s{path_us:>8.2f} us core CPU{p99_ms:>9.2f} ms p99")
        wakes = (
            f"During {self.refreshes} refreshes Python's main thread was switched in {self.python_wakes} times "
            f"({self.idle_wakes} in the same time without load), and the core queued "
            f"{'an unknown number of' if self.events is None else self.events} events."
        )
        return ["\n".join(table), wakes]


def measure_python_beside(root: Path, binary: Path, rounds: int, requests: int, directory: Path) -> PythonBeside:
    """Run all of it. Servers live for the whole measurement; the rounds take turns between them."""
    command = Command("refresh", requests)
    found: dict[str, list[Sample]] = {"calm": [], "process": [], "thread": []}
    with ExitStack() as stack:
        calm = stack.enter_context(running(daemon(root), directory / "calm"))
        calm_load = stack.enter_context(_registered(binary, calm))
        silence = _measure_silence(calm, calm_load)
        for number in range(rounds):
            found["calm"].append(measure(calm, calm_load, command))
            with _busy_process():
                found["process"].append(measure(calm, calm_load, command))
            with (
                running(daemon(root, has_busy_thread=True), directory / f"busy-{number}") as busy,
                _registered(binary, busy) as busy_load,
            ):
                found["thread"].append(measure(busy, busy_load, command))
    return PythonBeside(found["calm"], found["process"], found["thread"], *silence)


def _measure_silence(server: Server, generator: LoadGenerator) -> tuple[int, int | None, int, int]:
    """(refreshes, events they produced, wakes of Python's thread meanwhile, wakes in the same time without load)."""
    refreshes = 10_000
    events_before = read_event_count(server)
    wakes_before = read_wakes(server.pid)
    began = time.monotonic()
    generator.run("refresh", refreshes)
    elapsed_s = time.monotonic() - began
    wakes = read_wakes(server.pid) - wakes_before
    idle_before = read_wakes(server.pid)
    time.sleep(elapsed_s)
    idle_wakes = read_wakes(server.pid) - idle_before
    events_after = read_event_count(server)
    events = None if events_before is None or events_after is None else events_after - events_before
    return refreshes, events, wakes, idle_wakes


@contextmanager
def _registered(binary: Path, server: Server) -> Iterator[LoadGenerator]:
    """A generator whose phones are registered, at a server that has finished with them."""
    with LoadGenerator(binary, server.port, LoadShape(DOMAIN, _AORS, window=64)) as generator:
        measure(server, generator, Command("new", _AORS))
        yield generator


@contextmanager
def _busy_process() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()
