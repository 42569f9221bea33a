"""The acceptance cases ZC-001 to ZC-005 against the running daemon: mDNS leads to the socket that answers SIP.

On the loopback interface, and in a LAN of network namespaces where mDNS goes over IPv6 too. What the publisher does in
every other case is in test_mdns.py and test_mdns_loopback.py.
"""

from __future__ import annotations

import socket
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from zeroconf import ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf

from discovery.service_types import ROUTER_SERVICE
from tests.integration import avahi, netns
from tests.kit.daemon_process import DaemonProcess, has_address, running_daemon, wait_until
from tests.kit.sip_peer import SipPeer

SIP_PORT = 5070


@dataclass
class Lookout:
    """A zeroconf instance that browses for the router's service."""

    zeroconf: Zeroconf
    present: set[str]

    def resolve(self, instance: str) -> ServiceInfo:
        found = self.zeroconf.get_service_info(ROUTER_SERVICE, f"{instance}.{ROUTER_SERVICE}", 10_000)
        assert found is not None
        return found


@pytest.fixture
def lookout() -> Iterator[Lookout]:
    present: set[str] = set()

    def on_change(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        instance = name.removesuffix(f".{service_type}")
        if state_change is ServiceStateChange.Removed:
            present.discard(instance)
        else:
            present.add(instance)

    zeroconf = Zeroconf(interfaces=["127.0.0.1"])
    browser = ServiceBrowser(zeroconf, [ROUTER_SERVICE], handlers=[on_change])
    yield Lookout(zeroconf, present)
    browser.cancel()
    zeroconf.close()


def answers_sip(ip: str, port: int, own_socket: socket.socket | None = None) -> bool:
    with SipPeer((ip, port), own_socket=own_socket) as peer:
        return peer.options().status == 200


def router_uuid(daemon: DaemonProcess) -> str:
    return (daemon.state_dir / "router_uuid").read_text(encoding="ascii").strip()


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"], ids=["ipv4", "ipv6"])
def test_zc_001_to_005_the_daemon_on_the_loopback_is_found_resolved_and_gone_after_its_stop(
    tmp_path, lookout: Lookout, ip: str
) -> None:
    """ZC-001 the configured name, ZC-002 the real port, ZC-003 TXT, ZC-004 addresses, ZC-005 goodbye.

    The loopback carries mDNS over IPv4 only; the address told is that of the socket, in whichever family.
    """
    instance = f"Router {uuid.uuid4().hex[:8]}"
    if not has_address(ip):
        pytest.skip(f"this machine has no {ip}")
    sections = {"server": {"name": instance}, "discovery": {"enabled": True, "interfaces": ["lo"]}}
    with running_daemon(tmp_path, ip=ip, sections=sections) as daemon:
        wait_until(lambda: instance in lookout.present, "ZC-001: the instance is found under its configured name", 10)
        found = lookout.resolve(instance)
        assert found.port == daemon.port, "ZC-002"
        assert found.decoded_properties == {
            "version": "2.0",
            "srv_version": "2.0",
            "router_uuid": router_uuid(daemon),
            "transport": "udp",
        }, "ZC-003"
        assert ip in found.parsed_addresses(), "ZC-004"
        assert answers_sip(ip, found.port or 0)
        assert daemon.stop() == 0
        wait_until(lambda: instance not in lookout.present, "ZC-005: the goodbye is heard", 10)


@pytest.fixture(scope="module")
def _namespaces() -> None:
    reason = netns.why_impossible() or avahi.why_missing()
    if reason is not None:
        pytest.skip(reason)


@pytest.mark.usefixtures("_namespaces")
def test_zc_001_to_005_the_daemon_on_a_lan_is_found_over_ipv4_and_ipv6_and_registers_who_found_it(tmp_path) -> None:
    """From another host, with Avahi: browse, resolve, register at what was resolved; then the daemon stops.

    device (10.77.0.2, fd77::2)                       daemon (10.77.0.1, fd77::1)
      | PTR _screamrouter-sip._udp ? (IPv4, IPv6)        |
      |------------------------------------------------->|
      |              SRV 5070, TXT, A, AAAA              |
      |<-------------------------------------------------|
      | REGISTER, to each address                        |
      |------------------------------------------------->|
      |                                             200  |
      |<-------------------------------------------------|   SIGTERM
      |                                         goodbye  |
      |<-------------------------------------------------|
    """
    sections = {
        "sip": {"udp": {"address": ["0.0.0.0", "::"], "port": SIP_PORT}},
        "discovery": {"enabled": True, "interfaces": []},
    }
    with netns.lan() as (router, device), avahi.running(device, tmp_path) as looker:
        command = ("ip", "netns", "exec", router.name, sys.executable, "-m", "daemon")
        with (
            running_daemon(tmp_path, sections=sections, command=command) as daemon,
            looker.watch("_screamrouter-sip._udp") as watch,
        ):
            wait_for_both(watch, "+")
            found = looker.resolve("_screamrouter-sip._udp")
            assert {entry.protocol for entry in found} == {"IPv4", "IPv6"}
            assert {entry.name for entry in found} == {"ScreamRouter"}, "ZC-001"
            assert {entry.port for entry in found} == {SIP_PORT}, "ZC-002"
            txt = {"version=2.0", "srv_version=2.0", f"router_uuid={router_uuid(daemon)}", "transport=udp"}
            assert {entry.txt for entry in found} == {frozenset(txt)}, "ZC-003"
            (host,) = {entry.host for entry in found}
            addresses = [looker.addresses(host, family) for family in ("4", "6")]
            assert addresses == ["10.77.0.1", "fd77::1"], "ZC-004"
            for address in addresses:
                register_at(device, address, daemon)
            assert daemon.stop() == 0
            wait_for_both(watch, "-")  # ZC-005: by goodbye; the records' own age is more than an hour


def wait_for_both(watch: netns.Program, sign: str) -> None:
    """Until avahi-browse has told of the coming (+) or going (-) over IPv4 and IPv6, in whichever order."""
    missing = {"IPv4", "IPv6"}
    while missing:
        line = watch.wait_for(lambda line: line.startswith(f"{sign};"))
        missing.discard(line.split(";")[2])


def register_at(host: netns.Host, address: str, daemon: DaemonProcess) -> None:
    """A device on ``host`` registers at ``address``, by which it calls the router."""
    is_ipv6 = ":" in address
    own = host.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(("fd77::2" if is_ipv6 else "10.77.0.2", 0))
    domain = f"[{address}]" if is_ipv6 else address
    with SipPeer((address, SIP_PORT), user=str(uuid.uuid4()), domain=domain, own_socket=own) as peer:
        peer.to_user = "screamrouter"
        assert peer.register().status == 200
        daemon.wait_for_device(peer.user, online=True, ip=peer.ip, port=peer.port)
