"""The mDNS responder of one link, which answers with that link's addresses and no others (RFC 6762 section 6.2).

python-zeroconf would publish every address on every interface, so a LAN would be told the addresses of container
bridges that it cannot reach. Therefore each link has an instance of its own.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zeroconf import (  # type: ignore[attr-defined]  # the DNS names are exported for its users, though not in __all__
    DNSOutgoing,
    DNSQuestion,
    DNSService,
    NotRunningException,
    RecordUpdate,
    RecordUpdateListener,
    ServiceInfo,
    Zeroconf,
)
from zeroconf.asyncio import AsyncZeroconf

from discovery.interfaces import Link, announced_addresses, zeroconf_interfaces

IP_MULTICAST_ALL = 49  # linux/in.h
IPV6_MULTICAST_ALL = 29  # linux/in6.h
TYPE_ANY = 255
CLASS_IN = 1
FLAGS_QUERY = 0
PROBES = 3  # RFC 6762 section 8.1
PROBE_INTERVAL_S = 0.25  # the same
HEAD_START_S = 0.25  # the same: random up to this, lest all hosts ask at once after a power cut


@dataclass(frozen=True, slots=True)
class Service:
    """One service instance to publish; ``host`` and ``service_type`` with trailing dot."""

    service_type: str
    instance: str
    host: str
    port: int
    txt: tuple[tuple[str, str], ...]

    @property
    def full_name(self) -> str:
        """The owner of the SRV and TXT records."""
        return f"{self.instance}.{self.service_type}"


class LinkError(Exception):
    """mDNS cannot be spoken on this link; ``str()`` is the system's reason."""


class LinkResponder:
    """Publishes services on one link.

    ``on_conflict`` is called on the loop with the instance name when somebody else holds it as well and wins the
    comparison of RFC 6762 section 8.2.
    """

    def __init__(self, link: Link, on_conflict: Callable[[str], None]) -> None:
        self.link = link
        self._on_conflict = on_conflict
        self._zeroconf: AsyncZeroconf | None = None
        self._watch = _NameWatch(self._on_foreign_record)
        self._published: dict[str, ServiceInfo] = {}
        self._announcements: set[asyncio.Future[None]] = set()

    async def open(self) -> None:
        """Join the multicast groups. Raise LinkError when that is impossible."""
        try:
            self._zeroconf = AsyncZeroconf(interfaces=zeroconf_interfaces(self.link))
            await self._zeroconf.zeroconf.async_wait_for_start()
        except (OSError, RuntimeError, NotRunningException) as error:
            await self.close(says_goodbye=False)
            raise LinkError(str(error)) from error
        zeroconf = self._zeroconf.zeroconf
        if not zeroconf.engine.senders:
            await self.close(says_goodbye=False)
            raise LinkError("none of its addresses can be bound")
        for reader in zeroconf.engine.readers:
            _hear_own_link_only(reader.sock)
        zeroconf.async_add_listener(self._watch, None)

    async def is_taken(self, services: Sequence[Service]) -> bool:
        """Ask the link whether another host has the name of one of ``services`` (RFC 6762 section 8.1)."""
        zeroconf = self._opened()
        infos = [self._service_info(service) for service in services]
        taken = self._watch.look_for(infos)
        await asyncio.sleep(random.uniform(0, HEAD_START_S))  # noqa: S311  # spreads load, keeps no secret
        for attempt in range(PROBES):
            # Every other probe asks for unicast, since receivers drop equal packets that come fast one after another.
            zeroconf.async_send(_probe(infos, wants_unicast=attempt % 2 == 1))
            try:
                async with asyncio.timeout(PROBE_INTERVAL_S):
                    await taken.wait()
            except TimeoutError:
                continue
            return True
        return False

    async def announce(self, services: Sequence[Service]) -> None:
        """Publish ``services`` in place of what was published; the repeated announcements go on behind."""
        zeroconf = self._opened()
        self._forget()
        self._published = {info.key: info for info in map(self._service_info, services)}
        self._watch.look_for(list(self._published.values()))
        for info in self._published.values():
            # is_taken has probed already, by name and data; zeroconf's own check takes this host's other links and
            # second addresses for strangers.
            sending = await zeroconf.async_register_service(info, cooperating_responders=True, strict=False)
            self._keep(asyncio.ensure_future(sending))

    async def close(self, *, says_goodbye: bool) -> None:
        """Leave the link; idempotent. Without goodbye the peers keep the services, as when only an address changed."""
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is None:
            return
        for announcement in self._announcements:
            announcement.cancel()
        if not says_goodbye:
            zeroconf.zeroconf.registry.async_remove(list(self._published.values()))
        self._published.clear()
        await zeroconf.async_close()

    def _opened(self) -> Zeroconf:
        if self._zeroconf is None:
            raise RuntimeError(f"The responder on {self.link.name} is not open.")
        return self._zeroconf.zeroconf

    def _forget(self) -> None:
        for announcement in self._announcements:
            announcement.cancel()
        self._opened().registry.async_remove(list(self._published.values()))
        self._published.clear()

    def _keep(self, announcement: asyncio.Future[None]) -> None:
        self._announcements.add(announcement)
        announcement.add_done_callback(self._announcements.discard)

    def _service_info(self, service: Service) -> ServiceInfo:
        return ServiceInfo(
            service.service_type,
            service.full_name,
            port=service.port,
            properties=dict(service.txt),
            server=service.host,
            parsed_addresses=list(announced_addresses(self.link)),
        )

    def _on_foreign_record(self, record: DNSService) -> None:
        """Settle who keeps a published name: the later data wins (RFC 6762 section 8.2), so exactly one side yields."""
        info = self._published.get(record.key)
        if info is None:
            return
        if _srv_order(info.dns_service()) < _srv_order(record):
            self._on_conflict(info.name.removesuffix(f".{info.type}"))
        else:
            self._keep(asyncio.ensure_future(self._defend(info)))

    async def _defend(self, info: ServiceInfo) -> None:
        if self._zeroconf is not None and info.key in self._published:
            await (await self._zeroconf.async_update_service(info))


