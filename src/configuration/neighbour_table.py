"""The hardware address behind an IPv4 address, where the kernel's neighbour table knows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

MacOf = Callable[[str], str | None]
"""An IP address -> the hardware address in lower case with colons, or None."""

_TABLE = Path("/proc/net/arp")
_UNKNOWN = "00:00:00:00:00:00"


def mac_of(ip: str, table: Path = _TABLE) -> str | None:
    """From the kernel's table of IPv4 neighbours (proc(5)); None for IPv6 and for hosts beyond a router."""
    try:
        lines = table.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        columns = line.split()
        if len(columns) >= 4 and columns[0] == ip and columns[3] != _UNKNOWN:
            return columns[3].lower()
    return None
