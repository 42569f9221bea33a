"""The C++ core as ``domain.ports.Engine``, ``BindingJournal`` and ``domain.calls.CallControl``.

Its records become domain values, its sentences domain errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import overload
from urllib.parse import quote, unquote

from domain.access import AccessConfig, Credential
from domain.calls import RefusalStatus
from domain.errors import StackRefused
from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    CoreEvent,
    RemovalReason,
    RequestRefused,
    ResyncRequired,
)
from domain.exchanges import Exchange, ReasonRow
from domain.ports import BindingChanges, BindingRow, Clock, EngineConfig, EngineStatistics, ListenAddress
from domain.uri_mask import masked_uri
from domain.values import Binding, Endpoint, Flow, Transport
from engine import _engine
from engine.call_records import to_call_event
from engine.core_flows import CoreFlows
from engine.core_media import CoreMedia, to_leg_event
from engine.core_watching import CoreWatching, to_watch_events

_Convert = Callable[[_engine.BindingRecord], Binding]

EVENTS_PER_DRAIN = 64
"""A batch short enough that the event loop stays responsive between two."""

_UNESCAPED_IN_USERS = "-_.!~*'()&=+$,;?/"
"""RFC 3261 section 25.1: unreserved and user-unreserved."""


def reject_reasons() -> tuple[ReasonRow, ...]:
    """Every reason that the core can give for a refusal."""
    return tuple(ReasonRow(*row) for row in _engine.reject_reasons())


class _Lazily(Sequence[Binding]):
    """A hundred thousand records take seconds to become bindings: each does when it is asked for."""

    def __init__(self, records: Sequence[_engine.BindingRecord], convert: _Convert) -> None:
        self._records = records
        self._convert = convert

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Binding: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Binding]: ...
    def __getitem__(self, index: int | slice) -> Binding | Sequence[Binding]:
        if isinstance(index, slice):
            return _Lazily(self._records[index], self._convert)
        return self._convert(self._records[index])


class CoreEngine:
    """One core per process; bindings live as long as it does, whatever happens to the SIP endpoint.

    ``flows`` is its face towards connections, ``media`` towards audio, ``watching`` towards watchers and publishers.
    """

    def __init__(self, clock: Clock, library_path: str) -> None:
        _engine.silence_pjsip(library_path)
        self._core = _engine.Engine()
        self.flows = CoreFlows(self._core)
        self._clock = clock
        self._library_path = library_path
        self._domain = ""
        self.media = CoreMedia(self._core.audio)
        self.watching = CoreWatching(self._core)

    def apply_config(self, config: EngineConfig) -> None:
        wanted = _engine.Config()
        wanted.domain = config.domain
        wanted.served_hosts = sorted(config.served_hosts | {config.domain})
        wanted.min_expires_s = config.min_expires_s
        wanted.default_expires_s = config.default_expires_s
        wanted.max_expires_s = config.max_expires_s
        wanted.rejects_brief_expires = config.rejects_brief_expires
        wanted.max_contacts = config.max_contacts
        wanted.max_calls = config.max_calls
        wanted.max_aors = config.max_aors
        wanted.max_bindings = config.max_bindings
        wanted.max_binding_octets = config.max_binding_octets
        wanted.ping_interval_ms = config.ping_interval_ms
        wanted.liveness_timeout_ms = config.liveness_timeout_ms
        self._domain = config.domain
        self._core.apply_config(wanted)

    def apply_access(self, config: AccessConfig) -> None:
        self._core.apply_access(
            {
                "realm": config.realm,
                "mode": str(config.mode),
                "rules": [(rule.network, str(rule.access)) for rule in config.rules],
                "algorithms": [str(one) for one in config.algorithms],
                "is_qop_required": config.is_qop_required,
                "requests_per_s": config.requests_per_s,
                "burst": config.burst,
                "unlimited": list(config.unlimited),
                "neighbours": list(config.neighbours),
                "credentials": [_credential_row(one) for one in config.credentials],
                "devices": list(config.devices.items()),
                "device_networks": list(config.device_networks.items()),
            }
        )

    def attach(self) -> None:
        try:
            self._core.attach(self._library_path)
        except RuntimeError as fault:
            raise StackRefused(
                f"The SIP stack cannot be used: {fault}. "
                "Install exactly pjsua2-python==2.15.1.post1 (`make build` does)."
            ) from fault

    def open(self, listener: ListenAddress) -> None:
        try:
            self._core.open(listener.ip, listener.port)
        except RuntimeError as fault:
            raise StackRefused(f"The SIP stack cannot be used: {fault}.") from fault

    def detach(self) -> None:
        self._core.detach()

    @property
    def event_fd(self) -> int:
        return self._core.event_fd

    def drain(self) -> Sequence[CoreEvent]:
        drained = self._core.drain(EVENTS_PER_DRAIN)
        now = self._clock.now()
        events: list[CoreEvent] = [ResyncRequired()] if drained.is_resync_required else []
        events.extend(self._to_event(event, now) for event in drained.events)
        events.extend(to_call_event(record) for record in drained.calls)
        events.extend(to_leg_event(record) for record in drained.legs)
        events.extend(to_watch_events(drained))
        return events

    def snapshot(self) -> Sequence[Binding]:
        now = self._clock.now()
        return _Lazily(self._core.snapshot(), lambda record: self._to_binding(record, now))

    def find_device(self, device_id: str) -> Sequence[Binding]:
        now = self._clock.now()
        key = device_id.removesuffix(f"@{self._domain}")
        return [self._to_binding(record, now) for record in self._core.find_device(key)]

    def find_aor(self, aor: str) -> Sequence[Binding]:
        now = self._clock.now()
        return [self._to_binding(record, now) for record in self._core.find_aor(aor.removesuffix(f"@{self._domain}"))]

    def take_changes(self, most: int, now_ms: int) -> BindingChanges:
        return BindingChanges(*self._core.take_changes(most, now_ms))

    def retake_bindings(self) -> None:
        self._core.retake()

    def restore(self, rows: Sequence[BindingRow], now_ms: int, first_number: int) -> int:
        return self._core.restore(rows, now_ms, first_number)

    def ring(self, call_id: int) -> bool:
        return self._core.ring(call_id)

    def answer(self, call_id: int, sdp: bytes) -> bool:
        return self._core.answer(call_id, sdp)

    def reject(self, call_id: int, status: RefusalStatus, reason: str) -> bool:
        return self._core.reject(call_id, status, reason)

    def answer_update(self, call_id: int, sdp: bytes) -> bool:
        return self._core.answer_update(call_id, sdp)

    def reject_update(self, call_id: int, status: RefusalStatus, reason: str) -> bool:
        return self._core.reject_update(call_id, status, reason)

    def hang_up(self, call_id: int, reason: str) -> bool:
        return self._core.hang_up(call_id, reason)

    def statistics(self) -> EngineStatistics:
        counted = self._core.statistics()
        return EngineStatistics(
            requests=counted.requests,
            replies=counted.replies,
            refused=counted.refused,
            dropped=counted.dropped,
            pings=counted.pings,
            events=counted.events,
            bindings=counted.bindings,
            aors=counted.aors,
            binding_octets=counted.binding_octets,
        )

    def exchanges(
        self, *, users: tuple[str, ...] = (), ips: tuple[str, ...] = (), texts: tuple[str, ...] = ()
    ) -> tuple[Exchange, ...]:
        escaped = {spelling for user in users for spelling in (user, quote(user, safe=_UNESCAPED_IN_USERS))}
        records = self._core.messages(sorted(escaped), ips, texts)
        return tuple(_to_exchange(record) for record in records)

    def receive_buffer(self) -> int:
        """The smallest receive buffer of the sockets in use, in octets as the kernel counts them."""
        return self._core.receive_buffer()

    def _to_event(self, event: _engine.Event, now: datetime) -> CoreEvent:
        record = event.binding
        if event.kind == "refused":
            source = Endpoint(record.flow_ip, record.flow_port)
            return RequestRefused(
                event.status,
                event.reason,
                source,
                record.aor_key,
                masked_uri(record.contact_uri),
                record.user_agent,
                event.cause,
                record.device_uuid,
            )
        binding = self._to_binding(record, now)
        match event.kind:
            case "added":
                return BindingAdded(binding)
            case "changed":
                return BindingChanged(binding)
            case "removed":
                return BindingRemoved(binding, RemovalReason(event.removal))
            case "reachable":
                return BindingReachable(binding)
            case "unreachable":
                return BindingUnreachable(binding)
            case kind:
                raise AssertionError(f"the core spoke of {kind!r}")

    def _to_binding(self, record: _engine.BindingRecord, now: datetime) -> Binding:
        aor = f"{record.aor_key}@{self._domain}"
        thousandths = record.q_thousandths
        return Binding(
            binding_id=record.binding_id,
            aor=aor,
            device_id=record.device_uuid or aor,
            contact_uri=masked_uri(record.contact_uri),
            call_id=record.call_id,
            cseq=record.cseq,
            flow=Flow(Transport(record.transport), Endpoint(record.flow_ip, record.flow_port)),
            target=Endpoint(record.target_ip, record.target_port),
            expires_at=now + timedelta(milliseconds=record.expires_in_ms),
            last_heard=now - timedelta(milliseconds=record.heard_before_ms),
            is_reachable=record.is_reachable,
            rtt_ms=record.rtt_us / 1000 if record.rtt_us else None,
            instance=record.instance or None,
            reg_id=record.reg_id or None,
            q=None if thousandths is None else thousandths / 1000,
            path=(record.path,) if record.path else (),
            user_agent=record.user_agent or None,
            content_type=record.content_type or None,
            body=record.body,
        )


def _credential_row(credential: Credential) -> tuple[str, list[tuple[str, str]], list[str], bool]:
    ha1 = [(str(algorithm), digest) for algorithm, digest in credential.ha1.items()]
    return credential.user, ha1, list(credential.keys), credential.is_enabled


def _to_exchange(record: _engine.MessageRecord) -> Exchange:
    return Exchange(
        first_at=datetime.fromtimestamp(record.first_ms / 1000, UTC),
        last_at=datetime.fromtimestamp(record.last_ms / 1000, UTC),
        count=record.count,
        transport=Transport(record.transport),
        remote=Endpoint(record.remote_ip, record.remote_port),
        user=unquote(record.user.decode("utf-8", "replace"), errors="replace"),
        message=record.message,
        answer=record.answer,
        status=record.status,
        cause=record.cause or None,
        is_ping=record.is_ping,
        listener=record.listener,
        is_cut=record.is_cut,
    )
