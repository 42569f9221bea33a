"""The announcement as other hosts see it: a LAN of network namespaces, and Avahi to look at it (RFC 6762, RFC 6763)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from zeroconf import DNSAddress, DNSIncoming, DNSPointer, DNSRecord  # type: ignore[attr-defined]  # see link_responder

from tests.integration import avahi, netns
from tests.integration.netns import Host, Program

ROOT = Path(__file__).parents[2]
UUID = "5b6a1c9e-13f5-4b8e-9d0e-6a4d5f7c2b10"
OTHER_UUID = "c0ffee00-13f5-4b8e-9d0e-6a4d5f7c2b10"
TARGET = "screamrouter-5b6a1c9e.local"
PORT = 5070
TYPES = ("_screamrouter-sip._udp", "_sip._udp")
MDNS_GROUP = "224.0.0.251"
MDNS_PORT = 5353
IP_MULTICAST_ALL = 49  # linux/in.h


@pytest.fixture(autouse=True, scope="module")
def _needs() -> None:
    reason = netns.why_impossible() or avahi.why_missing()
    if reason is not None:
        pytest.skip(reason)


@contextlib.contextmanager
def publishing(host: Host, *, instance: str = "ScreamRouter", uuid: str = UUID, port: int = PORT) -> Iterator[Program]:
    """The publisher inside ``host``; it has started or failed when its ``started`` or ``refused`` line comes."""
    parameters = {"instance_name": instance, "router_uuid": uuid, "port": port}
    with _program(host, "publish", json.dumps(parameters)) as program:
        yield program


def _program(host: Host, *arguments: str) -> Program:
    script = str(Path(__file__).with_name("mdns_host.py"))
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return host.spawn(sys.executable, script, *arguments, environment={"PYTHONPATH": path})


def event(kind: str, /, **fields: object) -> Callable[[str], bool]:
    """Matches a JSON line of the program with this event and these fields."""

    def is_wanted(line: str) -> bool:
        told = told_by(line)
        return told.get("event") == kind and all(told.get(key) == value for key, value in fields.items())

    return is_wanted


def told_by(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:  # a line of another library's log
        return {}


def started_name(program: Program) -> str:
    return str(told_by(program.wait_for(event("started")))["name"])


def await_published(program: Program, links: set[str]) -> None:
    """Until ``links`` were announced on: a link may get its carrier after the program has started."""
    missing = set(links)
    while missing:
        missing.discard(told_by(program.wait_for(event("mdns.published")))["link"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Iterator[avahi.Avahi]:
    """One announcement that several tests look at."""
    with (
        netns.lan() as (router, device),
        avahi.running(device, tmp_path_factory.mktemp("avahi")) as looker,
        publishing(router) as publisher,
    ):
        assert started_name(publisher) == "ScreamRouter"
        yield looker


@pytest.fixture
def lan() -> Iterator[tuple[Host, Host]]:
    with netns.lan() as hosts:
        yield hosts


def listener(host: Host, address: str) -> socket.socket:
    """Hears every mDNS packet on the link of ``address``, and none of other links."""
    heard = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    heard.bind((MDNS_GROUP, MDNS_PORT))
    membership = struct.pack("4s4s", socket.inet_aton(MDNS_GROUP), socket.inet_aton(address))
    heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    heard.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
    return heard


def ask(host: Host, address: str, port: int) -> list[DNSRecord]:
    """What a plain resolver gets that asks the group from ``address`` and ``port`` (RFC 6762 section 6.7)."""
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind((address, port))
        resolver.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        labels = b"".join(bytes([len(label)]) + label for label in b"_sip._udp.local".split(b"."))
        header = struct.pack("!6H", port, 0, 1, 0, 0, 0)  # an id of its own: zeroconf drops equal packets
        resolver.sendto(header + labels + b"\0" + struct.pack("!2H", 12, 1), (MDNS_GROUP, MDNS_PORT))
        resolver.settimeout(5)
        return DNSIncoming(resolver.recv(9000)).answers()


def answers_until(heard: socket.socket, is_last: Callable[[DNSRecord], bool], timeout_s: float = 10) -> list[DNSRecord]:
    """The records of all answers up to the packet that has the last one."""
    records: list[DNSRecord] = []
    deadline = time.monotonic() + timeout_s
    while True:
        heard.settimeout(max(0.001, deadline - time.monotonic()))
        packet = DNSIncoming(heard.recv(9000))
        if packet.is_response():
            found = packet.answers()
            records += found
            if any(map(is_last, found)):
                return records


def is_address(address: str) -> Callable[[DNSRecord], bool]:
    octets = socket.inet_aton(address)
    return lambda record: isinstance(record, DNSAddress) and record.address == octets and record.ttl > 0


def is_goodbye_of(full_name: str) -> Callable[[DNSRecord], bool]:
    return lambda record: isinstance(record, DNSPointer) and record.alias == full_name and record.ttl == 0


@pytest.fixture(scope="module", params=TYPES)
def found(scene: avahi.Avahi, request) -> list[avahi.Resolved]:
    """What Avahi finds and resolves under one of the service types."""
    return scene.resolve(request.param)


def test_zc_001_browsing_finds_the_instance_under_its_configured_name(found) -> None:
    assert {entry.name for entry in found} == {"ScreamRouter"}
    assert {entry.protocol for entry in found} == {"IPv4", "IPv6"}


def test_zc_002_srv_gives_the_real_sip_port_and_a_host_of_ours(found) -> None:
    assert {(entry.port, entry.host) for entry in found} == {(PORT, TARGET)}


def test_zc_003_txt_has_version_in_both_spellings_router_uuid_and_transport(found) -> None:
    wanted = {"version=2.0", "srv_version=2.0", f"router_uuid={UUID}", "transport=udp"}
    assert {entry.txt for entry in found} == {frozenset(wanted)}


def test_zc_004_the_srv_target_resolves_over_ipv4_and_ipv6(scene) -> None:
    assert scene.addresses(TARGET, "4") == "10.77.0.1"
    assert scene.addresses(TARGET, "6") == "fd77::1"


def test_zc_005_a_graceful_stop_says_goodbye_and_the_service_is_gone(lan, tmp_path) -> None:
    """RFC 6762 section 10.1: every record again, with TTL 0."""
    router, device = lan
    full_name = "ScreamRouter._screamrouter-sip._udp.local."
    with (
        avahi.running(device, tmp_path) as looker,
        publishing(router) as publisher,
        looker.watch("_sip._udp") as watch,
        listener(device, "10.77.0.2") as heard,
    ):
        watch.wait_for(lambda line: line.startswith("+") and "ScreamRouter" in line)
        publisher.say("stop")
        last_packet = [record for record in answers_until(heard, is_goodbye_of(full_name)) if record.ttl == 0]
        assert {"_screamrouter-sip._udp.local.", full_name, f"{TARGET}."} <= {record.name for record in last_packet}
        watch.wait_for(lambda line: line.startswith("-") and "ScreamRouter" in line)
        publisher.wait_for(event("stopped"))
        assert publisher.wait() == 0
        assert looker.resolve("_screamrouter-sip._udp") == []


def test_the_service_is_found_where_there_is_ipv6_only(tmp_path) -> None:
    with netns.host("a") as router, netns.host("b") as device:
        netns.connect(router, device)
        netns.give_address(router, "fd77::1/64")
        netns.give_address(device, "fd77::2/64")
        with avahi.running(device, tmp_path) as looker, publishing(router) as publisher:
            started_name(publisher)
            assert {entry.address for entry in looker.resolve("_screamrouter-sip._udp")} == {"fd77::1"}


def test_an_address_that_comes_is_announced_and_one_that_goes_is_not_told_any_more(lan) -> None:
    router, device = lan
    with publishing(router) as publisher, listener(device, "10.77.0.2") as heard:
        started_name(publisher)
        netns.give_address(router, "10.77.0.9/24")
        answers_until(heard, is_address("10.77.0.9"))
        publisher.wait_for(event("mdns.addresses_changed"))
        router.ip("address", "del", "10.77.0.9/24", "dev", netns.LINK)
        publisher.wait_for(event("mdns.published"))
        publisher.wait_for(event("mdns.published", addresses=["10.77.0.1", "fd77::1"]))


def test_a_network_that_comes_up_later_is_announced_on_and_the_loopback_is_left(tmp_path) -> None:
    with netns.host("a") as router, netns.host("b") as device, publishing(router) as publisher:
        publisher.wait_for(event("mdns.loopback_chosen"))
        assert started_name(publisher) == "ScreamRouter"
        netns.connect(router, device)
        netns.give_address(router, "10.77.0.1/24")
        netns.give_address(device, "10.77.0.2/24")
        with avahi.running(device, tmp_path) as looker, looker.watch("_sip._udp") as watch:
            watch.wait_for(lambda line: line.startswith("+") and "IPv4;ScreamRouter" in line)
            assert {entry.port for entry in looker.resolve("_sip._udp")} == {PORT}


@pytest.fixture
def two_links(lan) -> tuple[Host, Host]:
    """The LAN's hosts with a second cable between them: 172.30.0.1 and 172.30.0.2 on lan1."""
    router, device = lan
    netns.connect(router, device, "lan1")
    netns.give_address(router, "172.30.0.1/24", "lan1")
    netns.give_address(device, "172.30.0.2/24", "lan1")
    return router, device


