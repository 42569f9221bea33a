"""What a run has found: a table to read, a JSON file to keep, and a verdict on each aim."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.compare import Comparison, Plan
from tests.bench.measure import MemoryRow, Row, Sample, median_of
from tests.bench.python_beside import PythonBeside

_LEVEL = 1.0
_NOT_DONE = 0.85
_MEMORY_AIM_BYTES = 600
_FLAT_LIMIT = 1.25
_BUSY_THREAD_LIMIT = 0.75

_LEGEND = """\
CPU is server CPU per request in microseconds. path: from request to answer (Kamailio: all processes; ours: the core's
threads, no Python). total: all processes and threads until quiet, so for new devices config.yaml is written as well.
ratio = Kamailio's CPU / our CPU, the median of the rounds' ratios: 1.00 is level, more is better.
Digest rows: one registration is one request, with 401 + 200 two messages; both servers have refused a replayed
nonce-count, a wrong password, another digest-uri and another user's address before each round.
err: not answered by one complete 200; rtx: retransmissions. Both must be 0, else the run is invalid."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """One aim: ``is_met`` None when it could not be measured."""

    aim: str
    found: str
    is_met: bool | None


def is_valid(comparison: Comparison, beside: PythonBeside | None) -> bool:
    """True when every request of the whole run was answered at once and completely."""
    samples = [sample for row in comparison.rows for sample in row.samples]
    loads = [sample.load for sample in samples] + (list(beside.loads) if beside else [])
    return all(load.is_clean for load in loads)


def render(comparison: Comparison, beside: PythonBeside | None) -> str:
    """The whole run as text."""
    parts = [_table(comparison.rows), _LEGEND]
    parts += [_challenge_line(row) for row in comparison.rows if any(one.load.challenges for one in row.samples)]
    parts += [_memory_line(row) for row in comparison.memory]
    parts += beside.lines() if beside else []
    parts.append(_verdict_lines(verdicts(comparison, beside)))
    if not is_valid(comparison, beside):
        parts.append("INVALID RUN: errors or retransmissions above; no figure counts.")
    return "\n\n".join(parts)


def write_json(path: Path, plan: Plan, comparison: Comparison, beside: PythonBeside | None) -> None:
    """Keep every sample of the run."""
    document = {
        "is_valid": is_valid(comparison, beside),
        "machine": {"cpus": os.cpu_count(), "load_average": os.getloadavg(), "kernel": os.uname().release},
        "plan": dataclasses.asdict(plan),
        "rows": [_row_document(row) for row in comparison.rows],
        "memory": [dataclasses.asdict(row) for row in comparison.memory],
        "python_beside": dataclasses.asdict(beside) if beside else None,
        "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts(comparison, beside)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _row_document(row: Row) -> dict[str, Any]:
    return {**dataclasses.asdict(row), "path_ratio": row.path_ratio, "total_ratio": row.total_ratio}


def _table(rows: Sequence[Row]) -> str:
    heads = ["scenario", "AoRs", "kam us", "kam req/s", "our path us", "our total us", "our req/s"]
    heads += ["path ratio", "total ratio", "err", "rtx"]
    lines = [heads, *(_cells(row) for row in rows)]
    first, *others = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join([line[0].ljust(first), *(cell.rjust(width) for cell, width in zip(line[1:], others, strict=True))])
        for line in lines
    )


def _cells(row: Row) -> list[str]:
    return [
        row.label,
        str(row.aors),
        _figure(median_of(row.kamailio, "total_us")),
        _rate(row.kamailio),
        _figure(median_of(row.ours, "path_us")),
        _figure(median_of(row.ours, "total_us")),
        _rate(row.ours),
        _figure(row.path_ratio),
        _figure(row.total_ratio),
        str(sum(sample.load.errors for sample in row.samples)),
        str(sum(sample.load.retransmits for sample in row.samples)),
    ]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _rate(samples: Sequence[Sample]) -> str:
    return f"{statistics.median(sample.load.answered_per_s for sample in samples):.0f}" if samples else "-"


def _challenge_line(row: Row) -> str:
    """How much a source that nobody knows gets for what it sends."""

    def octets_of(samples: Sequence[Sample]) -> str:
        if not samples or not samples[0].load.challenges:
            return "-"
        load = samples[0].load
        share = load.challenge_octets / load.challenged_octets
        return f"{load.challenge_octets:.0f} octets for {load.challenged_octets:.0f} ({share:.2f})"

    return f"{row.label}: a 401 of Kamailio's has {octets_of(row.kamailio)}, one of ours {octets_of(row.ours)}."


def _memory_line(row: MemoryRow) -> str:
    def bytes_of(values: Sequence[float]) -> str:
        return f"{statistics.median(values):.0f} B" if values else "-"

    return (
        f"Memory per binding at {row.aors} AoRs (growth of the proportional set size, median of rounds): "
        f"Kamailio {bytes_of(row.kamailio)}, our core {bytes_of(row.core)}; "
        f"our daemon with Python's devices and config.yaml {bytes_of(row.ours)}."
    )


def verdicts(comparison: Comparison, beside: PythonBeside | None) -> list[Verdict]:
    """Each aim of the project that this bench can judge."""
    found = [_ratio_verdict(row) for row in comparison.rows if " at " not in row.label]
    found += [
        _flatness_verdict(label, [row for row in comparison.rows if row.label == label])
        for label in ("REGISTER new", "REGISTER refresh")
    ]
    found += [_memory_verdict(row) for row in comparison.memory]
    if beside:
        found += _beside_verdicts(beside)
    return found


def _ratio_verdict(row: Row) -> Verdict:
    ratio = row.path_ratio
    aim = f"{row.label}, {row.aors} AoRs: at least level with Kamailio"
    if ratio is None:
        return Verdict(aim, "not measured", None)
    note = "" if ratio >= _LEVEL else " (close)" if ratio >= _NOT_DONE else " (not done)"
    return Verdict(aim, f"{ratio:.2f}{note}", ratio >= _LEVEL)


def _flatness_verdict(label: str, rows: Sequence[Row]) -> Verdict:
    sizes = [row.aors for row in rows]
    aim = f"{label}: cost flat from {min(sizes)} to {max(sizes)} AoRs (dearest / cheapest <= {_FLAT_LIMIT})"
    ours, theirs = (_spread([getattr(row, name) for row in rows]) for name in ("ours", "kamailio"))
    if ours is None:
        return Verdict(aim, "not measured", None)
    return Verdict(aim, f"{ours:.2f} (Kamailio: {_figure(theirs)})", ours <= _FLAT_LIMIT)


def _spread(sizes: Sequence[Sequence[Sample]]) -> float | None:
    """Dearest over cheapest of the sizes' median path costs; None for fewer than two."""
    costs = [cost for samples in sizes if (cost := median_of(samples, "path_us")) is not None]
    return max(costs) / min(costs) if len(costs) > 1 else None


def _memory_verdict(row: MemoryRow) -> Verdict:
    aim = f"memory per binding in the core at most {_MEMORY_AIM_BYTES} B at {row.aors} AoRs"
    if not row.core:
        return Verdict(aim, "not measured", None)
    value = statistics.median(row.core)
    return Verdict(aim, f"{value:.0f} B", value <= _MEMORY_AIM_BYTES)


def _beside_verdicts(beside: PythonBeside) -> list[Verdict]:
    share = beside.busy_share
    return [
        Verdict(
            "a busy Python thread leaves at least three quarters of the REGISTER rate",
            f"{share:.2f}",
            share >= _BUSY_THREAD_LIMIT,
        ),
        Verdict(
            f"{beside.refreshes} refreshes produce no Python event",
            f"{beside.events} events",
            None if beside.events is None else beside.events == 0,
        ),
    ]


def _verdict_lines(found: Sequence[Verdict]) -> str:
    marks = {True: "met   ", False: "MISSED", None: "-     "}
    return "\n".join(f"{marks[verdict.is_met]}  {verdict.aim}: {verdict.found}" for verdict in found)
