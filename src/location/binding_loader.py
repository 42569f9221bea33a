"""What an earlier process has left in the database, made fit for this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.ports import BindingRow
from location.binding_database import BindingDatabase, KeptMeta
from location.binding_schema import AOR_KEY, CONTACT_URI, DEVICE_UUID, NUMBER
from location.store_clock import StoreClock, Timeline, resume_timeline

_NUMBERS_SKIPPED = 1_000_000
"""At each start, as the last numbers that were given before a kill have perhaps not been written."""


@dataclass(frozen=True, slots=True)
class RestoredBindings:
    """What the core was given back: how many bindings, and their devices by the ids that they have in config.yaml.

    ``listed`` are those whose entry config.yaml once held: if it lacks one now, the owner has deleted it.
    """

    bindings: int = 0
    device_ids: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeptBindings:
    """The rows to restore at ``now_ms`` of ``timeline``. ``has_shortened``: some had more time left than any may."""

    rows: Sequence[BindingRow]
    listed: frozenset[str]
    timeline: Timeline
    now_ms: int
    meta: KeptMeta | None
    first_number: int
    has_shortened: bool

    def device_ids(self, domain: str) -> frozenset[str]:
        """The devices of ``rows`` in ``domain``; without those that are known by an AoR of odd octets."""
        by_aor = {aor for row in self.rows if not row[DEVICE_UUID] and isinstance(aor := row[AOR_KEY], str)}
        return frozenset(row[DEVICE_UUID] for row in self.rows if row[DEVICE_UUID]) | {
            f"{aor}@{domain}" for aor in by_aor
        }


def read_kept(
    database: BindingDatabase, clock: StoreClock, listeners: Sequence[str], max_expires_s: int
) -> KeptBindings:
    """Read the database. Raise its failures."""
    meta = database.read_meta()
    timeline = resume_timeline(meta.timeline if meta else None, clock)
    now_ms = timeline.now_ms(clock)
    latest_ms = now_ms + max_expires_s * 1000
    survey = database.survey(latest_ms)
    return KeptBindings(
        rows=database.read_restorable(now_ms, latest_ms, listeners),
        listed=database.read_listed(),
        timeline=timeline,
        now_ms=now_ms,
        meta=meta,
        first_number=max(survey.next_number, meta.next_number) + _NUMBERS_SKIPPED if meta else 1,
        has_shortened=survey.beyond_limit > 0,
    )


def without_living(kept: KeptBindings, living: Sequence[BindingRow]) -> KeptBindings:
    """What of ``kept`` a core that has served for a while lacks: what it has heard of since is newer.

    It may have given the numbers of kept bindings to others; these get new ones, above all.
    """
    contacts = {(row[AOR_KEY], row[CONTACT_URI]) for row in living}
    numbers = {row[NUMBER] for row in living}
    next_number = max(kept.first_number, max(numbers, default=0) + _NUMBERS_SKIPPED)
    rows = []
    for row in kept.rows:
        if (row[AOR_KEY], row[CONTACT_URI]) in contacts:
            continue
        if row[NUMBER] in numbers:
            rows.append((next_number, *row[1:]))
            next_number += 1
        else:
            rows.append(row)
    return replace(kept, rows=rows, first_number=next_number)
