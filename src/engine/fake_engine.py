"""The core's twin for tests: the same promises (tests/integration/test_engine_contract.py holds both to them).

A test plays the network by ``hear``, ``silence``, ``remove``, ``watch`` and ``overflow``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.access import AccessConfig
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
from domain.ports import (
    BINDING_FIELDS,
    BindingChanges,
    BindingRow,
    Clock,
    EngineConfig,
    EngineStatistics,
    ListenAddress,
    Octets,
)
from domain.uri_mask import masked_uri
from domain.values import Binding, Endpoint, Flow, Transport
from domain.watching import WatchEvent

_NEVER = datetime.min.replace(tzinfo=UTC)


class FakeEngine:
    """Implements ``domain.ports.Engine``, ``BindingJournal`` and ``domain.access.Door`` in memory.

    ``configs``, ``accesses``, ``opened`` and ``first_number`` record what it was told. ``clock`` is that of its
    bindings' times.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or _WallClock()
        self.first_number = 1
        self._changed: dict[int, None] = {}
        self._removed: list[int] = []
        self.configs: list[EngineConfig] = []
        self.accesses: list[AccessConfig] = []
        self.opened: list[ListenAddress] = []
        self.is_attached = False
        self._bindings: dict[int, Binding] = {}
        self._events: list[CoreEvent] = []
        self._event_count = 0
        self._event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __del__(self) -> None:
        os.close(self._event_fd)

    def apply_config(self, config: EngineConfig) -> None:
        self.configs.append(config)

    def apply_access(self, config: AccessConfig) -> None:
        self.accesses.append(config)

    def attach(self) -> None:
        self.is_attached = True

    def open(self, listener: ListenAddress) -> None:
        self.opened.append(listener)

    def detach(self) -> None:
        self.is_attached = False
        self.opened.clear()

    @property
    def event_fd(self) -> int:
        return self._event_fd

    def drain(self) -> Sequence[CoreEvent]:
        events, self._events = self._events, []
        if events:
            os.eventfd_read(self._event_fd)
        return events

    def snapshot(self) -> Sequence[Binding]:
        return [_shown(binding) for binding in self._bindings.values()]

    def find_device(self, device_id: str) -> Sequence[Binding]:
        return [_shown(binding) for binding in self._bindings.values() if binding.device_id == device_id]

    def find_aor(self, aor: str) -> Sequence[Binding]:
        return [binding for binding in self._bindings.values() if binding.aor == aor]

    def statistics(self) -> EngineStatistics:
        aors = {binding.aor for binding in self._bindings.values()}
        octets = sum(map(_charge, self._bindings.values()))
        return EngineStatistics(0, 0, 0, 0, 0, self._event_count, len(self._bindings), len(aors), octets)

    def take_changes(self, most: int, now_ms: int) -> BindingChanges:
        now = self._clock.now()
        numbers = list(self._changed)[:most]
        for number in numbers:
            del self._changed[number]
        removed, self._removed = self._removed, []
        saved = [_to_row(self._bindings[number], now, now_ms) for number in numbers]
        return BindingChanges(saved, removed, is_last=not self._changed)

    def retake_bindings(self) -> None:
        self._changed = dict.fromkeys(self._bindings)

    def restore(self, rows: Sequence[BindingRow], now_ms: int, first_number: int) -> int:
        now = self._clock.now()
        domain = self.configs[-1].domain if self.configs else ""
        for number, row in enumerate(rows):
            if len(row) != len(BINDING_FIELDS):
                raise ValueError(f"row {number} is no binding")
        restored = [_to_binding(row, now, now_ms, domain) for row in rows]
        unexpired = {binding.binding_id: binding for binding in restored if binding.expires_at > now}
        self._bindings.update(unexpired)
        self.first_number = first_number
        return len(unexpired)

    def hear(self, binding: Binding) -> None:
        """``binding`` registered: added if its id is new, changed if it differs, reachable again if it was silent.

        It is refused where it would be more than the limits of the configuration allow.
        """
        known = self._bindings.get(binding.binding_id)
        if cause := self._find_excess(known, binding):
            self.refuse(_refusal(binding, cause))
            return
        now = replace(binding, is_reachable=True)
        self._bindings[binding.binding_id] = now
        self._changed[binding.binding_id] = None
        if known is None:
            self._push(BindingAdded(_shown(now)))
            return
        if _lasting(known) != _lasting(now):
            self._push(BindingChanged(_shown(now)))
        if not known.is_reachable:
            self._push(BindingReachable(_shown(now)))

    def silence(self, binding_id: int) -> None:
        """Nothing was heard of it for too long."""
        silent = replace(self._bindings[binding_id], is_reachable=False)
        self._bindings[binding_id] = silent
        self._push(BindingUnreachable(_shown(silent)))

    def remove(self, binding_id: int, reason: RemovalReason = RemovalReason.UNREGISTERED) -> None:
        """It unregistered, expired or was replaced."""
        self._changed.pop(binding_id, None)
        self._removed.append(binding_id)
        self._push(BindingRemoved(_shown(self._bindings.pop(binding_id)), reason))

    def refuse(self, refused: RequestRefused) -> None:
        """A request was refused, and that is told."""
        self._push(refused)

    def watch(self, event: WatchEvent) -> None:
        """Somebody watches or publishes."""
        self._push(event)

    def overflow(self) -> None:
        """More happened than the queue holds: what was queued is lost."""
        self._events = []
        self._push(ResyncRequired())

    def _find_excess(self, known: Binding | None, binding: Binding) -> str | None:
        """Which limit ``binding`` would break, or None; only what grows is asked."""
        limits, held = self.configs[-1] if self.configs else None, self.statistics()
        if limits is None:
            return None
        is_new_aor = all(one.aor != binding.aor for one in self._bindings.values())
        octets = _charge(binding) - (_charge(known) if known else 0)
        if is_new_aor and held.aors >= limits.max_aors:
            return "too_many_aors"
        if known is None and held.bindings >= limits.max_bindings:
            return "too_many_bindings"
        if octets > 0 and held.binding_octets + octets > limits.max_binding_octets:
            return "memory_full"
        return None

    def _push(self, event: CoreEvent) -> None:
        if not self._events:
            os.eventfd_write(self._event_fd, 1)
        self._events.append(event)
        self._event_count += 1


