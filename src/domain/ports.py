"""The protocols in which sibling rooms meet: implemented in one room, used in another, joined in ``daemon.wiring``."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.events import BindingEvent, CoreEvent
from domain.values import Binding, Capabilities, Endpoint, Role, Transport


class Clock(Protocol):
    """The edge where wall time enters."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A numeric IP address, a wildcard included, and the port to bind (0: any free one)."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The wanted state of the core. Durations in milliseconds, lengths in octets.

    ``served_hosts`` are the host names and addresses (no brackets, lower case) that belong to the domain,
    ``domain`` among them. ``max_aors`` and the two below hold for all addresses together; ``max_binding_octets`` counts
    about 400 for a binding and its texts in steps of 256 (cpp/location/quota.hpp).
    """

    domain: str
    served_hosts: frozenset[str]
    min_expires_s: int = 60
    default_expires_s: int = 3600
    max_expires_s: int = 7200
    rejects_brief_expires: bool = False
    max_contacts: int = 10
    max_calls: int = 500
    max_aors: int = 10_000
    max_bindings: int = 20_000
    max_binding_octets: int = 32 * 1024 * 1024
    ping_interval_ms: int = 10_000
    liveness_timeout_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """Counters since the core started."""

    requests: int
    replies: int
    refused: int
    dropped: int
    pings: int
    events: int
    bindings: int
    aors: int
    binding_octets: int = 0


class Engine(Protocol):
    """The C++ core behind one door. Every call is short and lets other Python threads run."""

    def apply_config(self, config: EngineConfig) -> None:
        """Make ``config`` the wanted state; valid while running, drops no binding."""
        ...

    def attach(self) -> None:
        """Join the running pjsua2 endpoint; raise ``domain.errors.StackRefused`` when the wheel's layout differs."""
        ...

    def open(self, listener: ListenAddress) -> None:
        """Take the endpoint's UDP transport bound to ``listener`` into use: buffer raised, pings sent, expiry runs."""
        ...

    def detach(self) -> None:
        """Leave the endpoint, before it is destroyed. Bindings stay; idempotent."""
        ...

    @property
    def event_fd(self) -> int:
        """Readable when ``drain`` has something."""
        ...

    def drain(self) -> Sequence[CoreEvent]:
        """The next batch of events in order; empty when there is none."""
        ...

    def snapshot(self) -> Sequence[Binding]:
        """Every binding as it stands."""
        ...

    def find_device(self, device_id: str) -> Sequence[Binding]:
        """The bindings of one device as they stand."""
        ...

    def find_aor(self, aor: str) -> Sequence[Binding]:
        """The bindings of one address-of-record as they stand, of whatever devices."""
        ...

    def statistics(self) -> EngineStatistics:
        """The counters as they stand."""
        ...


Octets = str | bytes
"""Text from the network: ``str``, or ``bytes`` where it is not UTF-8."""

BindingRow = tuple[
    int, Octets, Octets, Octets, int, str, Octets, int, int | None, Octets, Octets, Octets, bytes,
    str, str, int, str, int, int, int, int,
]  # fmt: skip
"""A binding as it is kept beyond the life of the process; its fields are ``BINDING_FIELDS``, in their order."""

BINDING_FIELDS = (
    "number", "aor_key", "contact_uri", "call_id", "cseq", "device_uuid", "instance", "reg_id", "q_thousandths", "path",
    "user_agent", "content_type", "body", "transport", "flow_ip", "flow_port", "target_ip", "target_port", "listener",
    "expires_at_ms", "last_heard_ms",
)  # fmt: skip
"""``number`` names the binding for good: it rises with each new one, also over restarts. ``reg_id``: 0 is none.
``listener`` is the index of the listening socket in the order of ``Engine.open``. Times are milliseconds on the clock
of whoever asked."""


@dataclass(frozen=True, slots=True)
class BindingChanges:
    """What became of bindings since they were last taken; each binding once, as it is now.

    ``is_last``: nothing more waits. ``has_lost``: the core could not hold all removals; ``retake_bindings`` is needed.
    """

    saved: Sequence[BindingRow]
    removed: Sequence[int]
    is_last: bool
    has_lost: bool = False


class BindingJournal(Protocol):
    """The core's bindings for ``location.binding_store``; the packet path waits for none of it. One thread at once."""

    def take_changes(self, most: int, now_ms: int) -> BindingChanges:
        """At most ``most`` changed bindings and all removals; ``now_ms`` is the caller's clock at this moment."""
        ...

    def retake_bindings(self) -> None:
        """Forget what waits to be taken: every binding counts as changed again."""
        ...

    def restore(self, rows: Sequence[BindingRow], now_ms: int, first_number: int) -> int:
        """Put bindings back, before the core is opened; return how many. What has expired by ``now_ms`` is left out.

        They are unreachable until they are heard, and pinged first, spread over a few seconds. New bindings are
        numbered from ``first_number`` on. They count as saved; no event tells of them. Raise ``ValueError`` for a row
        that is none.
        """
        ...


