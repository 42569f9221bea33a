"""The protocols in which sibling rooms meet: implemented in one room, used in another, joined in ``daemon.wiring``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.events import BindingEvent, CoreEvent
from domain.values import Binding, Capabilities, Role


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
    ``domain`` among them.
    """

    domain: str
    served_hosts: frozenset[str]
    min_expires_s: int = 60
    default_expires_s: int = 3600
    max_expires_s: int = 7200
    rejects_brief_expires: bool = False
    max_contacts: int = 10
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

    def statistics(self) -> EngineStatistics:
        """The counters as they stand."""
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


@dataclass(frozen=True, slots=True)
class ServiceAnnouncement:
    """What mDNS says of us. ``interfaces`` are names or addresses; empty: all that are up."""

    instance_name: str
    router_uuid: str
    port: int
    interfaces: tuple[str, ...] = ()


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