def _shown(binding: Binding) -> Binding:
    """As whoever is not the binding database sees it."""
    return replace(binding, contact_uri=masked_uri(binding.contact_uri))


def _lasting(binding: Binding) -> Binding:
    """The binding without what every refresh moves on."""
    return replace(binding, cseq=0, call_id="", expires_at=_NEVER, last_heard=_NEVER, rtt_ms=None, is_reachable=True)


def _charge(binding: Binding) -> int:
    """What the core counts for it (cpp/location/quota.hpp): about 400 octets, and its texts in steps of 256."""
    texts = (
        binding.aor.rpartition("@")[0],
        binding.contact_uri,
        binding.call_id,
        binding.instance or "",
        ", ".join(binding.path),
        binding.user_agent or "",
        binding.content_type or "",
    )
    octets = sum(len(text.encode()) for text in texts) + len(binding.body)
    return 400 + -(-octets // 256) * 256


def _refusal(binding: Binding, cause: str) -> RequestRefused:
    user = binding.aor.rpartition("@")[0]
    return RequestRefused(503, cause, binding.flow.remote, user, binding.contact_uri, binding.user_agent or "", cause)


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def _to_row(binding: Binding, now: datetime, now_ms: int) -> BindingRow:
    return (
        binding.binding_id,
        binding.aor.rpartition("@")[0],
        binding.contact_uri,
        binding.call_id,
        binding.cseq,
        "" if binding.device_id == binding.aor else binding.device_id,
        binding.instance or "",
        binding.reg_id or 0,
        None if binding.q is None else round(binding.q * 1000),
        ", ".join(binding.path),
        binding.user_agent or "",
        binding.content_type or "",
        binding.body,
        binding.flow.transport.value,
        binding.flow.remote.ip,
        binding.flow.remote.port,
        binding.target.ip,
        binding.target.port,
        0,
        now_ms + _milliseconds(binding.expires_at - now),
        now_ms + _milliseconds(binding.last_heard - now),
    )


def _to_binding(row: BindingRow, now: datetime, now_ms: int, domain: str) -> Binding:
    number, aor_key, contact, call_id, cseq, uuid, instance, reg_id, thousandths, path, agent, media_type, body = row[
        :13
    ]
    transport, flow_ip, flow_port, target_ip, target_port, _, expires_at_ms, last_heard_ms = row[13:]
    aor = f"{_text(aor_key)}@{domain}"
    return Binding(
        binding_id=number,
        aor=aor,
        device_id=uuid or aor,
        contact_uri=_text(contact),
        call_id=_text(call_id),
        cseq=cseq,
        flow=Flow(Transport(transport), Endpoint(flow_ip, flow_port)),
        target=Endpoint(target_ip, target_port),
        expires_at=now + timedelta(milliseconds=expires_at_ms - now_ms),
        last_heard=now + timedelta(milliseconds=last_heard_ms - now_ms),
        is_reachable=False,
        instance=_text(instance) or None,
        reg_id=reg_id or None,
        q=None if thousandths is None else thousandths / 1000,
        path=(_text(path),) if path else (),
        user_agent=_text(agent) or None,
        content_type=_text(media_type) or None,
        body=body,
    )


def _text(octets: Octets) -> str:
    return octets if isinstance(octets, str) else octets.decode(errors="replace")


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
