"""Bindings, calls and publications to make; a notifier that records; documents read and held to their schemas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from lxml import etree

from domain.presence import CallPart, CallPhase, ChangeCause, Presentity
from domain.values import Binding, Endpoint, Flow, Transport
from domain.watching import (
    Audience,
    Document,
    NotifierConfig,
    PublishAnswer,
    PublishReceived,
    Resource,
    SubscriptionReport,
)
from presence.notifier_policy import NotifierPolicy, WatchingRules
from presence.package import find_packages
from presence.presence_board import PresenceBoard
from presence.publication_desk import PublicationDesk, PublishRules, is_own_state
from presence.publications import PublicationLimits, Publications

SCHEMAS = Path(__file__).parents[1] / "data" / "schema"
NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
DOMAIN = "screamrouter.local"
PIDF = "{urn:ietf:params:xml:ns:pidf}"
PERSON = "{urn:ietf:params:xml:ns:pidf:data-model}"
RPID = "{urn:ietf:params:xml:ns:pidf:rpid}"
DIALOG = "{urn:ietf:params:xml:ns:dialog-info}"
REG = "{urn:ietf:params:xml:ns:reginfo}"
RLMI = "{urn:ietf:params:xml:ns:rlmi}"
OWN = "{urn:x-screamrouter:presence}"
Element = Any
"""lxml's; a test that looks for what is not there fails where it looks."""
SCHEMA_OF = {
    "application/pidf+xml": "presence.xsd",
    "application/dialog-info+xml": "dialog-info.xsd",
    "application/reginfo+xml": "reginfo.xsd",
    "application/rlmi+xml": "rlmi.xsd",
}


class VirtualClock:
    """Wall clock and monotonic clock in one; moves when it is told to."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed_s)

    def now_s(self) -> float:
        return self.elapsed_s


def flow(ip: str = "192.0.2.1", port: int = 5062) -> Flow:
    return Flow(Transport.UDP, Endpoint(ip, port))


def binding(number: int = 1, user: str = "kitchen", *, is_reachable: bool = True, device_id: str = "") -> Binding:
    came_on = flow(port=5060 + number)
    return Binding(
        number,
        f"{user}@{DOMAIN}",
        device_id or f"{user}@{DOMAIN}",
        f"sip:{user}@192.0.2.1:{5060 + number}",
        f"call-{number}",
        1,
        came_on,
        came_on.remote,
        NOON + timedelta(hours=1),
        NOON,
        is_reachable,
    )


def part(
    call_id: int = 7,
    user: str = "kitchen",
    phase: CallPhase = CallPhase.TALKING,
    *,
    is_initiator: bool = False,
    remote: str = "sip:hall@screamrouter.local",
) -> CallPart:
    return CallPart(call_id, user, "", is_initiator, phase, f"sip:{user}@{DOMAIN}", remote)


def publish(address: str = "kitchen", body: bytes | None = None, **fields: Any) -> PublishReceived:
    """A PUBLISH; ``body`` None: it says open."""
    said = pidf() if body is None else body
    usual = PublishReceived(1, "presence", address, address, flow(), 30, "", "application/pidf+xml", said)
    return replace(usual, **fields)


def pidf(basic: str = "open", activities: str = "", note: str = "") -> bytes:
    """What linphone publishes, shortened."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><presence xmlns="{PIDF[1:-1]}" entity="sip:kitchen@{DOMAIN}" '
        f'xmlns:dm="{PERSON[1:-1]}" xmlns:rpid="{RPID[1:-1]}"><tuple id="a"><status><basic>{basic}</basic></status>'
        f'</tuple><dm:person id="p"><rpid:activities>{activities}</rpid:activities><dm:note>{note}</dm:note>'
        "</dm:person></presence>"
    ).encode()


@dataclass(slots=True)
class Provided:
    """One ``provide``."""

    resource: Resource
    audience: Audience
    document: Document
    is_list: bool


class RecordingNotifier:
    """The core's notifier as policy sees it; implements ``domain.watching.NotifierControl``."""

    def __init__(self) -> None:
        self.provided: list[Provided] = []
        self.refused: list[tuple[Resource, str]] = []
        self.answers: list[PublishAnswer] = []

    def apply_notifier(self, config: NotifierConfig) -> None:
        raise AssertionError("policy does not configure the notifier: the daemon does")

    def provide(self, resource: Resource, audience: Audience, document: Document, *, is_list: bool = False) -> None:
        self.provided.append(Provided(resource, audience, document, is_list))

    def refuse(self, resource: Resource, reason: str) -> None:
        self.refused.append((resource, reason))

    def answer_publish(self, publish_id: int, answer: PublishAnswer) -> bool:
        self.answers.append(answer)
        return True

    def subscriptions(self) -> tuple[SubscriptionReport, ...]:
        return ()


