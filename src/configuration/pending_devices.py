"""Devices that wait for their owner: written into config.yaml as pending, let in or kept out when he says so."""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog

from configuration.config_document import DeviceEntry, fold_device_id
from configuration.config_store import ConfigStore
from configuration.device_choice import choose_device
from configuration.entry_change import EntryChange, approval_change, pending_change, rejection_change
from configuration.neighbour_table import MacOf
from domain.errors import UserError
from domain.events import RequestRefused

_log = structlog.get_logger(__name__)

MOST_PENDING = 100
"""Whoever makes up names must not fill the file."""
_MOST_KEY_LENGTH = 255
_MOST_NAMED = 10


class PendingDevices:
    """Every method belongs to the event loop's thread, or to the one thread there is. ``on_change`` is told whose
    standing has changed, at once.
    """

    def __init__(self, store: ConfigStore, mac_of: MacOf, on_change: Callable[[str], None]) -> None:
        self._store = store
        self._mac_of = mac_of
        self._on_change = on_change
        self._waiting: set[str] = set()
        self._told_full = False

    def note(self, device_id: str, entry: DeviceEntry | None, *, has_password: bool) -> None:
        """Take in how an entry stands; whom its owner has let in, by hand or by a password, waits no more."""
        if entry is None or not entry.pending:
            self._waiting.discard(device_id)
        elif entry.enabled or has_password:
            self._waiting.discard(device_id)
            self._store.submit(device_id, approval_change())
        else:
            self._waiting.add(device_id)
        self._told_full = self._told_full and len(self._waiting) >= MOST_PENDING

    def retain(self, device_ids: Collection[str]) -> None:
        """No others are known than these."""
        self._waiting.intersection_update(device_ids)

    def park(self, refused: RequestRefused) -> None:
        """Write down a device that was refused because it waits for approval, unless it is known or too many wait."""
        domain = self._store.document.server.domain.lower()
        device_id = fold_device_id(refused.device_uuid or (f"{refused.aor}@{domain}" if refused.aor else ""))
        if not 0 < len(device_id) <= _MOST_KEY_LENGTH or self._store.find_entry(device_id) is not None:
            return
        ip = refused.source.ip
        if len(self._waiting) >= MOST_PENDING:
            self._tell_full(device_id)
            return
        self._waiting.add(device_id)
        mac = self._mac_of(ip)
        self._store.submit(device_id, pending_change(device_id, ip, refused.user_agent, mac))
        _log.info("device.pending", device=device_id, ip=ip, mac=mac, remedy="screamrouter-sip devices approve DEVICE")

    def approve(self, asked: str) -> str:
        """Let the device in that ``asked`` names; return its key. Raise ``UserError`` where that names no device."""
        return self._decide(asked, approval_change())

    def reject(self, asked: str) -> str:
        """Keep it out, also where others get in; the same otherwise."""
        return self._decide(asked, rejection_change())

    def _decide(self, asked: str, change: EntryChange) -> str:
        known = {one: entry for one in self._store.device_ids() if (entry := self._store.find_entry(one)) is not None}
        device_id = choose_device(asked, known, self._store.document.server.domain)
        if device_id is None:
            waiting = sorted(one for one, entry in known.items() if entry.pending)
            named = ", ".join(waiting[:_MOST_NAMED]) or "none"
            raise UserError(f"No device is called {asked}. Waiting to be let in: {named}.")
        self._store.submit(device_id, change)
        self._waiting.discard(device_id)
        self._on_change(device_id)
        return device_id

    def _tell_full(self, device_id: str) -> None:
        if self._told_full:
            return
        self._told_full = True
        _log.warning(
            "devices.pending_full",
            most=MOST_PENDING,
            device=device_id,
            effect="more devices are refused, but not written down",
            remedy="approve or reject those that wait, or delete their entries",
        )
