"""What is announced on the LAN, for ``screamrouter-sip discover``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from zeroconf import NotRunningException, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from discovery.interfaces import announcing_links, read_links, zeroconf_interfaces
from discovery.service_types import SERVICE_TYPES
from domain.errors import UserError

MAX_FOUND = 1000  # a hostile host can announce without end
NAME_QUERY_MS = 1000


@dataclass(frozen=True, slots=True, order=True)
class FoundService:
    """One announced service; text that came from the network has its unprintable characters replaced.

    ``host`` and ``service_type`` without trailing dot; ``host`` is empty and ``port`` 0 when nobody answers for them.
    """

    service_type: str
    instance: str
    host: str
    addresses: tuple[str, ...]
    port: int
    txt: tuple[tuple[str, str], ...]


async def browse(timeout_s: float, interfaces: Sequence[str] = ()) -> list[FoundService]:
    """Listen for ``timeout_s``, and up to a second more for answers under way; return each service once, sorted.

    ``interfaces`` are names or addresses; empty: all that are up. Raise ``UserError`` when mDNS can be spoken on none.
    """
    links = announcing_links(read_links(), interfaces)
    sockets = [address for link in links for address in zeroconf_interfaces(link)]
    if not sockets:
        raise UserError(f"No interface is up{_named(interfaces)}; connect one, or name another one.")
    try:
        responder = AsyncZeroconf(interfaces=sockets)
    except (OSError, RuntimeError) as error:
        raise UserError(f"mDNS cannot be spoken ({error}); free UDP port 5353 for sharing.") from error
    try:
        return await _collect(responder.zeroconf, timeout_s)
    except NotRunningException as error:
        raise UserError("mDNS cannot be spoken: the sockets did not open in time; try again.") from error
    finally:
        await responder.async_close()


def _named(interfaces: Sequence[str]) -> str:
    return f" among {', '.join(interfaces)}" if interfaces else ""


async def _collect(zeroconf: Zeroconf, timeout_s: float) -> list[FoundService]:
    await zeroconf.async_wait_for_start()
    lookups: dict[tuple[str, str], asyncio.Task[FoundService]] = {}

    def on_change(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        key = (service_type, name.lower())
        if state_change is ServiceStateChange.Removed:
            if (lookup := lookups.pop(key, None)) is not None:
                lookup.cancel()
        elif key not in lookups and len(lookups) < MAX_FOUND:
            lookups[key] = asyncio.create_task(_look_up(zeroconf, service_type, name))

    service_types = [name for names in SERVICE_TYPES.values() for name in names]
    async with AsyncServiceBrowser(zeroconf, service_types, handlers=[on_change]):
        await asyncio.sleep(timeout_s)
    return sorted(set(await asyncio.gather(*lookups.values())))


async def _look_up(zeroconf: Zeroconf, service_type: str, name: str) -> FoundService:
    info = AsyncServiceInfo(service_type, name)
    await info.async_request(zeroconf, NAME_QUERY_MS)
    txt = ((_printable(_text(key)), _printable(_text(value or b""))) for key, value in info.properties.items())
    return FoundService(
        service_type=service_type.rstrip("."),
        instance=_printable(name.removesuffix(f".{service_type}")),
        host=_printable((info.server or "").rstrip(".")),
        addresses=tuple(info.parsed_scoped_addresses()),
        port=info.port or 0,
        txt=tuple(txt),
    )


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", errors="replace")


def _printable(text: str) -> str:
    """``text`` without what could steer a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
