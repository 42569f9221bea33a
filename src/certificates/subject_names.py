"""What a certificate may be for: host names and addresses, and which of them the local authority may vouch for."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")

LOCAL_DOMAINS = ("local", "localhost", "lan", "internal", "home.arpa")
"""Names that mean something within one network only (RFC 6762, 6761, 8375; ICANN's ``internal``; habit: ``lan``)."""

LOCAL_NETWORKS = (
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SubjectNames:
    """Host names in lower case and addresses, each once and in order, so that equal sets are equal values."""

    host_names: tuple[str, ...]
    addresses: tuple[Address, ...]

    def __str__(self) -> str:
        return ", ".join((*self.host_names, *map(str, self.addresses)))

    def alternative_names(self) -> x509.SubjectAlternativeName:
        """As a certificate lists them (RFC 5280 section 4.2.1.6)."""
        return x509.SubjectAlternativeName(
            [*map(x509.DNSName, self.host_names), *(x509.IPAddress(address) for address in self.addresses)]
        )


def subject_names(hosts: Iterable[str]) -> SubjectNames:
    """The names and addresses among ``hosts``; what can stand in no certificate is left out."""
    names: set[str] = set()
    addresses: set[Address] = set()
    for host in hosts:
        text = host.strip("[]").partition("%")[0].rstrip(".").lower()
        try:
            addresses.add(ipaddress.ip_address(text))
        except ValueError:
            if _HOST_NAME.fullmatch(text):
                names.add(text)
    ordered = sorted(addresses, key=lambda address: (address.version, int(address)))
    return SubjectNames(tuple(sorted(names)), tuple(ordered))


def permitted_subtrees(own: SubjectNames) -> x509.NameConstraints:
    """What an authority made on a host called ``own`` may vouch for: local names and networks, and the host itself.

    So nobody who steals its key can pose as the rest of the world towards those who trust it.
    """
    domains = [*LOCAL_DOMAINS, *(name for name in own.host_names if not _is_below(name, LOCAL_DOMAINS))]
    networks: list[Network] = [ipaddress.ip_network(text) for text in LOCAL_NETWORKS]
    networks += [_own_network(one) for one in own.addresses if not _is_within(one, networks)]
    return x509.NameConstraints(
        permitted_subtrees=[*map(x509.DNSName, domains), *map(x509.IPAddress, networks)], excluded_subtrees=None
    )


def split_permitted(names: SubjectNames, constraints: x509.NameConstraints) -> tuple[SubjectNames, SubjectNames]:
    """Those of ``names`` that ``constraints`` permit, and the others (RFC 5280 section 4.2.1.10)."""
    trees = constraints.permitted_subtrees or []
    domains = [tree.value for tree in trees if isinstance(tree, x509.DNSName)]
    networks = [tree.value for tree in trees if isinstance(tree, x509.IPAddress)]
    permitted = SubjectNames(
        tuple(name for name in names.host_names if _is_below(name, domains)),
        tuple(one for one in names.addresses if _is_within(one, networks)),
    )
    others = SubjectNames(
        tuple(name for name in names.host_names if name not in permitted.host_names),
        tuple(one for one in names.addresses if one not in permitted.addresses),
    )
    return permitted, others


def _own_network(address: Address) -> Network:
    """The address; of IPv6 its /64, in which hosts take new addresses every day (RFC 8981)."""
    return ipaddress.ip_network(f"{address}/{64 if address.version == 6 else 32}", strict=False)


def _is_below(name: str, domains: Iterable[str]) -> bool:
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


def _is_within(address: Address, networks: Iterable[object]) -> bool:
    return any(
        isinstance(network, Network) and address.version == network.version and address in network
        for network in networks
    )
