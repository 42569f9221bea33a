"""The bindings of one device or address, and the one rule for being online: one of them is reachable."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from domain.values import Binding


class BindingSet:
    """Bindings in the order of their changes. All but ``oldest_first`` takes the same time for one or 20,000."""

    def __init__(self, oldest_first: Iterable[Binding] = ()) -> None:
        self._all: dict[int, Binding] = {}
        self._reachable: OrderedDict[int, Binding] = OrderedDict()
        for binding in oldest_first:
            self.put(binding)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def is_reachable(self) -> bool:
        """Whether one of the bindings is: what config.yaml, `devices` and every event package call online or open."""
        return bool(self._reachable)

    @property
    def primary(self) -> Binding | None:
        """The reachable binding that changed last, or None."""
        return self._reachable[next(reversed(self._reachable))] if self._reachable else None

    @property
    def oldest_first(self) -> tuple[Binding, ...]:
        """All of them, who changed last is last."""
        return tuple(self._all.values())

    def find(self, binding_id: int) -> Binding | None:
        """The binding as it was put last, or None."""
        return self._all.get(binding_id)

    def put(self, binding: Binding) -> None:
        """Add or replace; it is the newest now."""
        self.drop(binding.binding_id)
        self._all[binding.binding_id] = binding
        if binding.is_reachable:
            self._reachable[binding.binding_id] = binding

    def drop(self, binding_id: int) -> None:
        """Remove the binding if it is there."""
        self._all.pop(binding_id, None)
        self._reachable.pop(binding_id, None)