class _NameWatch(RecordUpdateListener):
    """Compares every SRV record that is heard with our own for the same name; equal data is no conflict."""

    def __init__(self, on_foreign_record: Callable[[DNSService], None]) -> None:
        super().__init__()
        self._on_foreign_record = on_foreign_record
        self._own: dict[str, tuple[int, int, int, str]] = {}
        self._found = asyncio.Event()

    def look_for(self, infos: Sequence[ServiceInfo]) -> asyncio.Event:
        """Watch the names of ``infos`` from now on; the event is set when another host is heard to have one."""
        self._own = {info.key: _srv_order(info.dns_service()) for info in infos}
        self._found = asyncio.Event()
        return self._found

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Take what one packet brought."""
        for update in records:
            record = update.new
            if not isinstance(record, DNSService) or record.is_expired(now):
                continue
            if self._own.get(record.key, _srv_order(record)) != _srv_order(record):
                self._found.set()
                self._on_foreign_record(record)


def _srv_order(record: DNSService) -> tuple[int, int, int, str]:
    return record.priority, record.weight, record.port, record.server.lower()


def _probe(infos: Sequence[ServiceInfo], *, wants_unicast: bool) -> DNSOutgoing:
    """Who has these names? The data we intend to give them go into the authority section (RFC 6762 section 8.2)."""
    probe = DNSOutgoing(FLAGS_QUERY)
    for info in infos:
        question = DNSQuestion(info.name, TYPE_ANY, CLASS_IN)
        question.unicast = wants_unicast
        probe.add_question(question)
        # Its add_authorative_answer takes PTR records only.
        probe.authorities.append(info.dns_service())  # type: ignore[arg-type]  # any record goes on the wire
    return probe


def _hear_own_link_only(listener: socket.socket) -> None:
    """Turn off Linux' delivery of groups that other sockets have joined on other links (ip(7), IP_MULTICAST_ALL).

    zeroconf's SO_REUSEPORT goes as well: with it, a packet that only one listener may have is given to any of the
    group, by a hash of its sender, so the responder of one link would take the queries of another.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    listener.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)
