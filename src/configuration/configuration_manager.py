"""The face of the configuration: devices come and go here, and the SIP service is started and stopped from here."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from configuration.config_diff import Change, Effect, diff_settings, in_force
from configuration.config_document import ConfigDocument, DeviceEntry, fold_device_id
from configuration.config_store import ConfigStore
from configuration.device_directory import DeviceDirectory
from configuration.device_log import DeviceLog
from configuration.entry_change import Sighting, default_name, offline_change, registration_change
from configuration.owner_edit import OwnerEdit
from domain.calls import CallTarget, MediaAnswer, MediaRefusal, MediaService, RefusalStatus
from domain.ports import BindingObserver, CapabilityReader, Clock, Engine, EngineConfig, ListenAddress, SipService
from domain.values import AudioFormat, Binding, Capabilities, ProtocolType, Role

_log = structlog.get_logger(__name__)
_MOST_LOGGED_CHANGES = 50
_RESTORED_AT_ONCE = 50
"""Two milliseconds of the loop."""


@dataclass(frozen=True, slots=True)
class SipDeviceConfig:
    """One device: its entry in config.yaml, merged with what the core knows at this moment."""

    uuid: str
    name: str
    role: Role
    enabled: bool
    online: bool
    protocol_type: ProtocolType
    sip_contact_uri: str | None = None
    ip: str | None = None
    port: int | None = None
    last_seen: datetime | None = None
    rtt_ms: float | None = None
    formats: tuple[AudioFormat, ...] = ()
    rtp_port: int | None = None
    supported_protocols: tuple[str, ...] = ()
    user_agent: str | None = None
    pending: bool = False
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the manager works with. ``sip`` serves; ``served_hosts`` are the host's own names and addresses.

    ``media`` is the audio side, None where there is none. ``on_reload`` takes the configuration in force whenever the
    owner has changed a setting of it.
    """

    clock: Clock
    engine: Engine
    sip: SipService
    read_capabilities: CapabilityReader
    served_hosts: frozenset[str] = frozenset()
    on_reload: Callable[[ConfigDocument], None] | None = None
    media: MediaService | None = None


