"""Publications (RFC 3903): soft state that a device says of itself, under an entity-tag that each success replaces.

Theory of operation: ``decide`` is section 6 as a decision on the publications of one address. ``Publications`` keeps
them by address, with who expires next; its clock is the caller's, in seconds of a monotonic clock.

Composition is the compositor's own (section 7); the rule here: of several publications the one that was published or
modified last is the newest; for each of open and note the newest that says something is right, the activities of all
count. A refresh makes nothing newer.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domain.presence import Activity, PublishedState
from domain.watching import PublishAccepted, PublishAnswer, PublishFault, PublishReceived, PublishRefused
from presence.pidf_reader import UnreadablePidf, read_pidf

PUBLISHED_PACKAGE = "presence"
PUBLISHED_TYPE = "application/pidf+xml"
_ENTITY_TAG = re.compile(r"[A-Za-z0-9.!%*_+`'~-]*")
"""A token (RFC 3903 section 11.4), of which there is one; none in an initial publication."""


@dataclass(frozen=True, slots=True)
class PublicationLimits:
    """What is granted. ``most`` holds for all addresses together; nobody's silence fills the memory."""

    min_expires_s: int = 10
    max_expires_s: int = 60
    most: int = 1000
    most_per_address: int = 10


@dataclass(frozen=True, slots=True)
class Publication:
    """One publication that stands; ``expires_at_s`` on the caller's clock."""

    etag: str
    state: PublishedState
    expires_at_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be answered, and the publications of the address from now on, oldest first."""

    publications: tuple[Publication, ...]
    answer: PublishAnswer


@dataclass(frozen=True, slots=True)
class Offer:
    """What ``decide`` may use: the moment, the tag of the next publication, whether there is room for one more."""

    now_s: float
    etag: str
    has_room: bool
    limits: PublicationLimits


def decide(standing: tuple[Publication, ...], request: PublishReceived, offer: Offer) -> Decision:
    """RFC 3903 section 6, steps 2 to 6; step 1 and who may publish are the caller's."""
    standing = tuple(one for one in standing if one.expires_at_s > offer.now_s)
    known = next((one for one in standing if one.etag == request.etag), None)
    granted_s = _granted_s(request.expires_s, offer.limits)
    if request.package != PUBLISHED_PACKAGE:
        return Decision(standing, PublishRefused(PublishFault.BAD_EVENT, f"no {request.package} can be published here"))
    if not _ENTITY_TAG.fullmatch(request.etag):
        return Decision(standing, PublishRefused(PublishFault.BAD_BODY, "SIP-If-Match has one entity-tag"))
    if request.etag and known is None:
        return Decision(standing, PublishRefused(PublishFault.CONDITION_FAILED, "no publication has this entity-tag"))
    if granted_s is None:
        reason = f"a publication lasts {offer.limits.min_expires_s} s at least"
        return Decision(standing, PublishRefused(PublishFault.TOO_BRIEF, reason))
    accepted = PublishAccepted(offer.etag, granted_s)
    if known is not None:
        return _decide_known(standing, known, request, (offer, accepted))
    return _decide_initial(standing, request, (offer, accepted))


def _decide_initial(
    standing: tuple[Publication, ...], request: PublishReceived, granted: tuple[Offer, PublishAccepted]
) -> Decision:
    """Section 4.2's initial publication. One for no time at all is read and accepted, and is over."""
    offer, accepted = granted
    if not offer.has_room or len(standing) >= offer.limits.most_per_address:
        return Decision(standing, PublishRefused(PublishFault.TOO_MANY, "there are too many publications"))
    match _read(request):
        case PublishRefused() as refused:
            return Decision(standing, refused)
        case _ if not accepted.expires_s:
            return Decision(standing, accepted)
        case state:
            return Decision((*standing, Publication(offer.etag, state, offer.now_s + accepted.expires_s)), accepted)


