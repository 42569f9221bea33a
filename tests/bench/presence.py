"""``make bench-presence``: what watchers cost, at our daemon and at Kamailio's presence module, in one run.

See ``--help``. Each round starts both afresh; the order of the two changes from round to round.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(_ROOT))  # run by path: the siblings are imported as tests.bench

from tests.bench.load import BenchError, build, build_kernel_buffers  # noqa: E402  # after the path above
from tests.bench.peers import DOMAIN, Peer, Server, daemon, kamailio_presence, running  # noqa: E402  # as above
from tests.bench.presence_measure import (  # noqa: E402  # as above
    REPETITION_PAUSE_S,
    Changes,
    measure_changes,
    measure_idle,
    measure_memory,
    measure_subscribe,
    prepare,
    subscribe,
    warm_up,
)
from tests.bench.presence_report import Findings, WatchPlan, is_valid, render, write_json  # noqa: E402  # as above
from tests.bench.watch_load import WatchGenerator, WatchShape  # noqa: E402  # as above
from tests.bench.watch_strictness import check_watch_strictness  # noqa: E402  # as above

_BUILD_DIR = _ROOT / "build" / "bench"
_DAEMON_PRESENCE = """\
presence:
  watchers: anyone
  max_expires_s: 7200
  interval_s: 0.05
  max_subscriptions: 20000
  max_publications: 2000
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write the JSON file. Exit code 0: valid run; 1: something went wrong in it; 2: could not run."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(2))  # as Ctrl-C: the servers are ended
    try:
        return _run(options)
    except BenchError as error:
        print(f"bench-presence: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    peers = _peers(options.only)
    bare = _peers(options.only, ["env", f"LD_PRELOAD={build_kernel_buffers(_BUILD_DIR)}"])
    plan = WatchPlan(options.rounds or (1 if options.quick else 3), 4 if options.quick else 8)
    binary = build(_BUILD_DIR, "notifyload")
    load_1m = os.getloadavg()[0]
    if load_1m > 0.5:
        print(f"The machine is busy (load {load_1m:.1f}): believe the ratios, not the microseconds.", file=sys.stderr)
    findings = Findings(plan, defaultdict(list), defaultdict(list))
    with tempfile.TemporaryDirectory(prefix="screamrouter-bench-") as name:
        bench = _Bench(binary, Path(name), findings)
        for peer in peers:
            bench.check(peer)
        for number in range(plan.rounds):
            print(f"  watchers, round {number + 1} of {plan.rounds}", flush=True)
            pairs = list(zip(peers, bare, strict=True))
            for peer, bare_peer in pairs if number % 2 == 0 else reversed(pairs):
                bench.measure(peer, bare_peer)
    print("\n" + render(findings))
    write_json(options.output, findings)
    print(f"\nEvery sample: {options.output}")
    return 0 if is_valid(findings) else 1


class _Bench:
    """Starts servers, each in a directory of its own, and files what is measured."""

    def __init__(self, binary: Path, directory: Path, findings: Findings) -> None:
        self._binary, self._directory, self._findings = binary, directory, findings
        self._starts = 0

    def check(self, peer: Peer) -> None:
        """Refuse a server that is less strict than it has to be."""
        with running(peer, self._next_directory()) as server:
            check_watch_strictness(server)

    def measure(self, peer: Peer, bare_peer: Peer) -> None:
        """One round of one server, with the buffers that it wants and with those that the kernel gives."""
        plan, samples = self._findings.plan, self._findings.samples
        changes = Changes(plan.changes, plan.watchers)
        bare_changes = Changes(plan.bare_changes, plan.watchers, REPETITION_PAUSE_S)
        with self._start(peer, WatchShape(DOMAIN, plan.watchers, 1)) as (server, generator):
            warm_up(generator, plan.watchers)
            idle = measure_idle(server)
            samples["one desk", peer.name].append(measure_subscribe(server, generator, plan.watchers, idle))
            samples["change", peer.name].append(measure_changes(server, generator, changes, idle))
        with self._start(bare_peer, WatchShape(DOMAIN, plan.watchers, 1, window=8)) as (server, generator):
            subscribe(generator, plan.watchers)
            idle = measure_idle(server)
            samples["kernel's buffers", peer.name].append(measure_changes(server, generator, bare_changes, idle))
        with self._start(peer, WatchShape(DOMAIN, plan.held + plan.watchers, plan.desks)) as (server, generator):
            self._findings.memory[peer.name].append(measure_memory(server, generator, plan.held))
            idle = measure_idle(server)
            samples["many desks", peer.name].append(measure_subscribe(server, generator, plan.watchers, idle))

    @contextmanager
    def _start(self, peer: Peer, shape: WatchShape) -> Iterator[tuple[Server, WatchGenerator]]:
        with (
            running(peer, self._next_directory()) as server,
            WatchGenerator(self._binary, server.port, shape) as generator,
        ):
            prepare(generator, shape.desks)
            yield server, generator

    def _next_directory(self) -> Path:
        self._starts += 1
        return self._directory / str(self._starts)


def _peers(only: str | None, prefix: Sequence[str] = ()) -> list[Peer]:
    both = (kamailio_presence(prefix), daemon(_ROOT, more_config=_DAEMON_PRESENCE, prefix=prefix))
    peers = [peer for peer in both if only in (None, peer.name)]
    for peer in peers:
        if (remedy := peer.missing()) is not None:
            raise BenchError(f"{peer.name} is not there: {remedy}, or leave it out with --only")
    return peers


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench-presence", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and changes")
    parser.add_argument("--only", choices=("kamailio", "daemon"), help="measure one of the two, without ratios")
    parser.add_argument("--rounds", type=int, help="how often each is measured (3; quick: 1)")
    parser.add_argument("--output", type=Path, default=_BUILD_DIR / "presence.json", help="the JSON file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
