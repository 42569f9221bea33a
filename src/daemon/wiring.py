"""Joins the rooms: the only file that knows every class. Start and stop happen here, in this order and its reverse."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from api.control_socket import ControlSocket
from configuration.access_control import AccessControl, AccessSurroundings
from configuration.call_directory import ConfiguredCallDirectory
from configuration.config_document import ConfigDocument
from configuration.config_loader import LoadedConfig, load_config
from configuration.config_store import ConfigStore
from configuration.config_watcher import ConfigWatcher
from configuration.configuration_manager import ConfigurationManager, Surroundings, listen_addresses
from configuration.credential_file import CREDENTIALS_NAME
from configuration.owner_edit import OwnerEdit
from daemon import router_identity, self_probe
from daemon.access_answers import AccessAnswers
from daemon.announcer import Announcer
from daemon.audio_service import AudioService
from daemon.call_overview import CallOverview
from daemon.certificate_service import CertificateParts, CertificateService
from daemon.early_hangup import EarlyHangup
from daemon.entry_watch import EntryWatch
from daemon.http_front import FrontParts, HttpFront
from daemon.log_setup import LogLevel, set_up_logging
from daemon.presence_room import make_presence
from daemon.presence_service import PresenceService
from daemon.responsiveness import keep_responsive
from daemon.service_notify import ServiceNotify
from daemon.status_report import StatusReport
from daemon.stream_service import StreamService
from daemon.system_clock import SystemClock
from discovery.address_monitor import AddressMonitor
from discovery.interfaces import own_addresses, own_host_names, own_networks
from discovery.service_types import announced_host_name
from domain.calls import MediaService
from domain.errors import UserError
from domain.ports import ListenAddress, Publisher, ServiceAnnouncement
from engine.core_engine import CoreEngine
from engine.event_pump import EventPump
from location.binding_store import BindingStore, StoreSettings
from sip_server.invite_flow import InviteFlow
from sip_server.sdp_utils import read_capabilities
from sip_server.sip_manager import LIBRARY_PATH, SipManager

log = structlog.get_logger()

_GOODBYE_S = 0.2
"""In which a BYE and its answer cross a LAN."""
_LAST_WRITE_S = 2.0
"""How long the last writing of config.yaml may take until bindings are saved beside it."""

_SOUGHT_RECEIVE_BUFFER_OCTETS = 1024 * 1024


def run_daemon(config_path: Path, early_hangup: EarlyHangup) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean stop. Raise UserError when it cannot start."""
    loaded = load_config(config_path)
    log_level = set_up_logging(loaded.document.log.level)
    keep_responsive()
    asyncio.run(_serve(loaded, log_level, early_hangup))
    return 0


async def _serve(loaded: LoadedConfig, log_level: LogLevel, early_hangup: EarlyHangup) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    notify = ServiceNotify()
    async with _running(loaded, log_level) as parts:
        listening = parts.listening
        if not await self_probe.answers(listening[0]):
            raise UserError(
                f"The SIP socket on {listening[0].ip} port {listening[0].port} does not answer this machine itself: "
                "does a firewall block its own address?"
            )
        on_hangup = _on_hangup(parts.reread, ended.set)
        loop.add_signal_handler(signal.SIGHUP, on_hangup)
        if early_hangup.has_come:
            on_hangup()
        notify.ready()
        notify.status(f"serving SIP on UDP port {listening[0].port}")
        log.info("daemon.ready", config=str(loaded.path))
        watchdog = asyncio.create_task(_feed_watchdog(notify, listening[0]))
        await ended.wait()
        notify.stopping()
        watchdog.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watchdog
    log.info("daemon.stopped")


def _on_hangup(read_now: Callable[[], None], end: Callable[[], None]) -> Callable[[], None]:
    """What SIGHUP does: re-read the configuration, but end when it tells that the terminal has been closed."""
    had_terminal = sys.stderr.isatty()

    def handle() -> None:
        if had_terminal and not sys.stderr.isatty():
            end()
        else:
            read_now()

    return handle


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is started and stopped, joined already."""

    engine: CoreEngine
    sip: SipManager
    bindings: BindingStore
    access: AccessControl
    manager: ConfigurationManager
    pump: EventPump
    control: ControlSocket
    watcher: ConfigWatcher
    addresses: AddressMonitor
    announcer: Announcer
    certificates: CertificateService
    http: HttpFront
    calls: InviteFlow
    audio: AudioService
    streams: StreamService
    presence: PresenceService
    listening: list[ListenAddress]
    router_uuid: str

    def reread(self) -> None:
        """Read the owner's files whether or not they seem changed."""
        self.access.reread()
        self.watcher.read_now()


