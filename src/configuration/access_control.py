"""Puts in force who may come in, whenever the owner's file, the passwords or the devices' standing change.

Theory of operation: ``config.yaml`` is told by the store (edits at once, new entries after each write), the file of
credentials is looked at once a second. What the core is to obey is made anew and compared with what it obeys; what the
daemon writes of its own about devices changes nothing of it. New entries are gathered for a moment, edits are not.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import structlog

from configuration.access_policy import DeviceStanding, access_config, access_key, other_realms, standing_of
from configuration.config_store import ConfigStore
from configuration.credential_file import CredentialSet, CredentialsUnreadable, file_state, read_credentials
from configuration.neighbour_table import MacOf, mac_of
from configuration.owner_edit import OwnerEdit
from configuration.pending_devices import PendingDevices
from domain.access import AccessConfig, AdmissionMode, Door
from domain.events import RequestRefused

_log = structlog.get_logger(__name__)

LOOK_S = 1.0
GATHER_S = 0.25
_FAILED = frozenset({"unauthorized", "too_many_failures", "not_own_address"})
_MOST_NAMED = 10


def _none_near() -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class AccessSurroundings:
    """``neighbours``: the IPv6 networks in which each address is a source by itself, as they are now."""

    door: Door
    credentials_path: Path
    neighbours: Callable[[], tuple[str, ...]] = _none_near
    mac_of: MacOf = mac_of


class AccessControl:
    """Every method belongs to the event loop's thread."""

    def __init__(self, store: ConfigStore, surroundings: AccessSurroundings) -> None:
        self._store = store
        self._around = surroundings
        self._pending = PendingDevices(store, surroundings.mac_of, self._note_and_apply)
        self._credentials = CredentialSet({})
        self._seen_state: tuple[int, ...] | None = None
        self._standings: dict[str, DeviceStanding] = {}
        self._applied: AccessConfig | None = None
        self._told_realms: list[str] = []
        self._looker: asyncio.TimerHandle | None = None
        self._applier: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Put in force what the files say, before the first request is answered, and follow them.

        Raise ``CredentialsUnreadable`` for a damaged file, whatever the mode: without it, devices that have a password
        would be open to everybody. Only where the whole directory is closed to us, which says nothing of passwords, and
        the mode is open, devices are served until it can be entered.
        """
        self._seen_state = file_state(self._around.credentials_path)
        self._take_credentials(self._first_credentials())
        self._note_all()
        self._apply()
        self._looker = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _first_credentials(self) -> CredentialSet:
        path = self._around.credentials_path
        try:
            return read_credentials(path)
        except CredentialsUnreadable as unreadable:
            is_open = self._store.document.admission.mode == AdmissionMode.OPEN
            if not is_open or os.access(path.parent, os.X_OK):
                raise
            _log.warning(
                "credentials.out_of_reach",
                path=str(path),
                reason=str(unreadable),
                effect="if devices have passwords, they are let in without them",
                remedy=f"let the daemon's user enter {path.parent}; the passwords are in force at once then",
            )
            return CredentialSet({})

    def stop(self) -> None:
        """Follow no more; idempotent."""
        for timer in (self._looker, self._applier):
            if timer is not None:
                timer.cancel()
        self._looker = self._applier = None

    def take_edit(self, _: OwnerEdit) -> None:
        """The owner edited config.yaml."""
        self._note_all()
        self._apply()

    def note_listed(self, device_ids: Collection[str]) -> None:
        """Entries were written."""
        before = dict(self._standings)
        for device_id in device_ids:
            self._note(device_id)
        if before != self._standings and self._applier is None:
            self._applier = asyncio.get_running_loop().call_later(GATHER_S, self._apply)

    def note_networks(self) -> None:
        """This host's networks may have changed."""
        self._apply()

    def on_refused(self, refused: RequestRefused) -> None:
        """The core refused a request: what concerns passwords and approval is taken note of."""
        if refused.cause in _FAILED:
            _log.warning(
                "authentication.failed",
                source_ip=refused.source.ip,
                user=refused.aor,
                cause=refused.cause,
                finding=refused.reason,
            )
        elif refused.cause == "awaiting_approval":
            self._pending.park(refused)

    def approve(self, asked: str) -> str:
        """As ``PendingDevices.approve``; in force at once."""
        device_id = self._pending.approve(asked)
        _log.info("device.approved", device=device_id)
        return device_id

    def reject(self, asked: str) -> str:
        """As ``PendingDevices.reject``; in force at once."""
        device_id = self._pending.reject(asked)
        _log.info("device.rejected", device=device_id)
        return device_id

    def reread(self) -> str | None:
        """Take the file of credentials as it is now; what is wrong with it, or None. The last good one stays then."""
        path = self._around.credentials_path
        self._seen_state = file_state(path)
        try:
            found = read_credentials(path)
        except CredentialsUnreadable as unreadable:
            return self._refuse(str(unreadable))
        if found.state is None and self._credentials.credentials:
            return self._refuse(f"{path} is gone: restore it; or restart the daemon to be without passwords.")
        self._take_credentials(found)
        self._note_all()
        self._apply()
        return None

    def _look(self) -> None:
        if file_state(self._around.credentials_path) != self._seen_state:
            self.reread()
        self._looker = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _refuse(self, problem: str) -> str:
        _log.error("credentials.rejected", reason=problem, effect="the last good passwords stay in force")
        return problem

    def _take_credentials(self, found: CredentialSet) -> None:
        if found.is_exposed and not self._credentials.is_exposed:
            path = str(self._around.credentials_path)
            _log.warning("credentials.exposed", path=path, remedy=f"chmod 600 {path}, and set the passwords anew")
        if found.credentials != self._credentials.credentials:
            _log.info("credentials.taken", devices=len(found.credentials))
        self._credentials = found

    def _note_all(self) -> None:
        self._standings.clear()
        device_ids = self._store.device_ids()
        self._pending.retain(device_ids)
        for device_id in device_ids:
            self._note(device_id)

    def _note(self, device_id: str) -> None:
        document, entry = self._store.document, self._store.find_entry(device_id)
        key = access_key(device_id, document.server.domain)
        self._pending.note(device_id, entry, has_password=key in self._credentials.credentials)
        standing = standing_of(self._store.find_entry(device_id), document.admission.mode)
        if standing is None:
            self._standings.pop(device_id, None)
        else:
            self._standings[device_id] = standing

    def _note_and_apply(self, device_id: str) -> None:
        self._note(device_id)
        self._apply()

    def _apply(self) -> None:
        if self._applier is not None:
            self._applier.cancel()
            self._applier = None
        document, credentials = self._store.document, self._credentials.credentials
        self._tell_other_realms(other_realms(document, credentials))
        wanted = access_config(document, self._standings, credentials, self._around.neighbours())
        if wanted != self._applied:
            self._around.door.apply_access(wanted)
            self._applied = wanted

    def _tell_other_realms(self, keys: list[str]) -> None:
        if keys and keys != self._told_realms:
            _log.warning(
                "credentials.other_realm",
                devices=keys[:_MOST_NAMED],
                count=len(keys),
                effect="nobody gets in with these passwords: they were given for another server.domain",
                remedy="give each a new password with screamrouter-sip passwd",
            )
        self._told_realms = keys
