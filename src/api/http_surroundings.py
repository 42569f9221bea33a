"""What the HTTP side works with: handed in by the daemon, which knows every room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.event_history import EventHistory
from api.source_guard import NetworkGuard
from domain.call_reports import CallsView
from domain.ports import ConnectionQuota, ListenAddress, ServerCertificates, StreamFlows
from domain.presence import PresenceView
from domain.watching import SubscriptionReport


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """Who is heard. ``own_hosts``: this host's names and addresses, in lower case; ``allowed_origins``: the owner's."""

    networks: NetworkGuard
    own_hosts: frozenset[str]
    allowed_origins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HttpSources:
    """Where answers come from; called on the event loop. ``status`` and ``devices`` are what the command line gets.

    What is None is answered 503.
    """

    status: Callable[[], Mapping[str, Any]]
    devices: Callable[[], Sequence[Mapping[str, Any]]]
    calls: CallsView
    authority_pem: Callable[[], bytes | None]
    events: EventHistory | None = None
    presence: PresenceView | None = None
    subscriptions: Callable[[], Sequence[SubscriptionReport]] | None = None


@dataclass(frozen=True, slots=True)
class HttpSurroundings:
    """``page`` is the folder of the built page. Without ``flows`` there is no SIP over WebSocket, without ``quota`` no
    limit of connections.
    """

    certificates: ServerCertificates
    sources: HttpSources
    policy: Callable[[], HttpPolicy]
    page: Path
    flows: StreamFlows | None = None
    quota: ConnectionQuota | None = None


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Times in seconds, lengths in octets. The defaults are the daemon's; tests take shorter ones."""

    handshake_s: float = 10.0
    request_s: float = 10.0
    response_s: float = 60.0
    first_message_s: float = 30.0
    stop_s: float = 3.0
    ping_interval_s: float = 30.0
    ping_timeout_s: float = 20.0
    most_message: int = 65_536
    most_unsent: int = 262_144
    heartbeat_s: float = 15.0
    most_streams: int = 100


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where to listen."""

    addresses: tuple[ListenAddress, ...]
    limits: HttpLimits = field(default_factory=HttpLimits)
