"""``make bench``: server CPU and memory of our daemon beside Kamailio's, in one run. See ``--help``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(_ROOT))  # run by path: the siblings are imported as tests.bench

from tests.bench.compare import Plan, compare, compare_digest  # noqa: E402  # after the path above
from tests.bench.load import BenchError, build  # noqa: E402  # as above
from tests.bench.peers import Digest, Peer, core, daemon, kamailio  # noqa: E402  # as above
from tests.bench.python_beside import measure_python_beside  # noqa: E402  # as above
from tests.bench.report import is_valid, render, write_json  # noqa: E402  # as above

_BUILD_DIR = _ROOT / "build" / "bench"
_MAX_WINDOW = 128
"""A window's datagrams must fit the default receive buffer of 208 KB, of which each takes 1.3 KB."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write the JSON file. Exit code 0: valid run; 1: errors or retransmissions; 2: could not run."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(2))  # as Ctrl-C: the servers are ended
    try:
        return _run(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    peers = _peers(options.only)
    plan = _plan(options)
    binary = build(_BUILD_DIR)
    load_1m = os.getloadavg()[0]
    if load_1m > 0.5:
        print(f"The machine is busy (load {load_1m:.1f}): believe the ratios, not the microseconds.", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="screamrouter-bench-") as directory:
        has_ours = options.only != "kamailio"
        comparison = compare(peers, core(_ROOT) if has_ours else None, binary, plan, Path(directory) / "compare")
        digest_rows = compare_digest(
            lambda digest: _peers(options.only, digest), binary, plan, Path(directory) / "digest"
        )
        comparison = replace(comparison, rows=[*comparison.rows, *digest_rows])
        beside = None
        if has_ours:
            print("  Python beside the packet path", flush=True)
            beside = measure_python_beside(_ROOT, binary, plan.rounds, plan.requests, Path(directory) / "beside")
    print("\n" + render(comparison, beside))
    write_json(options.output, plan, comparison, beside)
    print(f"\nEvery sample: {options.output}")
    return 0 if is_valid(comparison, beside) else 1


def _peers(only: str | None, digest: Digest | None = None) -> list[Peer]:
    peers = [peer for peer in (kamailio(digest), daemon(_ROOT, digest=digest)) if only in (None, peer.name)]
    for peer in peers:
        if (remedy := peer.missing()) is not None:
            raise BenchError(f"{peer.name} is not there: {remedy}, or leave it out with --only")
    return peers


def _plan(options: argparse.Namespace) -> Plan:
    sizes = options.sizes or ((1_000, 10_000) if options.quick else (1_000, 10_000, 100_000))
    return Plan(
        sizes=tuple(sizes),
        rounds=options.rounds or (3 if options.quick else 5),
        window=options.window,
        requests=20_000 if options.quick else 50_000,
        rate_per_s=options.rate,
        rate_size=10_000 if 10_000 in sizes else sizes[-1],
        memory_size=max(sizes),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, rounds and requests: a minute or two")
    parser.add_argument("--only", choices=("kamailio", "daemon"), help="measure one of the two, without ratios")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="numbers of registered AoRs")
    parser.add_argument("--rounds", type=int, help="how often each size is measured (5; quick: 3)")
    parser.add_argument(
        "--window",
        type=int,
        default=64,
        choices=range(1, _MAX_WINDOW + 1),
        metavar="N",
        help="requests outstanding at once (64)",
    )
    parser.add_argument("--rate", type=int, default=10_000, metavar="N", help="requests/s of the paced scenario")
    parser.add_argument("--output", type=Path, default=_BUILD_DIR / "results.json", help="the JSON file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
