"""The addresses and names of this host, read from its interfaces: a LAN may have no default route and no DNS."""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import ifaddr

SIOCGIFFLAGS = 0x8913
IFF_UP = 0x1
IFF_LOOPBACK = 0x8
IFF_RUNNING = 0x40
IFF_MULTICAST = 0x1000
IFA_F_OPTIMISTIC = 0x04
IFA_F_DADFAILED = 0x08
IFA_F_TENTATIVE = 0x40


@dataclass(frozen=True, slots=True)
class Link:
    """An interface that is up and connected, with its usable addresses as numeric strings without scope."""

    name: str
    index: int
    addresses: tuple[str, ...]
    is_loopback: bool
    is_multicast: bool


def read_links() -> tuple[Link, ...]:
    """The links as they stand, by index; interfaces without carrier or address are left out."""
    unusable = _unusable_ipv6_addresses()
    addresses: dict[str, list[str]] = {}
    for name, address in _interface_addresses():
        if (name, address) not in unusable:
            addresses.setdefault(name, []).append(address)
    links = [link for name, found in addresses.items() if (link := _link(name, found)) is not None]
    return tuple(sorted(links, key=lambda link: link.index))


def announcing_links(links: Iterable[Link], wanted: Sequence[str] = ()) -> tuple[Link, ...]:
    """Those of ``links`` to announce on: what ``wanted`` names, else all that reach others, else the loopback.

    ``wanted`` holds interface names, which stand for all their addresses, and single addresses.
    """
    links = tuple(links)
    if wanted:
        return tuple(chosen for link in links if (chosen := _restricted(link, wanted)) is not None)
    outward = tuple(link for link in links if link.is_multicast and not link.is_loopback)
    return outward or tuple(link for link in links if link.is_loopback)


def announced_addresses(link: Link) -> tuple[str, ...]:
    """The addresses to publish on ``link``; a link-local IPv6 address only where there is no wider one.

    A resolver cannot tell its scope, without which it is not reached.
    """
    wide = tuple(address for address in link.addresses if not _is_ipv6_link_local(address))
    has_wide_ipv6 = any(":" in address for address in wide)
    return wide if has_wide_ipv6 else link.addresses


def zeroconf_interfaces(link: Link) -> list[str | int]:
    """One address per family to speak mDNS from, as python-zeroconf takes them: IPv4 by address, IPv6 by index.

    The loopback has no route for IPv6 multicast, so there IPv4 goes alone.
    """
    ipv4 = [address for address in link.addresses if ":" not in address][:1]
    has_ipv6 = any(":" in address for address in link.addresses) and not (link.is_loopback and ipv4)
    return [*ipv4, *([link.index] if has_ipv6 else [])]


def own_addresses(interfaces: Sequence[str] = ()) -> tuple[str, ...]:
    """The numeric addresses of this host's interfaces, loopback included, whatever state they are in.

    ``interfaces`` restricts them to those with these names or addresses.
    """
    found = [
        address
        for name, address in _interface_addresses()
        if not interfaces or name in interfaces or address in interfaces
    ]
    return tuple(dict.fromkeys(found))


def own_networks() -> tuple[str, ...]:
    """The networks that this host's interfaces belong to, as "192.0.2.0/24"; loopback included, link-local not."""
    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip[0] if isinstance(ip.ip, tuple) else ip.ip
            network = ip_network(f"{text.partition('%')[0]}/{ip.network_prefix}", strict=False)
            if not network.is_link_local:
                found.append(str(network))
    return tuple(dict.fromkeys(found))


def own_host_names(hosts_file: Path = Path("/etc/hosts")) -> tuple[str, ...]:
    """The names by which others may call this host, lower case and without trailing dot; asks no name server.

    The full name is what ``hosts_file`` gives beside the host name, as Debian's installer writes it.
    """
    host = socket.gethostname().lower().rstrip(".")
    short = host.partition(".")[0]
    names = [host, short, f"{short}.local", "localhost", *_names_beside({host, short}, hosts_file)]
    return tuple(dict.fromkeys(name for name in names if name))


def _names_beside(known: set[str], hosts_file: Path) -> list[str]:
    try:
        lines = hosts_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    entries = [line.partition("#")[0].lower().split()[1:] for line in lines]
    return [name for names in entries if known.intersection(names) for name in names]


def _restricted(link: Link, wanted: Sequence[str]) -> Link | None:
    if link.name in wanted:
        return link
    canonical = {_canonical(item) for item in wanted}
    addresses = tuple(address for address in link.addresses if address in canonical)
    return replace(link, addresses=addresses) if addresses else None


def _canonical(address_or_name: str) -> str:
    try:
        return str(ip_address(address_or_name.strip("[]").partition("%")[0]))
    except ValueError:
        return address_or_name


def _is_ipv6_link_local(address: str) -> bool:
    return ":" in address and ip_address(address).is_link_local


def _interface_addresses() -> list[tuple[str, str]]:
    """(interface, address) pairs; an alias such as eth0:1 counts as its interface."""
    pairs = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip[0] if isinstance(ip.ip, tuple) else ip.ip
            pairs.append((str(adapter.name).partition(":")[0], str(ip_address(text.partition("%")[0]))))
    return pairs


def _link(name: str, addresses: Iterable[str]) -> Link | None:
    try:
        index = socket.if_nametoindex(name)
        flags = _interface_flags(name)
    except OSError:  # it went away since its addresses were read
        return None
    if not (flags & IFF_UP and flags & IFF_RUNNING):
        return None
    return Link(name, index, tuple(addresses), bool(flags & IFF_LOOPBACK), bool(flags & IFF_MULTICAST))


def _interface_flags(name: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", name.encode(), 0)
        reply = fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
    return int(struct.unpack_from("16xH", reply)[0])


def _unusable_ipv6_addresses(table: Path = Path("/proc/net/if_inet6")) -> set[tuple[str, str]]:
    """(interface, address) pairs whose uniqueness on the link is not established (RFC 4862 section 5.4)."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()
    except OSError:  # a kernel without IPv6
        return set()
    unusable = set()
    for line in lines:
        digits, _index, _prefix, _scope, flag_digits, name = line.split()
        flags = int(flag_digits, 16)
        is_tentative = flags & IFA_F_TENTATIVE and not flags & IFA_F_OPTIMISTIC
        if is_tentative or flags & IFA_F_DADFAILED:
            unusable.add((name, str(ip_address(bytes.fromhex(digits)))))
    return unusable