class BindingObserver(Protocol):
    """Whoever turns changes of bindings into something that lasts (the configuration's device directory)."""

    def on_binding_event(self, event: BindingEvent) -> None:
        """Take one change, in order."""
        ...

    def on_resync(self, bindings: Sequence[Binding]) -> None:
        """Take the whole truth: devices without a binding here are offline."""
        ...


class RegistrationSink(Protocol):
    """The face that ScreamRouter's design fixed; ConfigurationManager implements it."""

    def handle_sip_registration(self, uuid: str, ip: str, port: int, role: Role, capabilities: Capabilities) -> None:
        """A device registered, changed or came back."""
        ...

    def handle_sip_device_offline(self, uuid: str) -> None:
        """A device unregistered, expired or fell silent."""
        ...


class SipService(Protocol):
    """The SIP endpoint's lifecycle; ``sip_server.sip_manager.SipManager`` implements it."""

    def start(self, addresses: Sequence[ListenAddress]) -> Sequence[ListenAddress]:
        """Bind and serve; return the addresses as bound. Raise ``domain.errors.UserError`` when one cannot be."""
        ...

    def stop(self) -> None:
        """Close the sockets and leave nothing behind; idempotent, and ``start`` may follow."""
        ...


class FlowWriter(Protocol):
    """The socket side of one connection, as the core's output needs it. Called on the event loop; must not raise."""

    def write(self, octets: bytes) -> None:
        """Send: a piece of the stream over TCP and TLS, one whole message over WebSocket. Never blocks."""
        ...

    def close(self) -> None:
        """The core is done with the peer: send what was written, then close. ``close_flow`` is still the owner's."""
        ...


class StreamFlows(Protocol):
    """SIP over connections: whoever owns a socket brings its octets here. Everything on the event loop's thread.

    The core answers by the connection that a request came on, and sends its own requests to a binding down the
    connection that it was registered on.
    """

    def open_flow(self, transport: Transport, remote: Endpoint, local: Endpoint, writer: FlowWriter) -> int:
        """A connection stands (TLS and WebSocket handshakes are over): its number, unique in the process's life.

        ``transport`` is not UDP; addresses are numeric, IPv6 without brackets, a zone as in ``fe80::1%eth0`` or
        ``%2`` allowed. Raise ``ValueError`` for an address that is none.
        """
        ...

    def receive(self, connection: int, octets: bytes) -> None:
        """Any piece of a byte stream (TCP, TLS) or one whole message (WebSocket, text or binary, CRLF pings too).

        Answers that are ready are written before it returns. A number that is closed is ignored.
        """
        ...

    def close_flow(self, connection: int) -> None:
        """The connection is gone, whoever closed it: its bindings end now (RFC 5626 section 5.3). Idempotent."""
        ...


class ConnectionQuota(Protocol):
    """How many connections may stand at once, over all listeners and of one address. On the event loop's thread."""

    def take(self, ip: str) -> bool:
        """Count one more connection of ``ip``; False: there are too many, close it unheard."""
        ...

    def give_back(self, ip: str) -> None:
        """A connection for which ``take`` said True is gone."""
        ...


class ServerCertificates(Protocol):
    """The server's certificate for TLS, WSS and HTTPS."""

    def tls_context(self) -> ssl.SSLContext:
        """A server context with the certificate in force; asked for each new connection, so it should be kept."""
        ...


@dataclass(frozen=True, slots=True)
class ServiceAnnouncement:
    """What mDNS says of us. ``interfaces`` are names or addresses; empty: all that are up.

    ``port`` is UDP's, ``stream_ports`` are those of the other transports that are served.
    """

    instance_name: str
    router_uuid: str
    port: int
    interfaces: tuple[str, ...] = ()
    stream_ports: tuple[tuple[Transport, int], ...] = ()


class Publisher(Protocol):
    """Announces the service on the LAN; ``discovery.mdns_publisher.MdnsPublisher`` implements it."""

    async def start(self, announcement: ServiceAnnouncement) -> str:
        """Announce; return the instance name in use, which differs from the wanted one after a conflict."""
        ...

    async def stop(self) -> None:
        """Say goodbye and close; idempotent."""
        ...


CapabilityReader = Callable[[str | None, bytes], Capabilities]
"""(Content-Type, REGISTER body) -> what the device can do; never raises on a peer's bytes."""
