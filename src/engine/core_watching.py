"""The core's notifier as ``domain.watching.NotifierControl``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from domain.values import Endpoint, Flow, Transport
from domain.watching import (
    Audience,
    Document,
    NotifierConfig,
    PublishAccepted,
    PublishAnswer,
    PublishReceived,
    PublishRefused,
    Resource,
    StateUnwanted,
    StateWanted,
    SubscriptionReport,
    WatchEvent,
)
from engine import _engine


class CoreWatching:
    """Any thread; every call is short and lets other Python threads run."""

    def __init__(self, core: _engine.Engine) -> None:
        self._core = core

    def apply_notifier(self, config: NotifierConfig) -> None:
        packages = [(one.name, list(one.content_types), one.is_list_served) for one in config.packages]
        self._core.apply_notifier(
            packages, (config.min_expires_s, config.max_expires_s), config.interval_ms, config.max_subscriptions
        )

    def provide(self, resource: Resource, audience: Audience, document: Document, *, is_list: bool = False) -> None:
        self._core.provide(
            (resource.package, resource.address),
            (str(audience.rule), sorted(audience.addresses)),
            (
                document.content_type,
                (document.body, document.version_at),
                (document.partial, document.partial_version_at),
            ),
            is_list,
        )

    def refuse(self, resource: Resource, reason: str) -> None:
        self._core.refuse_watchers((resource.package, resource.address), reason)

    def answer_publish(self, publish_id: int, answer: PublishAnswer) -> bool:
        match answer:
            case PublishAccepted():
                return self._core.accept_publish(publish_id, answer.etag, answer.expires_s)
            case PublishRefused():
                return self._core.refuse_publish(publish_id, str(answer.fault), answer.reason)
            case _:
                assert_never(answer)

    def set_known_addresses(self, users: Iterable[str]) -> None:
        """Whose addresses-of-record (user parts) the owner knows, registered or not.

        A MESSAGE for one of them who is not there is answered 480, for anybody else 404.
        """
        self._core.set_known_addresses(list(users))

    def subscriptions(self) -> tuple[SubscriptionReport, ...]:
        return tuple(_to_report(record) for record in self._core.subscriptions())


def to_watch_events(drained: _engine.Drained) -> Iterator[WatchEvent]:
    """The events about watchers and publications in what was drained."""
    for record in drained.watch:
        resource = Resource(record.package, record.address)
        yield StateWanted(resource) if record.is_wanted else StateUnwanted(resource)
    for publication in drained.publications:
        yield PublishReceived(
            publish_id=publication.publish_id,
            package=publication.package,
            address=publication.address,
            publisher=publication.publisher,
            flow=_to_flow(publication.flow),
            expires_s=publication.expires_s,
            etag=publication.etag,
            content_type=publication.content_type,
            body=publication.body,
        )


def _to_report(record: _engine.SubscriptionReport) -> SubscriptionReport:
    return SubscriptionReport(
        resource=Resource(record.package, record.address),
        watcher=record.watcher,
        flow=_to_flow(record.flow),
        expires_in_s=record.expires_in_ms / 1000,
        notified=record.notified,
        is_pending=record.is_pending,
    )


def _to_flow(row: tuple[str, str, int]) -> Flow:
    transport, ip, port = row
    return Flow(Transport(transport), Endpoint(ip, port))
