"""Takes publications: who may publish for whom, the answer, what changes by it, and what expires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.presence import ChangeCause, Presentity
from domain.values import Flow
from domain.watching import NotifierControl, PublishAnswer, PublishFault, PublishReceived, PublishRefused
from presence.presence_board import PresenceBoard, Resolver
from presence.publications import Publications


def is_own_state(publisher: str, address: str) -> bool:
    """The rule without a word of the owner: an address speaks for itself alone."""
    return publisher == address


@dataclass(frozen=True, slots=True)
class PublishRules:
    """``may_publish``: (publisher's address, address) -> whether it may; both are resolved."""

    resolve: Resolver
    may_publish: Callable[[str, str], bool] = is_own_state


class PublicationDesk:
    """``now_s`` is a monotonic clock in seconds. On the event loop's thread."""

    def __init__(
        self,
        board: PresenceBoard,
        control: NotifierControl,
        publications: Publications,
        rules: PublishRules,
        now_s: Callable[[], float],
    ) -> None:
        self._board = board
        self._control = control
        self._publications = publications
        self._rules = rules
        self._now_s = now_s

    def on_publish(self, request: PublishReceived) -> None:
        """Answer ``request``, and take what it says."""
        self._control.answer_publish(request.publish_id, self._process(request))

    def next_expiry(self) -> float | None:
        """When ``expire`` is to be called, on the clock of ``now_s``; ask again after each publication."""
        return self._publications.next_expiry()

    def expire(self) -> None:
        """Forget what has expired by now."""
        for address in self._publications.expire(self._now_s()):
            self._board.apply_published(address, self._publications.composed(address), ChangeCause.PUBLICATION_EXPIRED)

    def _process(self, request: PublishReceived) -> PublishAnswer:
        """RFC 3903 section 6: step 1 and who may, here; the steps after them, ``Publications``."""
        address = self._rules.resolve(request.address)
        if address is None or not self._board.find_presentity(address).version:
            return PublishRefused(PublishFault.NOT_FOUND, f"nobody here is called {request.address}")
        publisher = self._rules.resolve(request.publisher)
        if publisher is None or not self._is_registered_from(self._board.find_presentity(publisher), request.flow):
            return PublishRefused(PublishFault.FORBIDDEN, f"{request.publisher} is not registered from there")
        if not self._rules.may_publish(publisher, address):
            return PublishRefused(PublishFault.FORBIDDEN, f"{publisher} may not publish for {address}")
        self.expire()
        before = self._publications.composed(address)
        answer = self._publications.process(address, request, self._now_s())
        after = self._publications.composed(address)
        if after != before:
            self._board.apply_published(address, after, ChangeCause.PUBLISHED)
        return answer

    def _is_registered_from(self, publisher: Presentity, flow: Flow) -> bool:
        """As the default rule for watchers has it: From alone proves nothing."""
        return any(binding.flow.remote.ip == flow.remote.ip for binding in publisher.bindings)