def _decide_known(
    standing: tuple[Publication, ...],
    known: Publication,
    request: PublishReceived,
    granted: tuple[Offer, PublishAccepted],
) -> Decision:
    """Remove (section 4.5), refresh (section 4.3: no body) or modify (section 4.4)."""
    offer, accepted = granted
    others = tuple(one for one in standing if one is not known)
    if not accepted.expires_s:
        return Decision(others, accepted)
    renewed = replace(known, etag=offer.etag, expires_at_s=offer.now_s + accepted.expires_s)
    if not request.body:
        return Decision(tuple(renewed if one is known else one for one in standing), accepted)
    match _read(request):
        case PublishRefused() as refused:
            return Decision(standing, refused)
        case state:
            return Decision((*others, replace(renewed, state=state)), accepted)


def _granted_s(asked_s: int | None, limits: PublicationLimits) -> int | None:
    """Step 4: never longer than asked; None: too brief (0 is not: it removes)."""
    if asked_s is None:
        return limits.max_expires_s
    if 0 < asked_s < limits.min_expires_s:
        return None
    return min(asked_s, limits.max_expires_s)


def _read(request: PublishReceived) -> PublishedState | PublishRefused:
    """Step 5."""
    if not request.body:
        return PublishRefused(PublishFault.BAD_BODY, "an initial publication has a body")
    if request.content_type.partition(";")[0].strip().lower() != PUBLISHED_TYPE:
        return PublishRefused(PublishFault.UNSUPPORTED_TYPE, f"publish {PUBLISHED_TYPE}")
    match read_pidf(request.body):
        case PublishedState() as state:
            return state
        case UnreadablePidf(reason):
            return PublishRefused(PublishFault.BAD_BODY, reason)


def compose(publications: Sequence[Publication]) -> PublishedState | None:
    """What they say together by the rule above, oldest first; None: there is none."""
    if not publications:
        return None
    newest_first = [publication.state for publication in reversed(publications)]
    doing: dict[Activity, None] = {}
    for state in newest_first:
        doing.update(dict.fromkeys(state.activities))
    return PublishedState(
        is_open=next((state.is_open for state in newest_first if state.is_open is not None), None),
        activities=tuple(activity for activity in Activity if activity in doing),
        note=next((state.note for state in newest_first if state.note), ""),
    )


class Publications:
    """The publications that stand, of all addresses. ``new_etag`` gives a token that was never given before."""

    def __init__(self, limits: PublicationLimits, new_etag: Callable[[], str]) -> None:
        self._limits = limits
        self._new_etag = new_etag
        self._standing: dict[str, tuple[Publication, ...]] = {}
        self._count = 0
        self._expiries: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return self._count

    def apply_limits(self, limits: PublicationLimits) -> None:
        """Hold to ``limits`` from now on; what stands, stands."""
        self._limits = limits

    def composed(self, address: str) -> PublishedState | None:
        """What the publications of the address say together."""
        return compose(self._standing.get(address, ()))

    def process(self, address: str, request: PublishReceived, now_s: float) -> PublishAnswer:
        """Take a PUBLISH for ``address``, whoever may send it being decided; its answer."""
        offer = Offer(now_s, self._new_etag(), self._count < self._limits.most, self._limits)
        decision = decide(self._standing.get(address, ()), request, offer)
        self._put(address, decision.publications)
        for publication in decision.publications:
            if publication.etag == offer.etag:
                heapq.heappush(self._expiries, (publication.expires_at_s, address))
        if len(self._expiries) > 2 * self._count + 16:
            self._expiries = [(one.expires_at_s, whose) for whose, all_ in self._standing.items() for one in all_]
            heapq.heapify(self._expiries)
        return decision.answer

    def next_expiry(self) -> float | None:
        """When ``expire`` is to be called next at the latest; None: there is nothing to expire."""
        return self._expiries[0][0] if self._expiries else None

    def expire(self, now_s: float) -> tuple[str, ...]:
        """Forget what has expired by ``now_s``; whose it was (section 4: soft state)."""
        due: dict[str, None] = {}
        while self._expiries and self._expiries[0][0] <= now_s:
            due[heapq.heappop(self._expiries)[1]] = None
        expired = []
        for address in due:
            before = self._standing.get(address, ())
            after = tuple(one for one in before if one.expires_at_s > now_s)
            if after != before:
                self._put(address, after)
                expired.append(address)
        return tuple(expired)

    def _put(self, address: str, publications: tuple[Publication, ...]) -> None:
        self._count += len(publications) - len(self._standing.pop(address, ()))
        if publications:
            self._standing[address] = publications