def _assemble(loaded: LoadedConfig, log_level: LogLevel) -> _Parts:
    state_dir = loaded.document.server.state_path()
    router_uuid = router_identity.load_or_make(state_dir)
    clock = SystemClock()
    engine = CoreEngine(clock, LIBRARY_PATH)
    announcer = Announcer(_make_publisher)
    started_at = clock.now()
    listening: list[ListenAddress] = []

    def on_edit(edit: OwnerEdit) -> None:
        access.take_edit(edit)
        manager.take_edit(edit)
        presence.take_edit()

    def on_listed(device_ids: Collection[str]) -> None:
        access.note_listed(device_ids)
        bindings.note_listed(device_ids)
        presence.note_listed(device_ids)

    def on_reload(document: ConfigDocument) -> None:
        log_level.set(document.log.level)
        bindings.set_interval(document.registrar.save_interval_s)
        audio.take_reload(document)
        streams.apply_limits(document.limits)
        announcer.announce(_announcement(document, router_uuid, listening, streams))

    def on_networks() -> None:
        access.note_networks()
        audio.note_networks()
        manager.set_served_hosts(_served_hosts(router_uuid))
        certificates.note_hosts()
        http.note_hosts()

    def doctor(asked: Any) -> dict[str, Any]:
        from daemon.doctor import Doctor, Premises

        premises = Premises(listening, lambda: _served_hosts(router_uuid), state_dir, router_uuid, started_at)
        return Doctor(manager, engine, clock, premises).answer(asked)

    store = ConfigStore(loaded)
    bindings = BindingStore(_store_settings(loaded.document, state_dir), engine)
    sip = SipManager(engine)
    certificates = CertificateService(
        CertificateParts(lambda: manager.document, state_dir, lambda: _served_hosts(router_uuid), clock)
    )
    streams = StreamService(engine.flows, loaded.document.limits, certificates)
    hosts = _served_hosts(router_uuid)
    media = make_media(engine)
    audio = AudioService(engine.media, own_addresses)
    around = Surroundings(clock, engine, sip, read_capabilities, hosts, on_reload, media)
    manager = ConfigurationManager(store, around)
    calls = InviteFlow(engine, ConfiguredCallDirectory(store, engine), manager, media)
    access = AccessControl(store, AccessSurroundings(engine, state_dir / CREDENTIALS_NAME, _ipv6_networks))
    store.on_edit, store.on_listed = on_edit, on_listed
    report = StatusReport(manager, engine, loaded.path, (started_at, listening))
    presence = make_presence(clock, lambda: manager.document, engine.watching, engine.watching.set_known_addresses)
    calls.parts_observer, report.availability = presence.call_parts, presence.availability
    overview = CallOverview(calls, media, clock)
    http = HttpFront(
        FrontParts(
            document=lambda: manager.document,
            hosts=lambda: _served_hosts(router_uuid),
            report=report,
            certificates=certificates,
            calls=overview,
            flows=engine.flows,
            quota=streams.quota,
            presence=presence,
        )
    )
    to_arguments = {"doctor": doctor, **AccessAnswers(access).answers}
    return _Parts(
        engine=engine,
        sip=sip,
        bindings=bindings,
        access=access,
        manager=manager,
        pump=EventPump(
            engine,
            presence.observer_behind(EntryWatch(manager.observer, store, bindings)),
            presence.refusals_behind(access.on_refused),
            calls.on_call_event,
            presence.on_watch_event,
        ),
        control=ControlSocket(state_dir, {**report.answers, "legs": overview.leg_rows}, to_arguments, presence.history),
        watcher=ConfigWatcher(loaded.path, store.sync),
        addresses=AddressMonitor(on_networks),
        announcer=announcer,
        certificates=certificates,
        http=http,
        calls=calls,
        audio=audio,
        streams=streams,
        presence=presence,
        listening=listening,
        router_uuid=router_uuid,
    )


def make_media(engine: CoreEngine) -> MediaService:
    """The audio side of calls."""
    return engine.media


def _make_publisher() -> Publisher:
    from discovery.mdns_publisher import MdnsPublisher

    return MdnsPublisher()


