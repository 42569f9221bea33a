"""What the running daemon answers to ``screamrouter-sip doctor``: evidence gathered, rules asked, told as JSON."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from api.control_socket import ArgumentAnswer
from configuration.config_document import fold_device_id
from configuration.configuration_manager import ConfigurationManager
from daemon import self_probe
from diagnosis.device_match import ExchangeIndex, is_meant, is_of_device, is_uuid, match_devices, users_of
from diagnosis.evidence import DeviceEvidence, DeviceFacts, Finding, ServerFacts
from diagnosis.examination import examine_device, examine_server, state_of, survey_device
from diagnosis.server_rules import ServerEvidence
from discovery.interfaces import own_addresses, own_networks
from domain.exchanges import Exchange, ExchangeLog
from domain.ports import Clock, Engine, ListenAddress
from domain.values import Binding

_MOST_DEVICES_TOLD = 50
_MOST_EXCHANGES_TOLD = 20
_OWN_PROBE = re.compile(rb"^From: <sip:%s@" % self_probe.SENDER.encode(), re.MULTILINE)


class RecordingEngine(Engine, ExchangeLog, Protocol):
    """The core with its memory of what was said."""

    def receive_buffer(self) -> int:
        """The smallest receive buffer in use, in octets."""
        ...


@dataclass(frozen=True, slots=True)
class Premises:
    """Where the daemon runs. ``listening`` is filled once it does."""

    listening: Sequence[ListenAddress]
    served_hosts: Callable[[], frozenset[str]]
    state_dir: Path
    router_uuid: str
    started_at: datetime


class Doctor:
    """Answers on the event loop's thread; changes nothing."""

    def __init__(
        self, manager: ConfigurationManager, engine: RecordingEngine, clock: Clock, premises: Premises
    ) -> None:
        self._manager = manager
        self._engine = engine
        self._clock = clock
        self._premises = premises

    @property
    def answers(self) -> Mapping[str, ArgumentAnswer]:
        return {"doctor": self.answer}

    def answer(self, asked: Any) -> dict[str, Any]:
        """``asked`` is a device as people name it; anything but text asks for all."""
        return self._summary() if not isinstance(asked, str) else self._about(asked)

    def _about(self, asked: str) -> dict[str, Any]:
        now, server = self._clock.now(), self._server()
        found = match_devices(asked, self._devices())
        reports = [_device_report(self._evidence(asked, device, now, server)) for device in found[:_MOST_DEVICES_TOLD]]
        if not found:
            exchanges = tuple(one for one in self._exchanges() if is_meant(one, asked))
            reports = [_device_report(DeviceEvidence(asked, now, server, exchanges=exchanges))]
        return {"server": self._server_report(server), "devices": reports}

    def _summary(self) -> dict[str, Any]:
        now, server = self._clock.now(), self._server()
        bindings = _by_device(self._engine.snapshot())
        exchanges = self._exchanges()
        index = ExchangeIndex(exchanges)
        reports: list[dict[str, Any]] = []
        for device in self._devices():
            own = tuple(bindings.get(device.key, ()))
            evidence = DeviceEvidence(device.key, now, server, device, own, index.of_device(device, own))
            findings = survey_device(evidence)
            if findings and len(reports) < _MOST_DEVICES_TOLD:
                reports.append(_device_head(evidence) | {"findings": _told(findings)})
        return {
            "server": self._server_report(server),
            "statistics": asdict(self._engine.statistics()),
            "findings": _told(examine_server(ServerEvidence(now, server, exchanges))),
            "devices": reports,
        }

    def _exchanges(self) -> tuple[Exchange, ...]:
        """All but what the watchdog asks our own socket."""
        return tuple(one for one in self._engine.exchanges() if not _OWN_PROBE.search(one.message))

    def _evidence(self, asked: str, device: DeviceFacts, now: datetime, server: ServerFacts) -> DeviceEvidence:
        bindings = tuple(self._engine.find_device(device.key))
        ips = {device.ip, *(binding.flow.remote.ip for binding in bindings)} - {None}
        near = self._engine.exchanges(
            users=tuple(users_of(device, bindings)),
            ips=tuple(ip for ip in ips if ip is not None),
            texts=(device.key,) if is_uuid(device.key) else (),
        )
        own = tuple(one for one in near if is_of_device(one, device, bindings))
        return DeviceEvidence(asked, now, server, device, bindings, own)

    def _devices(self) -> list[DeviceFacts]:
        listed = set(map(fold_device_id, self._manager.document.devices))
        return [
            DeviceFacts(
                key=config.uuid,
                name=config.name,
                is_enabled=config.enabled,
                is_listed=config.uuid in listed,
                last_seen=config.last_seen,
                ip=config.ip,
                port=config.port,
                contact_uri=config.sip_contact_uri,
                networks=config.networks,
            )
            for config in self._manager.sip_configs()
        ]

    def _server(self) -> ServerFacts:
        document, premises = self._manager.document, self._premises
        return ServerFacts(
            listening=tuple(premises.listening),
            domain=document.server.domain.lower(),
            served_hosts=premises.served_hosts() | {document.server.domain.lower()},
            addresses=own_addresses(),
            networks=own_networks(),
            started_at=premises.started_at,
            min_expires_s=document.registrar.min_expires_s,
            max_contacts=document.registrar.max_contacts,
            liveness_timeout_s=document.liveness.timeout_s,
            is_announcing=document.discovery.enabled,
            receive_buffer_octets=self._engine.receive_buffer(),
            state_dir=str(premises.state_dir),
            is_state_writable=os.access(premises.state_dir, os.W_OK),
        )

    def _server_report(self, server: ServerFacts) -> dict[str, Any]:
        return {
            "listening": [{"ip": one.ip, "port": one.port, "transport": "udp"} for one in server.listening],
            "domain": server.domain,
            "addresses": list(server.outward_addresses),
            "started_at": server.started_at.isoformat(timespec="seconds"),
            "state_dir": server.state_dir,
            "receive_buffer_octets": server.receive_buffer_octets,
            "is_announcing": server.is_announcing,
            "announced_on": list(self._manager.document.discovery.interfaces),
            "router_uuid": self._premises.router_uuid,
        }