class RecordingObserver:
    """Implements ``domain.presence.PresenceObserver``."""

    def __init__(self) -> None:
        self.changes: list[tuple[Presentity, Presentity]] = []

    def on_presentity(self, before: Presentity, after: Presentity) -> None:
        self.changes.append((before, after))

    @property
    def causes(self) -> list[ChangeCause]:
        return [after.cause for _, after in self.changes]


@dataclass(slots=True)
class Owner:
    """What the daemon answers when presence asks for the owner's word; tests change it."""

    names: dict[str, str | None] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    audience: Audience = field(default_factory=Audience)
    may_publish: Callable[[str, str], bool] = is_own_state
    domain: str = DOMAIN

    def resolve(self, user: str) -> str | None:
        return self.names.get(user, user)

    def find_list(self, name: str) -> tuple[str, ...] | None:
        return self.lists.get(name)

    def lets_publish(self, publisher: str, address: str) -> bool:
        return self.may_publish(publisher, address)


class Presence:
    """Board, desk and policy, joined as the daemon joins them; what is deferred waits for ``turn``."""

    def __init__(self, limits: PublicationLimits | None = None) -> None:
        self.clock, self.owner, self.core = VirtualClock(), Owner(), RecordingNotifier()
        self.waiting: list[Callable[[], None]] = []
        self.board = PresenceBoard(self.clock, self.owner.resolve)
        self.observer = RecordingObserver()
        self.board.add_observer(self.observer)
        tags = count(1)
        publications = Publications(limits or PublicationLimits(), lambda: f"tag{next(tags)}")
        rules = PublishRules(self.owner.resolve, self.owner.lets_publish)
        self.desk = PublicationDesk(self.board, self.core, publications, rules, self.clock.now_s)
        watching = WatchingRules(
            lambda: self.owner.domain, self.owner.resolve, self.owner.find_list, lambda _: self.owner.audience
        )
        self.policy = NotifierPolicy(self.board, self.core, watching, self.desk, self.waiting.append)

    def turn(self) -> None:
        """The event loop comes to what was deferred."""
        waiting, self.waiting[:] = list(self.waiting), []
        for call in waiting:
            call()

    def last(self) -> Provided:
        return self.core.provided[-1]


def render(package: str, now: Presentity, before: Presentity | None = None) -> Document:
    return find_packages()[package].render(now, before, DOMAIN)


class _LocalSchemas(etree.Resolver):  # type: ignore[misc]  # lxml has no types
    """The schemas name xml.xsd by where it is on the web."""

    def resolve(self, system_url, public_id, context):
        name = str(system_url).rpartition("/")[2]
        return self.resolve_filename(str(SCHEMAS / name), context)


@cache
def schema(name: str) -> etree.XMLSchema:
    parser = etree.XMLParser()
    parser.resolvers.add(_LocalSchemas())
    return etree.XMLSchema(etree.parse(str(SCHEMAS / name), parser))


def read(content_type: str, body: bytes) -> Element:
    """The document, which is valid."""
    root = etree.fromstring(body)
    schema(SCHEMA_OF[content_type.partition(";")[0]]).assertValid(root)
    return root


def whole(document: Document, version: int = 0) -> Element:
    """The full document as a watcher gets it in its notification number ``version``."""
    return read(document.content_type, _versioned(document.body, document.version_at, version))


def partial(document: Document, version: int = 1) -> Element:
    """The partial document, likewise."""
    assert document.partial, "the document has no partial form"
    return read(document.content_type, _versioned(document.partial, document.partial_version_at, version))


def _versioned(body: bytes, at: int | None, version: int) -> bytes:
    return body if at is None else body[:at] + str(version).encode() + body[at:]


@dataclass(slots=True)
class ListRead:
    """A list's notification, taken apart by an independent reader of MIME; each part is valid."""

    rlmi: Element
    parts: dict[str, Element]
    message: Message

    @property
    def rows(self) -> dict[str, Element]:
        return {row.get("uri", ""): row.find(f"{RLMI}instance") for row in self.rlmi.iter(f"{RLMI}resource")}


def read_list(document: Document, *, is_partial: bool = False, version: int = 0) -> ListRead:
    body = document.partial if is_partial else document.body
    at = document.partial_version_at if is_partial else document.version_at
    return read_list_body(document.content_type, _versioned(body, at, version))


def read_list_body(content_type: str, body: bytes) -> ListRead:
    """What a NOTIFY of a list carries."""
    head = f"MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n".encode()
    message: Any = message_from_bytes(head + body)
    root, *others = message.get_payload()
    parts = {one["Content-ID"].strip("<>"): read(one["Content-Type"], one.get_payload(decode=True)) for one in others}
    assert not message.defects
    assert root["Content-ID"] == message.get_param("start")
    return ListRead(read(root["Content-Type"], root.get_payload(decode=True)), parts, message)