class ConfigurationManager:
    """Implements ``domain.ports.RegistrationSink`` and ``domain.calls.WebRtcForwarding``.

    Every method belongs to the event loop's thread.
    """

    def __init__(self, store: ConfigStore, surroundings: Surroundings) -> None:
        self._store = store
        self._clock = surroundings.clock
        self._engine = surroundings.engine
        self._sip = surroundings.sip
        self._served_hosts = surroundings.served_hosts
        self._media = surroundings.media
        self._on_reload = surroundings.on_reload
        self._directory = DeviceDirectory(self, surroundings.read_capabilities)
        self._device_log = DeviceLog()
        self._started_with = store.document
        self._applied: EngineConfig | None = None
        self._told_restart: tuple[str, ...] = ()
        store.on_edit = self.take_edit

    @property
    def observer(self) -> BindingObserver:
        """Whom the event pump tells of changes."""
        return self._directory

    @property
    def document(self) -> ConfigDocument:
        """The configuration in force: the file's, but the values of the start where only a restart changes them."""
        return in_force(self._started_with, self._store.document)

    async def start(self) -> Sequence[ListenAddress]:
        """Set every device offline until it is heard, configure the core and serve; return the addresses as bound.

        Raise ``domain.errors.UserError`` if the service cannot start; nothing keeps running then.
        """
        document = self._started_with = self._store.document
        self._configure_engine()
        await self._store.start()
        for device_id, entry in document.devices.items():
            if entry.online:
                self._store.submit(device_id, offline_change(None))
        is_serving = False
        try:
            bound = self._sip.start(listen_addresses(document))
            is_serving = True
        finally:
            if not is_serving:
                await self._store.stop()
        return bound

    async def take_restored(self, has_been_listed: Callable[[str], bool]) -> None:
        """Know the devices of the bindings that the core has again; before the observer is told of events.

        ``has_been_listed``: whether a device's entry was in the file before; one that has none now was deleted by the
        owner, while one that never had any was not written in time and gets one when it is heard.
        """
        for count, binding in enumerate(self._engine.snapshot(), 1):
            device_id = binding.device_id
            is_deleted = device_id not in self._store.document.devices and has_been_listed(device_id)
            self._directory.restore(binding, is_forgotten=is_deleted)
            if count % _RESTORED_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def stop(self) -> None:
        """Stop serving and write what is pending, every device as offline: nobody hears them now; idempotent."""
        self._sip.stop()
        self._set_all_offline()
        await self._store.stop()
        self._device_log.flush()

    def set_served_hosts(self, served_hosts: frozenset[str]) -> None:
        """Take the host's names and addresses as they are now; no binding is touched."""
        self._served_hosts = served_hosts
        self._configure_engine()

    def take_edit(self, edit: OwnerEdit) -> None:
        """The owner edited the file: put in force what can be while running, and tell what cannot. Drops no binding."""
        _log_edit(edit)
        self._tell_restart(edit.after)
        if any(change.effect is Effect.LIVE and change.key_path[0] != "devices" for change in edit.changes):
            self._configure_engine()
            if any(change.key_path == ("server", "domain") for change in edit.changes):
                self.observer.on_resync(self._engine.snapshot())  # devices are known by addresses in the domain
            if self._on_reload is not None:
                self._on_reload(self.document)
        for device_id in edit.removed_devices:
            self._directory.forget(device_id)
        for device_id, entry in edit.added_devices.items():
            if not self._directory.tell_again(device_id) and entry.online:
                self._store.submit(device_id, offline_change(None))

    def _set_all_offline(self) -> None:
        heard: dict[str, datetime] = {}
        for binding in self._engine.snapshot():
            heard[binding.device_id] = max(heard.get(binding.device_id, binding.last_heard), binding.last_heard)
        for device_id in self._store.device_ids():
            entry = self._store.find_entry(device_id)
            if entry is not None and entry.online:
                known = self._directory.find(device_id)
                last_heard = heard.get(device_id) or (known.last_heard if known else None)
                self._store.submit(device_id, offline_change(last_heard))

    def _configure_engine(self) -> None:
        wanted = engine_config(self._store.document, self._served_hosts)
        if wanted != self._applied:
            self._engine.apply_config(wanted)
            self._applied = wanted

    def _tell_restart(self, wanted: ConfigDocument) -> None:
        """Name what the file wants and only a restart brings, when that has changed."""
        changes = tuple(str(change) for change in diff_settings(self._started_with, wanted) if _needs_restart(change))
        if changes and changes != self._told_restart:
            _log.warning("config.restart_needed", changes=list(changes), effect="in force after the next start")
        elif self._told_restart and not changes:
            _log.info("config.restart_not_needed")
        self._told_restart = changes

    def handle_sip_registration(self, uuid: str, ip: str, port: int, role: Role, capabilities: Capabilities) -> None:
        """A device registered, changed or came back: its entry is made or updated."""
        device_id = fold_device_id(uuid)
        known = self._directory.find(device_id)
        primary = known.primary if known else None
        contact_uri = primary.contact_uri if primary else _contact_uri(device_id, ip, port)
        heard = primary.last_heard if primary else self._clock.now()
        sighting = Sighting(contact_uri, ip, port, heard)
        self._store.submit(device_id, registration_change(device_id, sighting, role, capabilities))
        self._device_log.tell(
            "device.registered", device=device_id, ip=ip, port=port, role=str(role), contact=contact_uri
        )

    def handle_sip_device_offline(self, uuid: str) -> None:
        """A device unregistered, expired or fell silent: its entry stays and says so."""
        device_id = fold_device_id(uuid)
        known = self._directory.find(device_id)
        self._store.submit(device_id, offline_change(known.last_heard if known else None))
        self._device_log.tell("device.offline", device=device_id)

    def forward_webrtc_sdp_offer_to_cpp(
        self, leg_id: str, offer: bytes | None, target: CallTarget
    ) -> MediaAnswer | MediaRefusal:
        if self._media is None:
            return MediaRefusal(RefusalStatus.NOT_ACCEPTABLE_HERE, "this server carries no audio")
        return self._media.open_leg(leg_id, offer, target)

    def forward_webrtc_ice_candidate_to_cpp(self, leg_id: str, candidate: str) -> bool:
        return self._media is not None and self._media.add_candidate(leg_id, candidate)

    def get_sip_config_for_device(self, uuid: str) -> SipDeviceConfig | None:
        """The device as it is now; None if neither the file nor the core knows it."""
        device_id = fold_device_id(uuid)
        entry = self._store.find_entry(device_id)
        bindings = self._engine.find_device(device_id)
        if entry is None and not bindings:
            return None
        return merge_live_state(device_id, entry or DeviceEntry(), bindings)

    def sip_configs(self) -> list[SipDeviceConfig]:
        """Every device as it is now, by id."""
        bindings: dict[str, list[Binding]] = {}
        for binding in self._engine.snapshot():
            bindings.setdefault(binding.device_id, []).append(binding)
        return [
            merge_live_state(device_id, self._store.find_entry(device_id) or DeviceEntry(), bindings.get(device_id, ()))
            for device_id in sorted(self._store.device_ids() | bindings.keys())
        ]


