"""The core's twin for tests: the same promises (tests/integration/test_engine_contract.py holds both to them).

A test plays the network by ``hear``, ``silence``, ``remove`` and ``overflow``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    CoreEvent,
    RemovalReason,
    ResyncRequired,
)
from domain.ports import EngineConfig, EngineStatistics, ListenAddress
from domain.values import Binding

_NEVER = datetime.min.replace(tzinfo=UTC)


class FakeEngine:
    """Implements ``domain.ports.Engine`` in memory. ``configs`` and ``opened`` record what it was told."""

    def __init__(self) -> None:
        self.configs: list[EngineConfig] = []
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
        return list(self._bindings.values())

    def find_device(self, device_id: str) -> Sequence[Binding]:
        return [binding for binding in self._bindings.values() if binding.device_id == device_id]

    def statistics(self) -> EngineStatistics:
        aors = {binding.aor for binding in self._bindings.values()}
        return EngineStatistics(0, 0, 0, 0, 0, self._event_count, len(self._bindings), len(aors))

    def hear(self, binding: Binding) -> None:
        """``binding`` registered: added if its id is new, changed if it differs, reachable again if it was silent."""
        known = self._bindings.get(binding.binding_id)
        now = replace(binding, is_reachable=True)
        self._bindings[binding.binding_id] = now
        if known is None:
            self._push(BindingAdded(now))
            return
        if _lasting(known) != _lasting(now):
            self._push(BindingChanged(now))
        if not known.is_reachable:
            self._push(BindingReachable(now))

    def silence(self, binding_id: int) -> None:
        """Nothing was heard of it for too long."""
        silent = replace(self._bindings[binding_id], is_reachable=False)
        self._bindings[binding_id] = silent
        self._push(BindingUnreachable(silent))

    def remove(self, binding_id: int, reason: RemovalReason = RemovalReason.UNREGISTERED) -> None:
        """It unregistered, expired or was replaced."""
        self._push(BindingRemoved(self._bindings.pop(binding_id), reason))

    def overflow(self) -> None:
        """More happened than the queue holds: what was queued is lost."""
        self._events = []
        self._push(ResyncRequired())

    def _push(self, event: CoreEvent) -> None:
        if not self._events:
            os.eventfd_write(self._event_fd, 1)
        self._events.append(event)
        self._event_count += 1


def _lasting(binding: Binding) -> Binding:
    """The binding without what every refresh moves on."""
    return replace(binding, cseq=0, call_id="", expires_at=_NEVER, last_heard=_NEVER, rtt_ms=None, is_reachable=True)
