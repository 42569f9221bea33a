"""``make bench-media``: what WebRTC calls cost our server, beside Janus and aiortc, in one run. See ``--help``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(_ROOT))  # run by path: the siblings are imported as tests.bench

from tests.bench.load import BenchError  # noqa: E402  # after the path above
from tests.bench.media_measure import measure_delay, measure_mix, measure_relay, measure_setup  # noqa: E402  # as above
from tests.bench.media_network import enter_namespace  # noqa: E402  # as above
from tests.bench.media_report import Figures, is_valid, render, write_json  # noqa: E402  # as above
from tests.bench.media_servers import SERVERS, MediaServer  # noqa: E402  # as above
from tests.bench.webrtc_load import Browsers, build, speak  # noqa: E402  # as above

_BUILD_DIR = _ROOT / "build" / "bench"
_WARM_UP_SESSIONS = 5
_PHASES_MS = (3, 8, 13, 18)
"""By how much the listener's sound card is behind the speaker's."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write the JSON file. Exit code 0: valid run; 1: packets were lost; 2: it could not run."""
    options = _parser().parse_args(arguments)
    if not options.in_namespace:
        return enter_namespace([str(Path(__file__).resolve()), *(arguments or sys.argv[1:]), "--in-namespace"])
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(2))  # as Ctrl-C: the servers are ended
    try:
        return 0 if _run(options) else 1
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> bool:
    binary = build(_ROOT, _BUILD_DIR)
    load_1m = os.getloadavg()[0]
    if load_1m > 0.5:
        print(f"The machine is busy (load {load_1m:.1f}): believe the ratios, not the milliseconds.", file=sys.stderr)
    figures: Figures = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="screamrouter-bench-") as name, ExitStack() as stack:
        directory = Path(name)
        browsers = stack.enter_context(Browsers(binary, speak(directory)))
        servers = [stack.enter_context(SERVERS[one](directory / one)) for one in options.servers]
        for server in servers:
            measure_setup(server, browsers, _WARM_UP_SESSIONS)
        for number in range(options.rounds):
            print(f"  round {number + 1} of {options.rounds}", flush=True)
            for server in servers if number % 2 == 0 else reversed(servers):
                _measure_round(server, browsers, options, figures)
        for server in servers:
            _measure_once(server, browsers, options, figures)
    print("\n" + render(figures))
    write_json(options.output, figures)
    print(f"\nEvery sample: {options.output}")
    return is_valid(figures)


def _measure_round(server: MediaServer, browsers: Browsers, options: argparse.Namespace, figures: Figures) -> None:
    sessions = 20 if server.name == "aiortc" else 100
    if "setup" in options.parts:
        figures["set-up and end", server.name].append(measure_setup(server, browsers, sessions))
    if "relay" in options.parts:
        few = 10 if server.name == "aiortc" else 50
        figures["relayed leg", server.name].append(measure_relay(server, browsers, few, options.seconds))
    if "mix" in options.parts and server.name != "aiortc":
        silent, speaking = measure_mix(server, browsers, options.seconds)
        figures["silent participant", server.name].append(silent)
        figures["speaking participant", server.name].append(speaking)


def _measure_once(server: MediaServer, browsers: Browsers, options: argparse.Namespace, figures: Figures) -> None:
    if "curve" in options.parts and server.name != "aiortc":
        for sessions in options.sessions:
            if server.name == "janus" and sessions > 100:
                continue
            print(f"  {server.name}: {sessions} sessions", flush=True)
            cost = measure_relay(server, browsers, sessions, options.seconds)
            figures[f"relayed leg, {sessions} sessions", server.name].append(cost)
    if "delay" in options.parts and server.name != "aiortc":
        for mix in (False, True):
            label = "delay, mixed" if mix else "delay, forwarded"
            for phase_ms in _PHASES_MS:
                figures[label, server.name].append(measure_delay(server, browsers, mix, phase_ms, options.seconds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench-media", description=__doc__)
    parser.add_argument("--servers", nargs="+", choices=sorted(SERVERS), default=["core", "daemon", "janus", "aiortc"])
    parts = ["setup", "relay", "mix", "curve", "delay"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="what is measured")
    parser.add_argument("--rounds", type=int, default=3, help="how often the servers take turns (3)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of talk for each figure (8)")
    parser.add_argument("--sessions", type=int, nargs="+", default=[10, 100, 500, 1000], help="of the cost curve")
    parser.add_argument("--in-namespace", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=_BUILD_DIR / "media.json", help="the JSON file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