def _needs_restart(change: Change) -> bool:
    return change.effect is Effect.RESTART


def _log_edit(edit: OwnerEdit) -> None:
    for conflict in edit.conflicts:
        _log.warning(
            "config.conflict",
            device=conflict.device_id,
            field=conflict.field,
            kept=conflict.kept,
            dropped=conflict.dropped,
            reason="you and the daemon set it at the same time; your value stays",
        )
    texts = [str(change) for change in edit.changes if change.effect is Effect.LIVE]
    overwritten = [str(change) for change in edit.changes if change.effect is Effect.OVERWRITTEN]
    if not texts and not overwritten:
        return
    told: dict[str, object] = {"changes": texts[:_MOST_LOGGED_CHANGES], "count": len(texts)}
    if overwritten:
        told |= {"overwritten": overwritten[:_MOST_LOGGED_CHANGES], "overwritten_count": len(overwritten)}
    _log.info("config.reloaded", **told)


def merge_live_state(device_id: str, entry: DeviceEntry, bindings: Sequence[Binding]) -> SipDeviceConfig:
    """The entry's fields, but what the core sees at this moment where it sees something."""
    reachable = [binding for binding in bindings if binding.is_reachable]
    live = max(reachable or bindings, key=lambda binding: binding.last_heard, default=None)
    role = entry.role or Role.UNKNOWN
    return SipDeviceConfig(
        uuid=device_id,
        name=entry.name or default_name(device_id, role),
        role=role,
        enabled=entry.enabled,
        online=bool(reachable) if bindings else entry.online,
        protocol_type=entry.protocol_type or ProtocolType.SIP,
        sip_contact_uri=live.contact_uri if live else entry.sip_contact_uri,
        ip=live.target.ip if live else entry.ip,
        port=live.target.port if live else entry.port,
        last_seen=live.last_heard if live else entry.last_seen,
        rtt_ms=live.rtt_ms if live else None,
        formats=tuple(AudioFormat(one.payload_type, one.codec, one.rate, one.channels) for one in entry.formats),
        rtp_port=entry.rtp_port,
        supported_protocols=entry.supported_protocols,
        user_agent=(live.user_agent if live else None) or entry.user_agent,
        pending=entry.pending,
        mac=entry.mac,
    )


def engine_config(document: ConfigDocument, served_hosts: Iterable[str]) -> EngineConfig:
    """The core's wanted state; the domain always belongs to the hosts it serves."""
    registrar, liveness = document.registrar, document.liveness
    domain = document.server.domain.lower()
    return EngineConfig(
        domain=domain,
        served_hosts=frozenset({domain, *(host.lower().strip("[]") for host in served_hosts)}),
        min_expires_s=registrar.min_expires_s,
        default_expires_s=registrar.default_expires_s,
        max_expires_s=registrar.max_expires_s,
        rejects_brief_expires=registrar.below_min == "reject",
        max_contacts=registrar.max_contacts,
        max_calls=document.limits.max_calls,
        ping_interval_ms=round(liveness.ping_interval_s * 1000),
        liveness_timeout_ms=round(liveness.timeout_s * 1000),
    )


def listen_addresses(document: ConfigDocument) -> tuple[ListenAddress, ...]:
    """Where the document wants SIP over UDP served."""
    udp = document.sip.udp
    return tuple(ListenAddress(address, udp.port) for address in udp.address)


def _contact_uri(device_id: str, ip: str, port: int) -> str:
    """The contact of a device that was reported without a binding: its address of record there, or its id at ``ip``."""
    user = device_id.rpartition("@")[0].rpartition(":")[2] or device_id
    host = f"[{ip}]" if ipaddress.ip_address(ip).version == 6 else ip
    return f"sip:{user}@{host}:{port}"
