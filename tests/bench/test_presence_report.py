"""What a run with watchers says of its aims."""

from __future__ import annotations

from dataclasses import replace

from tests.bench.presence_measure import Idle, WatchSample
from tests.bench.presence_report import Findings, WatchPlan, is_valid, render, verdicts
from tests.bench.watch_load import WatchReport

_CLEAN = WatchReport(
    mode="await-notify",
    statuses={},
    done=0,
    lost=0,
    retransmits=0,
    incomplete=0,
    strays=0,
    wall_s=0.03,
    p50_us=0.0,
    p99_us=0.0,
    notifies=1000,
    notify_octets=900.0,
    repeated=0,
    disordered=0,
    stale=0,
    bad=0,
    complaint="",
    notified=1000,
    since_p50_ms=15.0,
    since_last_ms=30.0,
    drops=0,
    send_errors=0,
)
_KEYS = ("one desk", "many desks", "change", "kernel's buffers")


def _sample(total_us: float, report: WatchReport = _CLEAN) -> WatchSample:
    return WatchSample(total_us - 1, total_us, Idle(0, 0), [report], last_ms=[report.since_last_ms])


def _findings(ours: WatchSample, *, kamailio: bool = True) -> Findings:
    samples = {(key, "daemon"): [ours] for key in _KEYS}
    if kamailio:
        samples |= {(key, "kamailio"): [_sample(30.0)] for key in _KEYS}
    return Findings(WatchPlan(1, 1), samples, {"daemon": [700.0]})


def test_every_aim_is_met_by_a_server_that_costs_less_and_repeats_nothing():
    findings = _findings(_sample(20.0))
    assert [verdict.is_met for verdict in verdicts(findings)] == [True] * 5
    assert "1.50" in render(findings)
    assert is_valid(findings)


def test_whoever_costs_more_than_kamailio_misses_the_aims_of_cost_alone():
    assert [verdict.is_met for verdict in verdicts(_findings(_sample(31.0)))] == [False, False, False, True, True]


def test_a_last_watcher_that_waits_longer_than_50_ms_misses_the_aim():
    late = _sample(20.0, replace(_CLEAN, since_last_ms=50.1))
    assert [verdict.is_met for verdict in verdicts(_findings(late))] == [True, True, True, False, True]


def test_a_notify_sent_again_misses_the_aim_and_spoils_no_run():
    findings = _findings(_sample(20.0, replace(_CLEAN, repeated=1)))
    assert [verdict.is_met for verdict in verdicts(findings)] == [True, True, True, True, False]
    assert is_valid(findings)


def test_a_lost_notify_misses_the_aim():
    lossy = replace(_sample(20.0), lost=1)
    assert verdicts(_findings(lossy))[-1].is_met is False


def test_a_wrong_notify_makes_the_run_invalid_and_is_named():
    findings = _findings(_sample(20.0, replace(_CLEAN, bad=1, complaint="no PIDF")))
    assert not is_valid(findings)
    assert "INVALID RUN" in render(findings)
    assert "no PIDF" in render(findings)


def test_without_kamailio_there_are_no_ratios():
    findings = _findings(_sample(20.0), kamailio=False)
    assert [verdict.is_met for verdict in verdicts(findings)] == [None, None, None, True, True]
    assert render(findings)