def test_a_lan_is_not_told_the_addresses_of_other_links(two_links) -> None:
    """RFC 6762 section 6.2: addresses that are not valid on the interface MUST NOT be in the answer."""
    router, device = two_links
    goodbye = is_goodbye_of("ScreamRouter._sip._udp.local.")
    with (
        listener(device, "10.77.0.2") as on_lan0,
        listener(device, "172.30.0.2") as on_lan1,
        publishing(router) as publisher,
    ):
        await_published(publisher, {"lan0", "lan1"})
        publisher.say("stop")
        told_on_lan0 = answers_until(on_lan0, goodbye)
        told_on_lan1 = answers_until(on_lan1, goodbye)
    assert any(map(is_address("10.77.0.1"), told_on_lan0))
    assert not any(map(is_address("172.30.0.1"), told_on_lan0))
    assert any(map(is_address("172.30.0.1"), told_on_lan1))
    assert not any(map(is_address("10.77.0.1"), told_on_lan1))


def test_whoever_asks_on_a_link_is_answered_with_the_address_on_that_link(two_links) -> None:
    """From many ports: where sockets share a port, Linux may choose among them by a hash of the sender."""
    router, device = two_links
    with publishing(router) as publisher:
        await_published(publisher, {"lan0", "lan1"})
        for port in range(40_000, 40_008):
            for own, wanted, other in (
                ("10.77.0.2", "10.77.0.1", "172.30.0.1"),
                ("172.30.0.2", "172.30.0.1", "10.77.0.1"),
            ):
                answers = ask(device, own, port)
                assert any(map(is_address(wanted), answers))
                assert not any(map(is_address(other), answers))


