"""Asks every rule."""

from __future__ import annotations

from dataclasses import replace

from diagnosis.device_rules import ABSENCES, DEVICE_RULES
from diagnosis.evidence import DeviceEvidence, Finding
from diagnosis.server_rules import SERVER_RULES, ServerEvidence, finding_of_group, group_refusals


def examine_device(evidence: DeviceEvidence) -> list[Finding]:
    """What is wrong with a device that somebody misses."""
    return [finding for rule in DEVICE_RULES if (finding := rule(evidence)) is not None]


def survey_device(evidence: DeviceEvidence) -> list[Finding]:
    """What is wrong with a device that nobody asked for: that it is off, or disabled, is then no problem."""
    return [
        replace(finding, is_problem=False) if finding.rule in ABSENCES | {"disabled"} else finding
        for finding in examine_device(evidence)
    ]


def examine_server(evidence: ServerEvidence) -> list[Finding]:
    """What is wrong with the daemon, and whom it refused of late."""
    found = [finding for rule in SERVER_RULES if (finding := rule(evidence)) is not None]
    return [*found, *(finding_of_group(group, evidence.now) for group in group_refusals(evidence))]


def state_of(evidence: DeviceEvidence) -> str:
    """The device's state in a few words."""
    if evidence.is_online:
        return "registered and online"
    if evidence.bindings:
        return "registered, but offline"
    return "not registered" if evidence.device is not None else "unknown here, and not registered"
