"""What a run with watchers has found: a table to read, a JSON file to keep, and a verdict on each aim."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.presence_measure import WatchSample
from tests.bench.report import Verdict

_LEVEL = 1.0
_LAST_OUT_AIM_MS = 50.0

_LEGEND = """\
CPU is server CPU in microseconds, per subscription (SUBSCRIBE, 200, first NOTIFY, 200) or per NOTIFY of a change, and
less what the server uses at rest. path: until all is answered and the server rests (Kamailio: all processes; ours: the
core's threads, no Python). total: all processes and threads, with the removal of what is kept for a while afterwards.
ratio = Kamailio's CPU / our CPU, the median of the rounds' ratios: 1.00 is level, more is better.
last: milliseconds from the PUBLISH until the last watcher had its NOTIFY, median and worst of all changes, Kamailio's
and ours. again: NOTIFYs sent more than once; lost: watchers without a NOTIFY after ten seconds. Every NOTIFY must bring
a PIDF document of the desk that differs from the one before, in order, or counts in err, which must be 0.
Both let in anyone as a watcher and have refused a repeated, a foreign and an unknown SUBSCRIBE and PUBLISH alike."""

_LABELS = {
    "one desk": "SUBSCRIBE + first NOTIFY, all watch one desk",
    "many desks": "SUBSCRIBE + first NOTIFY, each watches another",
    "change": "NOTIFY of a change, one desk",
    "kernel's buffers": "NOTIFY of a change, kernel's default buffers",
}


@dataclasses.dataclass(frozen=True, slots=True)
class WatchPlan:
    """How much is measured. ``held``: subscriptions whose memory is told, spread over ``desks``."""

    rounds: int
    changes: int
    bare_changes: int = 3
    watchers: int = 1_000
    desks: int = 1_000
    held: int = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Findings:
    """A sample per round for each scenario and server; memory in bytes per subscription."""

    plan: WatchPlan
    samples: Mapping[tuple[str, str], list[WatchSample]]
    memory: Mapping[str, list[float]]

    def ratio(self, scenario: str, figure: str) -> float | None:
        """Kamailio's figure divided by ours, the median of the rounds' ratios; None unless both were measured."""
        theirs, ours = (self.samples.get((scenario, name), []) for name in ("kamailio", "daemon"))
        pairs = [getattr(one, figure) / getattr(other, figure) for one, other in zip(theirs, ours, strict=False)]
        return statistics.median(pairs) if pairs else None


def is_valid(findings: Findings) -> bool:
    """True when nothing was refused, wrong or out of order, and no watcher's own socket lost anything.

    What happens with the kernel's default buffers is judged by a verdict: a server that drops answers drops requests.
    """
    counted = [samples for (key, _), samples in findings.samples.items() if key != "kernel's buffers"]
    return all(sample.errors == 0 for samples in counted for sample in samples)


def render(findings: Findings) -> str:
    """The whole run as text."""
    parts = [_table(findings), _LEGEND, _memory_line(findings)]
    parts.append("\n".join(_verdict_line(verdict) for verdict in verdicts(findings)))
    complaints = {one.complaint for samples in findings.samples.values() for one in samples if one.complaint}
    if not is_valid(findings):
        parts.append(f"INVALID RUN: errors above; no figure counts. {'; '.join(sorted(complaints))}".rstrip())
    return "\n\n".join(parts)


def write_json(path: Path, findings: Findings) -> None:
    """Keep every sample of the run."""
    document = {
        "is_valid": is_valid(findings),
        "machine": {"cpus": os.cpu_count(), "load_average": os.getloadavg(), "kernel": os.uname().release},
        "plan": dataclasses.asdict(findings.plan),
        "scenarios": [_scenario(findings, key) for key in _LABELS],
        "memory_bytes": dict(findings.memory),
        "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts(findings)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def verdicts(findings: Findings) -> list[Verdict]:
    """Each aim that this bench can judge."""
    watchers = findings.plan.watchers
    found = [
        _ratio_verdict(f"{_LABELS[key]}, {watchers} watchers: at most Kamailio's CPU", findings.ratio(key, "total_us"))
        for key in ("one desk", "many desks", "change")
    ]
    changed = findings.samples.get(("change", "daemon"), [])
    last_ms = [value for sample in changed for value in sample.last_ms]
    found.append(
        Verdict(
            f"the last of {watchers} watchers is told within {_LAST_OUT_AIM_MS:.0f} ms (median of changes)",
            f"{_last(changed)} ms" if last_ms else "not measured",
            statistics.median(last_ms) <= _LAST_OUT_AIM_MS if last_ms else None,
        )
    )
    bare = findings.samples.get(("kernel's buffers", "daemon"), [])
    lost, again = sum(one.lost for one in bare), sum(one.repeated for one in bare)
    aim = "no NOTIFY is lost or sent again with the kernel's default buffers"
    found.append(Verdict(aim, f"{lost} lost, {again} again", lost + again == 0 if bare else None))
    return found


def _ratio_verdict(aim: str, ratio: float | None) -> Verdict:
    return Verdict(aim, "not measured" if ratio is None else f"{ratio:.2f}", None if ratio is None else ratio >= _LEVEL)


def _verdict_line(verdict: Verdict) -> str:
    mark = {True: "met   ", False: "MISSED", None: "-     "}[verdict.is_met]
    return f"{mark}  {verdict.aim}: {verdict.found}"


def _scenario(findings: Findings, key: str) -> dict[str, Any]:
    both = {name: findings.samples.get((key, name), []) for name in ("kamailio", "daemon")}
    return {
        "scenario": _LABELS[key],
        "path_ratio": findings.ratio(key, "path_us"),
        "total_ratio": findings.ratio(key, "total_us"),
        **{name: [dataclasses.asdict(sample) for sample in samples] for name, samples in both.items()},
    }


def _table(findings: Findings) -> str:
    heads = ["scenario", "kam path us", "kam total us", "our path us", "our total us", "path ratio", "total ratio"]
    heads += ["kam last ms", "our last ms", "kam again/lost", "our again/lost", "err"]
    lines = [heads, *(_cells(findings, key) for key in _LABELS)]
    first, *others = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join([line[0].ljust(first), *(cell.rjust(width) for cell, width in zip(line[1:], others, strict=True))])
        for line in lines
    )


def _cells(findings: Findings, key: str) -> list[str]:
    theirs, ours = (findings.samples.get((key, name), []) for name in ("kamailio", "daemon"))
    return [
        _LABELS[key],
        *(_median(samples, figure) for samples in (theirs, ours) for figure in ("path_us", "total_us")),
        *(_figure(findings.ratio(key, figure)) for figure in ("path_us", "total_us")),
        _last(theirs),
        _last(ours),
        _faults(theirs),
        _faults(ours),
        str(sum(sample.errors for sample in (*theirs, *ours))),
    ]


def _median(samples: Sequence[WatchSample], figure: str) -> str:
    return _figure(statistics.median(getattr(sample, figure) for sample in samples) if samples else None)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _last(samples: Sequence[WatchSample]) -> str:
    values = [value for sample in samples for value in sample.last_ms]
    return f"{statistics.median(values):.0f} / {max(values):.0f}" if values else "-"


def _faults(samples: Sequence[WatchSample]) -> str:
    again, lost = sum(sample.repeated for sample in samples), sum(sample.lost for sample in samples)
    notifies = sum(report.notifies for sample in samples for report in sample.reports)
    return f"{again}/{lost} of {notifies}" if samples else "-"


def _memory_line(findings: Findings) -> str:
    def bytes_of(name: str) -> str:
        values = findings.memory.get(name, [])
        return f"{statistics.median(values):.0f} B" if values else "-"

    plan = findings.plan
    return (
        f"Memory per subscription, {plan.held} of them on {plan.desks} desks (growth of the proportional set size by "
        f"the second half, median of rounds): Kamailio {bytes_of('kamailio')}, our daemon {bytes_of('daemon')}."
    )