def _by_device(bindings: Sequence[Binding]) -> dict[str, list[Binding]]:
    found: dict[str, list[Binding]] = {}
    for binding in bindings:
        found.setdefault(binding.device_id, []).append(binding)
    return found


def _device_head(evidence: DeviceEvidence) -> dict[str, Any]:
    device = evidence.device
    return {
        "key": device.key if device else None,
        "name": device.name if device else evidence.asked,
        "state": state_of(evidence),
        "is_online": evidence.is_online,
    }


def _device_report(evidence: DeviceEvidence) -> dict[str, Any]:
    told = evidence.exchanges[-_MOST_EXCHANGES_TOLD:]
    return _device_head(evidence) | {
        "contacts": [_told_binding(binding) for binding in evidence.bindings],
        "findings": _told(examine_device(evidence)),
        "exchanges": [_told_exchange(one) for one in told],
    }


def _told(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings]


def _told_binding(binding: Binding) -> dict[str, Any]:
    return {
        "contact_uri": binding.contact_uri,
        "from": f"{binding.flow.remote.ip} port {binding.flow.remote.port}",
        "expires_at": binding.expires_at.isoformat(timespec="seconds"),
        "last_heard": binding.last_heard.isoformat(timespec="seconds"),
        "is_reachable": binding.is_reachable,
        "rtt_ms": binding.rtt_ms,
    }


def _told_exchange(one: Exchange) -> dict[str, Any]:
    return {
        "direction": "sent" if one.is_ping else "received",
        "first_at": one.first_at.isoformat(timespec="milliseconds"),
        "last_at": one.last_at.isoformat(timespec="milliseconds"),
        "count": one.count,
        "transport": str(one.transport),
        "remote": f"{one.remote.ip} port {one.remote.port}",
        "listener": one.listener,
        "user": one.user,
        "status": one.status,
        "cause": one.cause,
        "is_cut": one.is_cut,
        "message": one.message.decode("utf-8", "backslashreplace"),
        "answer": one.answer.decode("utf-8", "backslashreplace"),
    }
