"""In front of the configuration: who registers anew without an entry is due one, also after a restart."""

from __future__ import annotations

from collections.abc import Sequence

from configuration.config_store import ConfigStore
from domain.events import BindingAdded, BindingChanged, BindingEvent
from domain.ports import BindingObserver
from domain.values import Binding
from location.binding_store import BindingStore


class EntryWatch:
    """Implements ``domain.ports.BindingObserver`` in front of another.

    The database of bindings remembers whose entry config.yaml held, so that a device whose entry was deleted stays
    away. What ends that while running, ends it in the database.
    """

    def __init__(self, observer: BindingObserver, store: ConfigStore, bindings: BindingStore) -> None:
        self._observer = observer
        self._store = store
        self._bindings = bindings

    def on_binding_event(self, event: BindingEvent) -> None:
        """Take one change, in order."""
        device_id = event.binding.device_id
        if isinstance(event, BindingAdded | BindingChanged) and device_id not in self._store.document.devices:
            self._bindings.note_unlisted(device_id)
        self._observer.on_binding_event(event)

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        """Take the whole truth."""
        self._observer.on_resync(bindings)