@asynccontextmanager
async def _running(loaded: LoadedConfig, log_level: LogLevel) -> AsyncIterator[_Parts]:
    parts = _assemble(loaded, log_level)
    manager, bindings = parts.manager, parts.bindings
    async with contextlib.AsyncExitStack() as stack:
        await parts.control.start()
        stack.push_async_callback(parts.control.stop)
        restored = bindings.load(loaded.document.registrar.max_expires_s, loaded.document.server.domain)
        bindings.start()
        writers: list[Callable[[], Awaitable[None]]] = []
        stack.push_async_callback(_stop_writers, writers, bindings)
        parts.access.start()  # nobody is answered before it is known who may come in
        stack.callback(parts.access.stop)
        parts.audio.start(loaded.document)
        stack.callback(parts.audio.stop)
        parts.listening.extend(await manager.start())
        writers.append(manager.stop)
        await manager.take_restored(lambda device_id: device_id in restored.listed)
        parts.presence.start(parts.engine.snapshot)
        stack.callback(parts.presence.stop)
        parts.pump.start()
        stack.callback(parts.pump.stop)
        stack.push_async_callback(parts.streams.stop)  # what the core still says is written
        # First of the three: what devices sent until here is still written, and no more comes.
        stack.callback(parts.sip.stop)
        parts.streams.start(manager.document.sip, parts.listening)
        parts.addresses.start()
        stack.callback(parts.addresses.stop)
        _warn_of_small_buffers(parts.engine)
        stack.push_async_callback(parts.announcer.stop)
        await parts.announcer.start(_announcement(manager.document, parts.router_uuid, parts.listening, parts.streams))
        parts.watcher.start()
        stack.push_async_callback(parts.watcher.stop)
        stack.push_async_callback(parts.certificates.stop)
        parts.certificates.start()
        stack.push_async_callback(parts.http.stop)
        parts.http.start()
        stack.push_async_callback(_say_goodbye, parts)
        yield parts


async def _say_goodbye(parts: _Parts) -> None:
    """End the calls while the connections that they came on are still there; the core alone would come too late."""
    if not parts.calls.calls:
        return
    parts.calls.hang_up_all("the server is going down")
    parts.engine.flows.flush()
    await asyncio.sleep(_GOODBYE_S)


async def _stop_writers(writers: Sequence[Callable[[], Awaitable[None]]], bindings: BindingStore) -> None:
    """Stop ``writers``, then the bindings, which are to know what was written; a disk that hangs keeps none back."""
    ending = asyncio.gather(*(stop() for stop in writers))
    if writers:
        await asyncio.wait({ending}, timeout=_LAST_WRITE_S)
    await asyncio.gather(asyncio.to_thread(bindings.stop), ending)


def _store_settings(document: ConfigDocument, state_dir: Path) -> StoreSettings:
    listeners = [address.ip for address in listen_addresses(document)]
    return StoreSettings(state_dir, listeners, document.registrar.save_interval_s)


async def _feed_watchdog(notify: ServiceNotify, listener: ListenAddress) -> None:
    interval_s = notify.watchdog_interval_s
    if interval_s is None:
        return
    while True:
        if await self_probe.answers(listener):
            notify.alive()
        else:
            log.error("sip.silent", ip=listener.ip, port=listener.port)
        await asyncio.sleep(interval_s)


def _served_hosts(router_uuid: str) -> frozenset[str]:
    announced = announced_host_name(router_uuid).rstrip(".").lower()
    return frozenset({announced, *own_addresses(), *own_host_names()})


def _ipv6_networks() -> tuple[str, ...]:
    """Where devices are so near that each IPv6 address is one by itself; elsewhere a /64 is one source."""
    return tuple(network for network in own_networks() if ":" in network)


def _announcement(
    document: ConfigDocument, router_uuid: str, listening: Sequence[ListenAddress], streams: StreamService
) -> ServiceAnnouncement | None:
    """Announced where the owner says, else where SIP is heard: on every link unless each socket has one address."""
    if not document.discovery.enabled:
        return None
    addresses = tuple(address.ip for address in listening)
    is_everywhere = any(ipaddress.ip_address(ip).is_unspecified for ip in addresses)
    interfaces = document.discovery.interfaces or (() if is_everywhere else addresses)
    return ServiceAnnouncement(document.server.name, router_uuid, listening[0].port, interfaces, streams.ports)


def _warn_of_small_buffers(engine: CoreEngine) -> None:
    octets = engine.receive_buffer()
    if octets < _SOUGHT_RECEIVE_BUFFER_OCTETS:
        log.warning(
            "sip.receive_buffer_small",
            octets=octets,
            remedy="sysctl net.core.rmem_max=4194304 (`make install` sets it), or bursts of requests are lost",
        )