def test_a_second_router_with_the_name_is_renamed_under_both_service_types(lan, tmp_path) -> None:
    """RFC 6762 sections 8.1 and 9: probe, and on a conflict take another name."""
    router, device = lan
    with publishing(router) as first:
        assert started_name(first) == "ScreamRouter"
        with publishing(device, uuid=OTHER_UUID, port=5071) as second, avahi.running(device, tmp_path) as looker:
            second.wait_for(event("mdns.renamed", level="warning", name="ScreamRouter (2)"))
            assert started_name(second) == "ScreamRouter (2)"
            for service_type in TYPES:
                found = {(entry.name, entry.port) for entry in looker.resolve(service_type)}
                assert found == {("ScreamRouter", PORT), ("ScreamRouter (2)", 5071)}


def test_two_routers_whose_networks_are_joined_do_not_keep_one_name(lan, tmp_path) -> None:
    router, device = lan
    router.ip("link", "set", netns.LINK, "down")
    with publishing(router) as first, publishing(device, uuid=OTHER_UUID, port=5071) as second:
        assert started_name(first) == started_name(second) == "ScreamRouter"
        router.ip("link", "set", netns.LINK, "up")
        with avahi.running(device, tmp_path) as looker, looker.watch("_sip._udp") as watch:
            watch.wait_for(lambda line: line.startswith("+") and "032" in line)
            names = {(entry.name, entry.port) for entry in looker.resolve("_sip._udp")}
    assert {name for name, _ in names} == {"ScreamRouter", "ScreamRouter (2)"}
    assert {port for _, port in names} == {PORT, 5071}


def test_the_machines_own_avahi_keeps_its_host_name(lan, tmp_path) -> None:
    router, _ = lan
    with avahi.running(router, tmp_path, publishes_as="musicbox") as neighbour, publishing(router) as publisher:
        started_name(publisher)
        assert {entry.name for entry in neighbour.resolve("_screamrouter-sip._udp")} == {"ScreamRouter"}
        assert neighbour.addresses("musicbox.local", "4") == "10.77.0.1"
        assert not [line for line in neighbour.log.lines if "conflict" in line]


def test_without_any_link_the_publisher_waits_for_one() -> None:
    with netns.host("a") as router:
        router.ip("link", "set", "lo", "down")
        with publishing(router) as publisher:
            publisher.wait_for(event("mdns.no_link_found"))
            assert started_name(publisher) == "ScreamRouter"
            router.ip("link", "set", "lo", "up")
            publisher.wait_for(event("mdns.published", link="lo"))


def test_a_port_that_is_not_shared_is_refused_with_what_to_do(lan) -> None:
    router, _ = lan
    with router.socket(socket.AF_INET6, socket.SOCK_DGRAM) as owner:
        owner.bind(("::", MDNS_PORT))
        with publishing(router) as publisher:
            reason = told_by(publisher.wait_for(event("refused")))["reason"]
    assert "lan0" in reason
    assert "free UDP port 5353" in reason


def test_discover_lists_each_service_once_with_all_that_is_known(lan) -> None:
    router, device = lan
    with publishing(router, instance="Küche.Nord") as publisher:
        assert started_name(publisher) == "Küche-Nord"
        with _program(device, "browse", "1.5") as looker:
            looker.wait_for(event("stopped"))
            found = [told for told in map(told_by, looker.lines) if told.get("event") == "found"]
    assert [(told["service_type"], told["instance"]) for told in found] == [
        ("_screamrouter-sip._udp.local", "Küche-Nord"),
        ("_sip._udp.local", "Küche-Nord"),
    ]
    assert {told["host"] for told in found} == {TARGET}
    assert {told["port"] for told in found} == {PORT}
    assert {tuple(sorted(told["addresses"])) for told in found} == {("10.77.0.1", "fd77::1")}
    assert ["router_uuid", UUID] in found[0]["txt"]
