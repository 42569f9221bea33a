"""``screamrouter-sip doctor [DEVICE]``: why it is not there, from the running daemon, or offline what can be told."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from api.control_socket import ask
from configuration.config_document import ConfigDocument
from configuration.config_loader import load_config
from configuration.configuration_manager import listen_addresses, merge_live_state
from configuration.problem import ConfigRejected
from daemon.doctor_text import print_report
from diagnosis.device_match import match_devices
from diagnosis.device_rules import is_disabled
from diagnosis.evidence import DeviceEvidence, DeviceFacts, Finding, ServerFacts
from diagnosis.server_rules import is_announcement_unseen
from discovery.browse import browse
from domain.errors import UserError

Report = dict[str, Any]

_BROWSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the answer is to be told."""

    as_json: bool = False
    shows_messages: bool = False


def consult(config_path: Path, device: str | None, wishes: Wishes) -> int:
    """Print what was found; 0 when all is well, 1 when something is to be done."""
    document, faults = _read_config(config_path)
    report: Report | None = ask(document.server.state_path(), "doctor", device)
    is_running = report is not None
    if report is None:
        report = _examine_offline(document, device)
    else:
        _look_for_announcement(report, device)
    findings = [*faults, *report.setdefault("findings", [])]
    report |= {"findings": findings, "is_running": is_running, "config": str(config_path), "asked": device}
    if wishes.as_json:
        print(json.dumps(report, indent=2))
    else:
        print_report(report, Console(), shows_messages=wishes.shows_messages)
    return 1 if any(finding["is_problem"] for finding in _all_findings(report)) else 0


def _all_findings(report: Report) -> Iterator[dict[str, Any]]:
    yield from report["findings"]
    for device in report["devices"]:
        yield from device["findings"]


def _read_config(path: Path) -> tuple[ConfigDocument, list[dict[str, Any]]]:
    """The document, or the defaults with what is wrong with the file."""
    try:
        return load_config(path).document, []
    except ConfigRejected as rejected:
        faults = [str(problem) for problem in rejected.problems]
    return ConfigDocument(), [
        asdict(Finding("config_faulty", fault, "Mend that place; `screamrouter-sip check` shows them all."))
        for fault in faults
    ]


def _look_for_announcement(report: Report, device: str | None) -> None:
    """Browse for our own announcement where it matters: for all, or for a device of which nothing ever came."""
    is_silent = any(one["rule"] == "never_heard" for told in report["devices"] for one in told["findings"])
    server = report["server"]
    if not server["is_announcing"] or (device is not None and not is_silent):
        return
    try:
        services = asyncio.run(browse(_BROWSE_S, server["announced_on"]))
    except UserError as error:
        found: Finding | None = Finding(
            "mdns_unavailable", str(error), "Mend that; until then no device finds the daemon by itself."
        )
    else:
        own = [one for one in services if dict(one.txt).get("router_uuid") == server["router_uuid"]]
        found = is_announcement_unseen(server["listening"][0]["port"], [one.port for one in own], _BROWSE_S)
    if found is not None:
        report.setdefault("findings", []).append(asdict(found))


def _examine_offline(document: ConfigDocument, device: str | None) -> Report:
    findings = [Finding("not_running", "The daemon is not running, so no device can be registered.", _START)]
    findings += [*_unusable_addresses(document), *_unusable_state(document)]
    devices = _listed(document, device) if device is not None else []
    return {"findings": [asdict(finding) for finding in findings], "devices": devices}


_START = (
    "Start it: `screamrouter-sip run`, or `systemctl start screamrouter-sip` where it is installed; "
    "`journalctl -u screamrouter-sip` says why it stopped."
)


def _listed(document: ConfigDocument, asked: str) -> list[Report]:
    """What config.yaml alone says of a device."""
    configs = [merge_live_state(key, entry, ()) for key, entry in document.devices.items()]
    known = [
        DeviceFacts(
            key=one.uuid,
            name=one.name,
            is_enabled=one.enabled,
            last_seen=one.last_seen,
            ip=one.ip,
            contact_uri=one.sip_contact_uri,
            networks=one.networks,
        )
        for one in configs
    ]
    now = datetime.now(UTC)
    server = ServerFacts((), document.server.domain, frozenset(), (), (), now)
    reports = []
    for device in match_devices(asked, known):
        disabled = is_disabled(DeviceEvidence(asked, now, server, device))
        reports.append(_offline_report(device.key, device.name, "listed in config.yaml", disabled))
    if not reports:
        unknown = Finding(
            "not_listed",
            "config.yaml has no such device.",
            "Start the daemon and let the device register; `screamrouter-sip devices` lists what is known.",
        )
        reports.append(_offline_report(None, asked, "not in config.yaml", unknown))
    return reports


def _offline_report(key: str | None, name: str, state: str, finding: Finding | None) -> Report:
    findings = [] if finding is None else [asdict(finding)]
    return {"key": key, "name": name, "state": state, "is_online": False, "findings": findings}


def _unusable_addresses(document: ConfigDocument) -> Iterator[Finding]:
    """The sockets that the daemon could not open now."""
    for wanted in listen_addresses(document):
        family = socket.AF_INET6 if ":" in wanted.ip else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((wanted.ip, wanted.port))
        except OSError as error:
            if wanted.ip == "::":  # a machine without IPv6; the daemon does without it, too
                continue
            yield Finding(
                "address_unusable",
                f"UDP port {wanted.port} on {wanted.ip} cannot be had ({error.strerror}).",
                "See who has it (`ss -ulpn`), or change sip.udp in config.yaml.",
            )


def _unusable_state(document: ConfigDocument) -> Iterator[Finding]:
    path = document.server.state_path()
    existing = next((one for one in (path, *path.parents) if one.exists()), path)
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        yield Finding(
            "state_not_writable",
            f"The state directory {path} cannot be written by this user.",
            "Make it writable for the daemon's user, or set server.state_dir in config.yaml.",
            is_problem=existing.exists() and not existing.is_dir(),
        )
