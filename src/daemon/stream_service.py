"""TCP and TLS as the configuration wants them: what is listened on, within which limits."""

from __future__ import annotations

import asyncio.sslproto
import resource
from collections.abc import Iterator, Sequence

import structlog

from configuration.config_access import LimitsSection
from configuration.config_document import SipSection
from domain.ports import ConnectionQuota, ListenAddress, ServerCertificates
from domain.values import Transport
from engine.core_flows import CoreFlows
from sip_server.connection_quota import CountedQuota
from sip_server.stream_server import StreamListener, StreamServer

log = structlog.get_logger()

_TLS_BUFFER_OCTETS = 16 * 1024
_MOST_DESCRIPTORS = 65_536


class StreamService:
    """Started once on the event loop's thread. ``quota`` is for whoever else accepts connections, too."""

    def __init__(self, flows: CoreFlows, limits: LimitsSection, certificates: ServerCertificates | None = None) -> None:
        self._flows = flows
        self._quota = CountedQuota(limits.max_connections, limits.max_connections_per_address)
        self._has_certificates = certificates is not None
        self._server = StreamServer(flows, self._quota, certificates)
        self._bound: Sequence[StreamListener] = ()

    @property
    def quota(self) -> ConnectionQuota:
        return self._quota

    @property
    def ports(self) -> tuple[tuple[Transport, int], ...]:
        """The port of each transport that is served, of its first address."""
        first: dict[Transport, int] = {}
        for listener in self._bound:
            first.setdefault(listener.transport, listener.address.port)
        return tuple(first.items())

    def start(self, wanted: SipSection, udp: Sequence[ListenAddress]) -> None:
        """Serve beside the UDP sockets as bound. Raise ``domain.errors.AddressUnavailable`` when that cannot be."""
        raise_descriptor_limit()
        shrink_tls_buffers()
        self._flows.start()
        listeners = list(stream_listeners(wanted, udp))
        if not self._has_certificates:
            listeners = [one for one in listeners if one.transport is not Transport.TLS]
        self._bound = self._server.start(listeners)

    def apply_limits(self, limits: LimitsSection) -> None:
        """Take these from the next connection on."""
        self._quota.set_limits(limits.max_connections, limits.max_connections_per_address)

    async def stop(self) -> None:
        """Send what the core has said, then close everything; idempotent."""
        self._flows.stop()
        await self._server.stop()


def stream_listeners(wanted: SipSection, udp: Sequence[ListenAddress]) -> Iterator[StreamListener]:
    """Where TCP and TLS are to be served; ``udp`` are the UDP sockets, whose places TCP shares by default."""
    places = {address.ip: address.port for address in udp}
    if wanted.tcp.enabled:
        for ip in wanted.tcp.address or places:
            port = wanted.tcp.port if wanted.tcp.port is not None else places.get(ip, udp[0].port)
            yield StreamListener(Transport.TCP, ListenAddress(ip, port))
    if wanted.tls.enabled:
        for ip in wanted.tls.address or places:
            yield StreamListener(Transport.TLS, ListenAddress(ip, wanted.tls.port))


def raise_descriptor_limit() -> None:
    """A shell allows 1,024 descriptors, each connection takes one; the hard limit is what the owner allows.

    PJSIP's ``select`` knows descriptors below 1,024 only: its sockets were made before, and theirs are.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def shrink_tls_buffers() -> None:
    """By default asyncio gives every TLS connection 256 KB to read into, a gigabyte for 4,000; a TLS record has 16."""
    setattr(asyncio.sslproto.SSLProtocol, "max_size", _TLS_BUFFER_OCTETS)  # noqa: B010  # typed as constant
