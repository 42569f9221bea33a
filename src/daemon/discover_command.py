"""``screamrouter-sip discover``: which SIP services mDNS announces on this LAN."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from discovery.browse import browse


def discover(seconds: float, interfaces: tuple[str, ...], *, as_json: bool) -> int:
    """Listen and print what was found; 0 when there was something, else 1."""
    services = asyncio.run(browse(seconds, interfaces))
    if as_json:
        print(json.dumps([asdict(service) for service in services], indent=2))
    elif not services:
        print(f"Nothing was announced within {seconds:g} s. Is the daemon running, and on the same network?")
    else:
        table = Table("Name", "Service", "Host", "Addresses", "Port", "Says")
        for found in services:
            says = " ".join(f"{key}={value}" for key, value in found.txt)
            row = (found.instance, found.service_type, found.host, "\n".join(found.addresses), str(found.port), says)
            table.add_row(*map(Text, row))  # text from the network, never rich's markup
        Console().print(table)
    return 0 if services else 1
