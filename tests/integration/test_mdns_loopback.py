"""The announcement on the loopback, where no root is needed; the peer is a second zeroconf instance."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from zeroconf import (  # type: ignore[attr-defined]  # the DNS names are exported for its users, though not in __all__
    DNSIncoming,
    DNSRecord,
    DNSService,
    ServiceInfo,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

from discovery.browse import browse
from discovery.mdns_publisher import MdnsPublisher
from discovery.service_types import ROUTER_SERVICE
from domain.ports import ServiceAnnouncement

PORT = 5070
TIMEOUT_S = 10
ANNOUNCEMENTS = 3


@pytest.fixture
def announcement() -> ServiceAnnouncement:
    """Under a name that no other test run on this machine has."""
    router_uuid = str(uuid.uuid4())
    return ServiceAnnouncement(f"Router {router_uuid[:8]}", router_uuid, PORT, ("127.0.0.1",))


@pytest.fixture
async def publisher() -> AsyncIterator[MdnsPublisher]:
    made = MdnsPublisher()
    yield made
    await made.stop()


@pytest.fixture
async def peer() -> AsyncIterator[AsyncZeroconf]:
    made = AsyncZeroconf(interfaces=["127.0.0.1"])
    await made.zeroconf.async_wait_for_start()
    yield made
    await made.async_close()


class Watch:
    """What comes and goes under one service type, to be awaited."""

    def __init__(self, peer: AsyncZeroconf) -> None:
        self._changed = asyncio.Event()
        self._present: set[str] = set()
        self.browser = AsyncServiceBrowser(peer.zeroconf, [ROUTER_SERVICE], handlers=[self._on_change])

    async def until(self, name: str, *, is_present: bool) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while (name in self._present) != is_present:
                self._changed.clear()
                await self._changed.wait()

    def _on_change(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        instance = name.removesuffix(f".{service_type}")
        if state_change is ServiceStateChange.Removed:
            self._present.discard(instance)
        else:
            self._present.add(instance)
        self._changed.set()


@pytest.fixture
async def watch(peer) -> AsyncIterator[Watch]:
    made = Watch(peer)
    yield made
    await made.browser.async_cancel()


def rival(announcement: ServiceAnnouncement, port: int) -> ServiceInfo:
    """The same name, claimed by a host that asks nobody."""
    name = f"{announcement.instance_name}.{ROUTER_SERVICE}"
    return ServiceInfo(ROUTER_SERVICE, name, port=port, server="rival.local.", parsed_addresses=["127.0.0.1"])


@contextlib.contextmanager
def heard_on_loopback() -> Iterator[socket.socket]:
    """Every mDNS packet on the loopback, repetitions included, which zeroconf would drop."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.setblocking(False)
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        heard.bind(("224.0.0.251", 5353))
        membership = socket.inet_aton("224.0.0.251") + socket.inet_aton("127.0.0.1")
        heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        yield heard


def is_srv(record: DNSRecord, name: str, port: int) -> bool:
    return isinstance(record, DNSService) and record.name == name and record.port == port and record.ttl > 0


async def port_of(peer: AsyncZeroconf, instance: str) -> int | None:
    info = await peer.async_get_service_info(ROUTER_SERVICE, f"{instance}.{ROUTER_SERVICE}", TIMEOUT_S * 1000)
    return None if info is None else info.port


async def test_zc_001_to_004_browse_and_resolve(publisher, peer, watch, announcement) -> None:
    name = await publisher.start(announcement)
    assert name == announcement.instance_name
    await watch.until(name, is_present=True)
    info = await peer.async_get_service_info(ROUTER_SERVICE, f"{name}.{ROUTER_SERVICE}", TIMEOUT_S * 1000)
    assert info is not None
    assert info.port == PORT
    assert info.decoded_properties == {
        "version": "2.0",
        "srv_version": "2.0",
        "router_uuid": announcement.router_uuid,
        "transport": "udp",
    }
    assert info.server == f"screamrouter-{announcement.router_uuid[:8]}.local."
    assert info.parsed_addresses() == ["127.0.0.1"]


async def test_zc_005_after_stop_the_service_is_gone(publisher, watch, announcement) -> None:
    name = await publisher.start(announcement)
    await watch.until(name, is_present=True)
    await publisher.stop()
    await watch.until(name, is_present=False)


async def test_stop_is_idempotent_and_start_may_follow(publisher, watch, announcement) -> None:
    await publisher.stop()
    for _ in range(2):
        name = await publisher.start(announcement)
        await watch.until(name, is_present=True)
        await publisher.stop()
        await publisher.stop()
        await watch.until(name, is_present=False)


async def test_stop_during_start_leaves_nothing_open(announcement) -> None:
    """ResourceWarning for a socket left open is an error in this suite."""
    publisher = MdnsPublisher()
    starting = asyncio.create_task(publisher.start(announcement))
    await asyncio.sleep(0)  # let it begin
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await publisher.start(announcement) == announcement.instance_name
    await publisher.stop()


async def test_starting_twice_is_a_mistake_that_raises(publisher, announcement) -> None:
    await publisher.start(announcement)
    with pytest.raises(RuntimeError, match="started already"):
        await publisher.start(announcement)


async def test_a_name_lost_to_later_data_is_given_up(publisher, peer, watch, announcement) -> None:
    """RFC 6762 section 8.2: of two that hold a name, the one with the lexicographically later data keeps it."""
    name = await publisher.start(announcement)
    await peer.async_register_service(rival(announcement, PORT + 1), cooperating_responders=True, strict=False)
    await watch.until(f"{name} (2)", is_present=True)
    assert publisher.instance_name == f"{name} (2)"
    assert await port_of(peer, f"{name} (2)") == PORT


async def test_a_name_held_against_earlier_data_is_kept_and_announced_again(publisher, peer, announcement) -> None:
    """The three announcements of a start are followed by more, lest the rival's record stay in the caches."""
    name = await publisher.start(announcement)
    with heard_on_loopback() as packets:
        await peer.async_register_service(rival(announcement, PORT - 1), cooperating_responders=True, strict=False)
        seen = 0
        async with asyncio.timeout(TIMEOUT_S):
            while seen <= ANNOUNCEMENTS:
                packet = DNSIncoming(await asyncio.get_running_loop().sock_recv(packets, 9000))
                records = packet.answers() if packet.is_response() else []
                seen += sum(is_srv(record, f"{name}.{ROUTER_SERVICE}", PORT) for record in records)
    assert publisher.instance_name == name


async def test_browse_gives_a_service_once_and_leaves_out_one_that_said_goodbye(publisher, announcement) -> None:
    leaving = MdnsPublisher()
    left = ServiceAnnouncement("Gone " + announcement.instance_name, str(uuid.uuid4()), PORT + 2, ("127.0.0.1",))
    await publisher.start(announcement)
    await leaving.start(left)
    looking = asyncio.create_task(browse(2.0, ("127.0.0.1",)))
    await asyncio.sleep(0)
    await leaving.stop()
    instances = [service.instance for service in await looking if service.service_type.startswith("_screamrouter-sip")]
    assert instances.count(announcement.instance_name) == 1
    assert left.instance_name not in instances
