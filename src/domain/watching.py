"""Watching: what the core's notifier (RFC 6665) asks of policy, and what it is told.

The core speaks the protocol alone: dialogs, timers, repetitions, refusals that need no judgement, the pace of NOTIFY.
Policy renders each state once, however many watch it. A *resource* is one address in one event package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from domain.values import Flow


@dataclass(frozen=True, slots=True)
class EventPackage:
    """A package that is served. ``content_types``: what its documents can be, the default first.

    ``is_list_served``: lists (RFC 4662) of its documents, too.
    """

    name: str
    content_types: tuple[str, ...]
    is_list_served: bool = False


@dataclass(frozen=True, slots=True)
class NotifierConfig:
    """The wanted state of the notifier. Durations as named; a watcher gets one NOTIFY per interval at most."""

    packages: tuple[EventPackage, ...]
    min_expires_s: int = 10
    max_expires_s: int = 60
    interval_ms: int = 1000
    max_subscriptions: int = 10_000
    max_publications: int = 1000


@dataclass(frozen=True, slots=True)
class Resource:
    """An address (user part, unescaped) in an event package."""

    package: str
    address: str


@dataclass(frozen=True, slots=True)
class Document:
    """The state of a resource as it is sent.

    ``version_at``: where in ``body`` the subscription's own version number (0, 1, ...: RFC 4235 section 4.1.1, RFC
    3680 section 5.2, RFC 4662 section 5.3) is to be written, in octets; None: nowhere. ``partial`` says what differs
    from the document before this one, for watchers that have that; empty: they get the whole one, too.
    """

    content_type: str
    body: bytes
    version_at: int | None = None
    partial: bytes = b""
    partial_version_at: int | None = None


class WatcherRule(StrEnum):
    """Who may watch."""

    REGISTERED = "registered"
    """Whoever's From is registered here, from the address that it registered from."""
    ANYONE = "anyone"
    """Whoever is let in by the rules of admission."""
    LISTED = "listed"
    """Who is named, and registered."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may watch a resource; ``addresses`` (user parts) count with LISTED only."""

    rule: WatcherRule = WatcherRule.REGISTERED
    addresses: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class StateWanted:
    """Somebody wants to watch a resource that the core holds no document of: ``provide`` or ``refuse`` it.

    Told once until it is answered, however many wait. Without a word for 5 s they get 500.
    """

    resource: Resource


@dataclass(frozen=True, slots=True)
class StateUnwanted:
    """Nobody has watched the resource for a while; the core has forgotten its document."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class PublishReceived:
    """A PUBLISH that was let in (RFC 3903 section 6): to be answered within 5 s, else the core answers 500.

    ``publisher`` is who says it (From's user), ``address`` whose state it is (Request-URI's user). ``expires_s`` None:
    not said. ``etag``: SIP-If-Match, else empty.
    """

    publish_id: int
    package: str
    address: str
    publisher: str
    flow: Flow
    expires_s: int | None
    etag: str
    content_type: str
    body: bytes


WatchEvent = StateWanted | StateUnwanted | PublishReceived


@dataclass(frozen=True, slots=True)
class PublishAccepted:
    """200 with SIP-ETag and Expires (RFC 3903 section 6 step 6)."""

    etag: str
    expires_s: int


class PublishFault(StrEnum):
    """Why a publication is refused; the core knows status and headers of each."""

    BAD_EVENT = "bad_event"  # 489 with Allow-Events
    CONDITION_FAILED = "condition_failed"  # 412
    TOO_BRIEF = "too_brief"  # 423 with Min-Expires
    BAD_BODY = "bad_body"  # 400; for a precondition that is none, too
    UNSUPPORTED_TYPE = "unsupported_type"  # 415 with Accept
    FORBIDDEN = "forbidden"  # 403
    NOT_FOUND = "not_found"  # 404
    TOO_MANY = "too_many"  # 503 with Retry-After


@dataclass(frozen=True, slots=True)
class PublishRefused:
    """``reason`` is a sentence for the publisher."""

    fault: PublishFault
    reason: str


PublishAnswer = PublishAccepted | PublishRefused


@dataclass(frozen=True, slots=True)
class SubscriptionReport:
    """One watcher of one resource. ``is_pending``: its first answer is not out; times in seconds."""

    resource: Resource
    watcher: str
    flow: Flow
    expires_in_s: float
    notified: int
    is_pending: bool = False


class NotifierControl(Protocol):
    """The core's notifier. Every call is short, returns at once and is safe to repeat."""

    def apply_notifier(self, config: NotifierConfig) -> None:
        """Make ``config`` the wanted state; subscriptions to packages that are gone end (reason noresource)."""
        ...

    def provide(self, resource: Resource, audience: Audience, document: Document, *, is_list: bool = False) -> None:
        """The state of a resource as it is now: those who wait are let in or refused, those who watch are notified.

        A watcher that ``audience`` leaves out is told that its subscription ends (rejected). ``is_list``: only for
        watchers that know lists (Supported: eventlist), others get 421.
        """
        ...

    def refuse(self, resource: Resource, reason: str) -> None:
        """There is nothing to watch: 404 to those who wait; subscriptions end (noresource)."""
        ...

    def answer_publish(self, publish_id: int, answer: PublishAnswer) -> bool:
        """Answer the PUBLISH that waits; False: none does."""
        ...

    def subscriptions(self) -> tuple[SubscriptionReport, ...]:
        """Every subscription as it stands."""
        ...


class WatchObserver(Protocol):
    """Whoever decides about watchers and publications; ``presence.notifier_policy`` implements it."""

    def on_watch_event(self, event: WatchEvent) -> None:
        """Take one event, in order."""
        ...
