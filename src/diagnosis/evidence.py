"""What the rules look at, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from diagnosis.message_text import MessageText, read_message
from domain.exchanges import Exchange
from domain.ports import ListenAddress
from domain.values import Binding


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong (``says``) and what to do (``remedy``), for people. ``rule`` is its stable name.

    ``is_problem``: something is to be done; else it is worth knowing only.
    """

    rule: str
    says: str
    remedy: str
    is_problem: bool = True


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The daemon as it runs. ``networks`` are this machine's own, as "192.0.2.0/24"; ``addresses`` its own ones."""

    listening: tuple[ListenAddress, ...]
    domain: str
    served_hosts: frozenset[str]
    addresses: tuple[str, ...]
    networks: tuple[str, ...]
    started_at: datetime
    min_expires_s: int = 60
    max_contacts: int = 10
    liveness_timeout_s: float = 30.0
    is_announcing: bool = True
    receive_buffer_octets: int = 4 * 1024 * 1024
    state_dir: str = ""
    is_state_writable: bool = True

    @property
    def port(self) -> int:
        """The SIP port that devices are to be given."""
        return self.listening[0].port if self.listening else 5060

    @property
    def outward_addresses(self) -> tuple[str, ...]:
        """Own addresses at which other machines reach us, as far as their form tells."""
        return tuple(one for one in self.addresses if one != "::1" and not one.startswith(("127.", "fe80:")))


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device of config.yaml or of the core. ``is_listed``: it has an entry in the file."""

    key: str
    name: str
    is_enabled: bool = True
    is_listed: bool = True
    last_seen: datetime | None = None
    ip: str | None = None
    port: int | None = None
    contact_uri: str | None = None
    networks: tuple[str, ...] | None = None
    """Those that alone it may register from."""


@dataclass(frozen=True, slots=True)
class DeviceEvidence:
    """All that is known of one device. ``device`` is None for somebody who was asked for but is not known.

    ``exchanges`` are its own, oldest first.
    """

    asked: str
    now: datetime
    server: ServerFacts
    device: DeviceFacts | None = None
    bindings: tuple[Binding, ...] = ()
    exchanges: tuple[Exchange, ...] = ()

    @property
    def is_online(self) -> bool:
        return any(binding.is_reachable for binding in self.bindings)

    @property
    def requests(self) -> list[Exchange]:
        """What it sent of its own accord, oldest first."""
        return [one for one in self.exchanges if not one.is_ping]

    @property
    def current_refusal(self) -> Exchange | None:
        """Its newest REGISTER (or what nobody could read) that was refused and has not been followed by a good one."""
        refused = [one for one in unresolved_refusals(self.requests) if may_be_register(one)]
        return refused[-1] if refused else None


def may_be_register(exchange: Exchange) -> bool:
    """Whether it is a REGISTER, or so unreadable that it may be one."""
    text = read_message(exchange.message)
    return text.method in {"REGISTER", ""}


def unresolved_refusals(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Refused requests whose sender has not had the same method served since, under the same user; oldest first."""
    served: dict[tuple[str, str, str], datetime] = {}
    for one in exchanges:
        if one.cause is None and not one.is_ping:
            served[_subject(one)] = one.last_at
    refused = [one for one in exchanges if one.cause is not None]
    return [one for one in refused if (since := served.get(_subject(one))) is None or since < one.last_at]


def _subject(exchange: Exchange) -> tuple[str, str, str]:
    return exchange.remote.ip, exchange.user, read_message(exchange.message).method


def last_register(exchanges: Sequence[Exchange]) -> tuple[Exchange, MessageText] | None:
    """The newest REGISTER with a Contact (no mere query) that was served, with its text."""
    for one in reversed(exchanges):
        text = read_message(one.message)
        if one.cause is None and not one.is_ping and text.method == "REGISTER" and text.get("contact"):
            return one, text
    return None


def ago(now: datetime, then: datetime) -> str:
    """How long ago, for people."""
    seconds = max(0, int((now - then).total_seconds()))
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds // length_s} {unit} ago"
    return f"{seconds} s ago"


def times(count: int) -> str:
    """A count in words: once, or 7 times."""
    return "once" if count == 1 else f"{count} times"
