"""Keeps one neighbour from taking all connections, and all neighbours from taking all descriptors."""

from __future__ import annotations

import ipaddress
from collections import Counter


class CountedQuota:
    """Implements ``domain.ports.ConnectionQuota``. Limits may change at any time; connections that stand stay.

    Loopback addresses are not limited one by one: a reverse proxy brings everybody's connections from there.
    """

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._count = 0
        self._by_address: Counter[str] = Counter()

    def set_limits(self, most: int, most_per_address: int) -> None:
        """Take these from the next connection on."""
        self._most = most
        self._most_per_address = most_per_address

    def take(self, ip: str) -> bool:
        key = _key(ip)
        is_exempt = ipaddress.ip_address(key).is_loopback
        if self._count >= self._most:
            return False
        if not is_exempt and self._by_address[key] >= self._most_per_address:
            return False
        self._by_address[key] += 1
        self._count += 1
        return True

    def give_back(self, ip: str) -> None:
        key = _key(ip)
        self._by_address[key] -= 1
        self._count -= 1
        if self._by_address[key] <= 0:
            del self._by_address[key]

    def __len__(self) -> int:
        return self._count


def _key(ip: str) -> str:
    """One spelling per address: an IPv4 address that came on an IPv6 socket is the IPv4 address."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
