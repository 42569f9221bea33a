"""What a run of the media bench has found: a table, a verdict on each aim, a JSON file with every sample."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from tests.bench.media_measure import Cost
from tests.bench.webrtc_load import Delay

Figures: TypeAlias = dict[tuple[str, str], list[Cost | Delay]]
"""Samples by what was measured and at whom."""

_PEER = "janus"
_AIMS = {
    ("set-up and end", "core"): 1 / 3,
    ("set-up and end", "daemon"): 1 / 3,
    ("relayed leg", "core"): 1 / 5,
    ("relayed leg", "daemon"): 1 / 5,
    ("silent participant", "core"): 1 / 10,
    ("silent participant", "daemon"): 1 / 10,
    ("speaking participant", "core"): 1.0,
    ("speaking participant", "daemon"): 1.0,
}
"""The most that ours may cost, as a part of what it costs Janus."""
_MOUTH_TO_EAR_AIM_MS = 60
_LEGS_PER_CORE_AIM = 2000

_LEGEND = """\
CPU of all of a server's processes and threads, milliseconds per session, or per session and second. ratio: ours by
Janus's, the median of the rounds' ratios. core: our AudioManager without SIP; daemon: the whole daemon, called by SIP.
memory: what a connected session adds to the server's proportional set size."""


def render(figures: Figures) -> str:
    """The whole run as text."""
    parts = [*_cost_table(figures), _LEGEND, *_delay_lines(figures), *_verdicts(figures)]
    if not is_valid(figures):
        parts.append("INVALID RUN: packets were lost; the figures with a loss do not count.")
    return "\n\n".join(parts)


def is_valid(figures: Figures) -> bool:
    """True when no packet was lost in the whole run."""
    return not any(one.lost for samples in figures.values() for one in samples if isinstance(one, Cost))


def write_json(path: Path, figures: Figures) -> None:
    """Keep every sample of the run."""
    document = {
        "machine": {"cpus": os.cpu_count(), "load_average": os.getloadavg(), "kernel": os.uname().release},
        "figures": [
            {"what": what, "server": server, "samples": [dataclasses.asdict(one) for one in samples]}
            for (what, server), samples in figures.items()
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _cost_table(figures: Figures) -> list[str]:
    lines = [f"{'':28} {'server':8} {'CPU ms':>8} {'(lowest, highest)':>20} {'ratio':>7} {'memory':>9} {'lost':>6}"]
    for (what, server), samples in figures.items():
        costs = [one for one in samples if isinstance(one, Cost)]
        if not costs:
            continue
        values = [one.cpu_ms for one in costs]
        ratio = _ratio(figures, what, server)
        memory = [one.memory_kb for one in costs if one.memory_kb is not None]
        lines.append(
            f"{what:28} {server:8} {statistics.median(values):8.3f} {f'({min(values):.3f}, {max(values):.3f})':>20} "
            f"{'-' if ratio is None or server == _PEER else f'{ratio:.3f}':>7} "
            f"{f'{statistics.median(memory):.0f} KB' if memory else '-':>9} "
            f"{sum(one.lost for one in costs):6}"
        )
    return ["\n".join(lines)]


def _ratio(figures: Figures, what: str, server: str) -> float | None:
    ours, theirs = _costs(figures, what, server), _costs(figures, what, _PEER)
    ratios = [own / other for own, other in zip(ours, theirs, strict=False)]
    return statistics.median(ratios) if ratios else None


def _costs(figures: Figures, what: str, server: str) -> Sequence[float]:
    return [one.cpu_ms for one in figures.get((what, server), ()) if isinstance(one, Cost)]


def _delay_lines(figures: Figures) -> list[str]:
    lines = []
    for (what, server), samples in figures.items():
        delays = [one for one in samples if isinstance(one, Delay)]
        if delays:
            lines.append(
                f"{what}, {server}: mouth to ear {_median(delays, 'played_ms'):.1f} ms (95 %: "
                f"{_median(delays, 'played_p95_ms'):.1f}), of which the listener's jitter buffer "
                f"{_median(delays, 'buffer_ms'):.1f}; mouth to the listener's socket "
                f"{_median(delays, 'arrived_ms'):.1f} ms"
            )
    return ["\n".join(lines)] if lines else []


def _median(delays: Sequence[Delay], figure: str) -> float:
    values: list[float] = [getattr(one, figure) for one in delays]
    return statistics.median(values)


def _verdicts(figures: Figures) -> list[str]:
    found = []
    for (what, server), aim in _AIMS.items():
        ratio = _ratio(figures, what, server)
        if ratio is not None:
            found.append((ratio <= aim, f"{what}, {server}: at most {aim:.2f} of Janus's: {ratio:.3f}"))
    for (what, server), samples in figures.items():
        delays = [one for one in samples if isinstance(one, Delay)]
        if delays and server != _PEER:
            value = _median(delays, "played_ms")
            found.append((value < _MOUTH_TO_EAR_AIM_MS, f"{what}, {server}: under 60 ms: {value:.1f} ms"))
        if what == "relayed leg, 1000 sessions":
            legs = 1000 / statistics.median(_costs(figures, what, server))
            found.append((legs >= _LEGS_PER_CORE_AIM, f"{server}: 2,000 forwarded legs per core: {legs:.0f}"))
    return ["\n".join(f"{'met   ' if is_met else 'MISSED'}  {text}" for is_met, text in found)] if found else []
