"""Announces the daemon on the LAN: one responder per link, one name on all of them.

Theory of operation. The interfaces say which links there are; every link gets a ``LinkResponder``. A netlink message or
a conflict wakes one task, which compares the links with the responders, closes and opens what differs, and settles the
name. All state is the name and the responders, so the task can run as often as it likes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from discovery.address_monitor import AddressMonitor
from discovery.interfaces import Link, announced_addresses, announcing_links, read_links
from discovery.link_responder import LinkError, LinkResponder, Service
from discovery.service_types import (
    SERVICE_TYPES,
    announced_host_name,
    conflict_suffixes,
    instance_label,
    txt_record,
)
from domain.errors import UserError
from domain.ports import ServiceAnnouncement
from domain.values import Transport

_log = structlog.get_logger(__name__)


class MdnsPublisher:
    """``domain.ports.Publisher`` by python-zeroconf. Belongs to the loop that ``start`` runs on."""

    def __init__(
        self,
        links: Callable[[], Sequence[Link]] = read_links,
    ) -> None:
        self._read_links = links
        self._announcement: ServiceAnnouncement | None = None
        self._responders: dict[Link, LinkResponder] = {}
        self._attempt = 0
        self._conflicting_name: str | None = None
        self._wake = asyncio.Event()
        self._monitor = AddressMonitor(self._wake.set)
        self._follower: asyncio.Task[None] | None = None

    @property
    def instance_name(self) -> str:
        """The name in use; it may change after ``start`` when a second host with the name joins the LAN."""
        wanted = self._started()
        return instance_label(wanted.instance_name, conflict_suffixes(wanted.router_uuid)[self._attempt])

    async def start(self, announcement: ServiceAnnouncement) -> str:
        """Announce on every link there is, and follow the links from then on; return the instance name in use.

        No link at all is no error: it is logged and the announcement made when one comes up. Raise ``UserError`` when
        there are links and mDNS can be spoken on none of them.
        """
        if self._announcement is not None:
            raise RuntimeError("The publisher was started already.")
        self._announcement = announcement
        self._attempt = 0
        is_started = False
        try:
            self._watch_addresses()
            await self._follow_links()
            is_started = True
        finally:
            if not is_started:
                await self.stop()
        self._follower = asyncio.create_task(self._follow(), name="mdns")
        self._follower.add_done_callback(_report_failure)
        return self.instance_name

    async def stop(self) -> None:
        """Say goodbye on every link and close; idempotent, and ``start`` may follow."""
        self._monitor.stop()
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.cancel()
            await asyncio.wait([follower])
        responders = list(self._responders.values())
        self._responders.clear()
        await asyncio.gather(*(responder.close(says_goodbye=True) for responder in responders))
        if responders:
            _log.info("mdns.withdrawn", name=self.instance_name)
        self._announcement = None

    def _watch_addresses(self) -> None:
        try:
            self._monitor.start()
        except OSError as error:
            _log.warning("mdns.address_watch_failed", reason=str(error), effect="address changes are not announced")

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._yield_name()
                await self._follow_links()
            except UserError as error:
                _log.warning("mdns.unavailable", reason=str(error))

    def _on_conflict(self, name: str) -> None:
        self._conflicting_name = name
        self._wake.set()

    async def _yield_name(self) -> None:
        """Give up a name that another host has as well, on all links, and take the next one."""
        is_current = self._conflicting_name == self.instance_name
        self._conflicting_name = None
        if is_current and self._next_name():
            responders = tuple(self._responders.values())
            await self._claim_name(responders)
            await self._announce(responders)

    async def _follow_links(self) -> None:
        """Make the responders those of the links as they stand."""
        links = self._wanted_links()
        before = dict(self._responders)
        gone = [responder for link, responder in before.items() if link not in links]
        opened = await self._open([link for link in links if link not in before])
        if self._follower is not None and (gone or opened):
            _log.info("mdns.addresses_changed", links={link.name: link.addresses for link in links})
        # A link that only changed its addresses keeps its name (RFC 6762 section 8.4); a new one is asked first.
        known_indexes = {responder.link.index for responder in gone}
        attempt = self._attempt
        await self._claim_name([responder for responder in opened if responder.link.index not in known_indexes])
        is_renamed = self._attempt != attempt
        await self._announce(tuple(self._responders.values()) if is_renamed else opened)
        for responder in gone:
            del self._responders[responder.link]
            await responder.close(says_goodbye=False)

    def _wanted_links(self) -> tuple[Link, ...]:
        wanted = self._started().interfaces
        links = announcing_links(self._read_links(), wanted)
        if self._follower is not None and set(links) == set(self._responders):
            return links
        if not links:
            _log.warning("mdns.no_link_found", wanted=wanted, effect="announced as soon as one comes up")
        elif not wanted and all(link.is_loopback for link in links):
            _log.warning("mdns.loopback_chosen", effect="only this machine finds the daemon until a network is up")
        return links

    async def _open(self, links: Sequence[Link]) -> list[LinkResponder]:
        opened = []
        reasons = []
        for link in links:
            responder = LinkResponder(link, self._on_conflict)
            self._responders[link] = responder  # before it opens: stop() must find it whenever it comes
            try:
                await responder.open()
            except LinkError as error:
                del self._responders[link]
                reasons.append(f"{link.name}: {error}")
                _log.warning("mdns.link_failed", link=link.name, addresses=link.addresses, reason=str(error))
            else:
                opened.append(responder)
        if reasons and not self._responders:
            raise UserError(
                f"mDNS cannot be spoken on any interface ({'; '.join(reasons)}); free UDP port 5353 for sharing, "
                "or set discovery.enabled to false."
            )
        return opened

    async def _claim_name(self, responders: Sequence[LinkResponder]) -> None:
        """Go through the names until none of ``responders`` hears another host that has it."""
        is_left = bool(responders)
        while is_left:
            services = self._services()
            if not any(await asyncio.gather(*(responder.is_taken(services) for responder in responders))):
                return
            is_left = self._next_name()

    def _next_name(self) -> bool:
        """Take the next name; False when that is the last one, which is unique and needs no asking."""
        last = len(conflict_suffixes(self._started().router_uuid)) - 1
        if self._attempt == last:
            return False
        taken = self.instance_name
        self._attempt += 1
        _log.warning("mdns.renamed", taken=taken, name=self.instance_name, reason="another host has the name")
        return self._attempt < last

    async def _announce(self, responders: Sequence[LinkResponder]) -> None:
        services = self._services()
        for responder in responders:
            await responder.announce(services)
            _log.info(
                "mdns.published",
                name=self.instance_name,
                link=responder.link.name,
                host=services[0].host,
                addresses=announced_addresses(responder.link),
                port=services[0].port,
            )

    def _services(self) -> tuple[Service, ...]:
        wanted = self._started()
        return tuple(
            Service(
                service_type=service_type,
                instance=self.instance_name,
                host=announced_host_name(wanted.router_uuid),
                port=port,
                txt=tuple(txt_record(wanted.router_uuid, transport).items()),
            )
            for transport, port in ((Transport.UDP, wanted.port), *wanted.stream_ports)
            for service_type in SERVICE_TYPES[transport]
        )

    def _started(self) -> ServiceAnnouncement:
        if self._announcement is None:
            raise RuntimeError("The publisher was not started.")
        return self._announcement


def _report_failure(follower: asyncio.Task[None]) -> None:
    if not follower.cancelled() and (error := follower.exception()) is not None:
        follower.get_loop().call_exception_handler({"message": "mDNS follows the links no more", "exception": error})
