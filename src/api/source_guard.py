"""Says whose requests are heard: by the networks that admission names, by Host and by Origin. Deciders only."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from domain.access import NetworkAccess, NetworkRule

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LOOPBACK = ("127.0.0.0/8", "::1/128")
_LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")
_NAMED = {
    "any": ("0.0.0.0/0", "::/0"),
    "loopback": _LOOPBACK,
    "link-local": _LINK_LOCAL,
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", *_LOOPBACK, *_LINK_LOCAL),
}
"""As the core reads them."""


class NetworkGuard:
    """Whether an address may come in, by the rules that the core has for devices."""

    def __init__(self, rules: Sequence[NetworkRule]) -> None:
        """``rules``: of those that fit an address the longest prefix counts, of equals the first."""
        networks: dict[_Network, NetworkAccess] = {}
        for rule in rules:
            for text in _NAMED.get(rule.network, (rule.network,)):
                networks.setdefault(ipaddress.ip_network(text, strict=False), rule.access)
        self._networks = sorted(networks.items(), key=lambda item: -item[0].prefixlen)

    def admits(self, ip: str) -> bool:
        """False too for what is no address."""
        try:
            address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        for network, access in self._networks:
            if address.version == network.version and address in network:
                return access is not NetworkAccess.REFUSED
        return False


def host_name(host: str) -> str:
    """The name or address of a Host header or an origin's authority: no port, no brackets, lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").partition("%")[0].rstrip(".")
    except ValueError:
        return ""


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page that this server gave out asks (RFC 6454): same host and port, over TLS."""
    return origin.lower() == f"https://{host.lower()}"
