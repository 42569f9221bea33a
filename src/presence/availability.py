"""The one decider: bindings, calls, the owner's word and publications -> one word.

The table is read from the top; the first row that holds is the answer. What the registrar knows comes first, since
nobody can be called who is not there, whatever he published; the owner's word comes before the device's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.presence import Activity, Availability, CallPart, CallPhase, PublishedState

AWAY_ACTIVITIES = frozenset({Activity.AWAY, Activity.MEAL, Activity.VACATION})
BUSY_ACTIVITIES = frozenset({Activity.BUSY, Activity.MEETING})
PHONE_ACTIVITIES = frozenset({Activity.ON_THE_PHONE})


@dataclass(frozen=True, slots=True)
class Facts:
    """All that availability depends on; ``is_reachable`` is ``BindingSet``'s word, there is no second opinion."""

    is_registered: bool = False
    is_reachable: bool = False
    is_do_not_disturb: bool = False
    calls: tuple[CallPart, ...] = ()
    published: PublishedState | None = None

    @property
    def is_talking(self) -> bool:
        """A call is answered, on hold or not, or the device says of itself that it is in one elsewhere."""
        return any(part.phase is not CallPhase.RINGING for part in self.calls) or self._does(PHONE_ACTIVITIES)

    @property
    def is_away(self) -> bool:
        """It says that its person is not near."""
        return self._does(AWAY_ACTIVITIES)

    @property
    def is_busy(self) -> bool:
        """It says that its person should not be called."""
        return self._does(BUSY_ACTIVITIES)

    @property
    def is_closed(self) -> bool:
        """It says that it takes no calls."""
        return self.published is not None and self.published.is_open is False

    def _does(self, activities: frozenset[Activity]) -> bool:
        return self.published is not None and not activities.isdisjoint(self.published.activities)


_TABLE: tuple[tuple[Callable[[Facts], bool], Availability], ...] = (
    (lambda facts: not facts.is_registered, Availability.NOT_REGISTERED),
    (lambda facts: not facts.is_reachable, Availability.UNREACHABLE),
    (lambda facts: facts.is_do_not_disturb, Availability.DO_NOT_DISTURB),
    (lambda facts: facts.is_closed, Availability.CLOSED),
    (lambda facts: facts.is_talking, Availability.ON_THE_PHONE),
    (lambda facts: bool(facts.calls), Availability.RINGING),
    (lambda facts: facts.is_busy, Availability.BUSY),
    (lambda facts: facts.is_away, Availability.AWAY),
    (lambda _: True, Availability.AVAILABLE),
)


def decide_availability(facts: Facts) -> Availability:
    """The word of the first row that holds."""
    return next(word for holds, word in _TABLE if holds(facts))
