"""What one round of saving does: the changes since the last one, in one transaction; after a failure, everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import structlog

from domain.ports import BindingChanges, BindingJournal, BindingRow
from location.binding_database import BindingDatabase, KeptMeta, open_database, opened_image
from location.binding_loader import KeptBindings, RestoredBindings, read_kept, without_living
from location.binding_schema import NUMBER
from location.listed_devices import ListedDevices
from location.set_aside import set_aside
from location.store_clock import StoreClock, Timeline, begin_timeline
from location.store_failure import (
    STORE_FAILURES,
    DatabaseUnusable,
    StoreFailure,
    Unusable,
    damage_in,
    reason_text,
    remedy_text,
)

_log = structlog.get_logger(__name__)

_ROWS_PER_CHUNK = 256
"""Less than a millisecond of the interpreter at a time."""

_ROWS_PER_ROUND = 10_000
"""Then the round is committed, though more wait: in a storm without end, what was taken shall not wait for its end."""

_AGAIN_FIRST_S = 1.0
_AGAIN_MOST_S = 30.0

_REMEDIES = {
    Unusable.DAMAGED: "none is needed; if it comes again, look for errors of the disk",
    Unusable.NEWER: "none is needed; to use it, stop, install the newer release and give the file its name back",
    Unusable.FOREIGN: "give server.state_dir a directory of its own",
}

_EFFECT_UNREAD = "its bindings are not restored; devices are back as they register anew"

_Result = TypeVar("_Result")


class BindingSaver:
    """Keeps ``journal`` in the database at ``path``. One thread at a time, but for ``listed``.

    ``listeners`` are the listening addresses by index. No failure of disk or database is raised: it is told once, and
    when it is over everything is written.
    """

    def __init__(self, path: Path, journal: BindingJournal, clock: StoreClock, listeners: Sequence[str]) -> None:
        self.listeners = tuple(listeners)
        self._domain = ""
        self.listed = ListedDevices()
        self._path = path
        self._journal = journal
        self._clock = clock
        self._timeline = Timeline(boot_id="", offset_ms=0)
        self._database: BindingDatabase | None = None
        self._next_number = 1
        self._kept_meta: KeptMeta | None = None
        self._unrestorable_at_ms: int | None = None  # what the first round after a load prunes
        self._owes_everything = True
        self._is_unread = True  # what the database holds is not in the core: to clear it would lose it
        self._max_expires_s = 0
        self._bindings_written = 0  # by the last writing of everything
        self._failures = 0

    def load(self, max_expires_s: int, domain: str) -> RestoredBindings:
        """Before all else: open or begin the database and restore its bindings, none for over ``max_expires_s``.

        What cannot be read now is restored by the first round that can read it.
        """
        self._timeline = begin_timeline(self._clock)
        self._max_expires_s = max_expires_s
        self._domain = domain.lower()
        try:
            kept, restored = self._on_usable(self._restore_from)
        except STORE_FAILURES as failure:
            self._close()
            restored = self._load_image()
            self._fail(failure)
            return restored
        self._is_unread = False
        self._owes_everything = kept.has_shortened
        self._kept_meta = kept.meta
        self._unrestorable_at_ms = kept.now_ms
        return restored

    def save(self) -> float | None:
        """One round. Return in how many seconds the next is due: 0 if more waits, None if there is no need to hurry."""
        try:
            has_more = self._save()
        except BaseException as failure:
            self._owes_everything = True  # what was taken from the journal is not in the database
            if not isinstance(failure, STORE_FAILURES):
                raise
            self._fail(failure)
            return min(_AGAIN_FIRST_S * 2.0 ** min(self._failures - 1, 10), _AGAIN_MOST_S)
        return 0.0 if has_more else None

    def close(self) -> None:
        """Empty the -wal into the database and close it; tell if bindings are left unwritten."""
        if self._failures:
            _log.error("bindings.left_unsaved", path=str(self._path), effect="what has changed since is lost")
        if self._database is not None:
            try:
                self._database.checkpoint()
            except STORE_FAILURES as failure:
                # What was committed is in the -wal, and is read from there at the next start.
                _log.info("bindings.not_checkpointed", path=str(self._path), reason=reason_text(failure, self._path))
            self._close()

    def _load_image(self) -> RestoredBindings:
        try:
            with opened_image(self._path) as (image, is_whole):
                _, restored = self._restore_from(image)
        except STORE_FAILURES:
            return RestoredBindings()  # why is told by whoever could not open the database
        self._is_unread = not is_whole
        return restored

    def _restore_from(self, database: BindingDatabase) -> tuple[KeptBindings, RestoredBindings]:
        kept = read_kept(database, self._clock, self.listeners, self._max_expires_s)
        return kept, self._restore(kept)

    def _read_belatedly(self, database: BindingDatabase) -> None:
        """Restore what a load could not read. What registers within these milliseconds may be there twice."""
        kept = read_kept(database, self._clock, self.listeners, self._max_expires_s)
        living: list[BindingRow] = []
        self._take_everything(living.clear, lambda changes: living.extend(changes.saved))
        restored = self._restore(without_living(kept, living))
        self._unrestorable_at_ms = kept.now_ms
        self._is_unread = False
        if restored.bindings:
            _log.warning("bindings.restored_late", path=str(self._path), bindings=restored.bindings)

    def _restore(self, kept: KeptBindings) -> RestoredBindings:
        try:
            count = self._journal.restore(kept.rows, kept.now_ms, kept.first_number)
        except ValueError as error:
            raise DatabaseUnusable(Unusable.DAMAGED, f"it is damaged ({error})") from error
        self._timeline = kept.timeline
        self._next_number = max(self._next_number, kept.first_number)
        device_ids = kept.device_ids(self._domain)
        listed = device_ids & kept.listed
        self.listed.set_written(listed)
        return RestoredBindings(count, device_ids, listed)

    def _save(self) -> bool:
        """Whether more waits."""
        self._follow_clock()
        self._leave_lost_files()
        first = self._take() if self._database is not None and not self._owes_everything else None
        is_listing = self.listed.waiting() or self.listed.withdrawn()
        if first is not None and not (
            first.saved or first.removed or first.has_lost or is_listing or self._unrestorable_at_ms is not None
        ):
            return False
        last = self._on_usable(lambda database: self._write_round(database, first))
        if self._failures:
            _log.warning("bindings.saved_again", path=str(self._path), bindings=self._bindings_written)
            self._failures = 0
        return not last.is_last

    def _write_round(self, database: BindingDatabase, first: BindingChanges | None) -> BindingChanges:
        """One transaction; the last changes taken."""
        if self._is_unread:
            self._read_belatedly(database)
        listed, withdrawn = self.listed.waiting(), self.listed.withdrawn()
        with database.transaction():
            known = self.listed.written()
            if self._unrestorable_at_ms is not None:
                database.prune(self._unrestorable_at_ms)
                database.prune_listed(self._domain)
                known = database.read_listed() - withdrawn
            if first is None or self._owes_everything:
                last = self._write_everything(database)
                listed |= known
            else:
                last = self._write_changes(database, first)
            database.remove_listed(withdrawn)
            database.write_listed(listed)
            meta = KeptMeta(self._timeline, self._next_number)
            if meta != self._kept_meta:
                database.write_meta(meta)
        self.listed.set_written(known | listed, withdrawn)
        self._kept_meta = meta
        self._owes_everything = False
        self._unrestorable_at_ms = None
        return last

    def _write_changes(self, database: BindingDatabase, changes: BindingChanges) -> BindingChanges:
        """What waits, ``changes`` first; the last that were taken."""
        rows_left = _ROWS_PER_ROUND
        while not changes.has_lost:
            self._write(database, changes)
            rows_left -= len(changes.saved)
            if changes.is_last or rows_left <= 0:
                return changes
            changes = self._take()
        return self._write_everything(database)

    def _write_everything(self, database: BindingDatabase) -> BindingChanges:
        """Every binding, in the place of all that is there; the last changes that were taken."""

        def begin() -> None:
            database.clear()
            self._bindings_written = 0

        def write(changes: BindingChanges) -> None:
            self._write(database, changes)
            self._bindings_written += len(changes.saved)

        return self._take_everything(begin, write)

    def _take_everything(self, begin: Callable[[], None], take: Callable[[BindingChanges], None]) -> BindingChanges:
        """Have every binding taken, after ``begin``; more than once if the core loses count. The last changes."""
        while True:
            self._journal.retake_bindings()
            begin()
            changes = self._take()
            while not changes.has_lost:
                take(changes)
                if changes.is_last:
                    return changes
                changes = self._take()

    def _take(self) -> BindingChanges:
        return self._journal.take_changes(_ROWS_PER_CHUNK, self._timeline.now_ms(self._clock))

    def _write(self, database: BindingDatabase, changes: BindingChanges) -> None:
        database.write(changes.saved, changes.removed, self.listeners)
        self._next_number = max(self._next_number, *(row[NUMBER] + 1 for row in changes.saved), 1)

    def _follow_clock(self) -> None:
        if not self._timeline.has_jumped(self._clock):
            return
        new = begin_timeline(self._clock)
        _log.warning(
            "bindings.clock_jumped",
            by_s=round((new.offset_ms - self._timeline.offset_ms) / 1000),
            effect="no binding lives longer or shorter for it; all are written anew",
        )
        self._timeline = new
        self._owes_everything = True

    def _leave_lost_files(self) -> None:
        if self._database is not None and not self._database.is_in_place():
            _log.warning("bindings.database_gone", path=str(self._path), effect="a new one is written from memory")
            self._close()

    def _on_usable(self, action: Callable[[BindingDatabase], _Result]) -> _Result:
        """Act on the database; if it turns out unusable, set it aside and act on a new one."""
        try:
            return action(self._opened())
        except STORE_FAILURES as failure:
            unusable = damage_in(failure)
            if unusable is None:
                raise
            self._set_aside(unusable)
        return action(self._opened())

    def _opened(self) -> BindingDatabase:
        if self._database is None:
            self._database = open_database(self._path)
        return self._database

    def _close(self) -> None:
        """From here on nothing is known of what the database holds."""
        if self._database is not None:
            self._database.close()
        self._database = None
        self._kept_meta = None
        self._owes_everything = True

    def _set_aside(self, unusable: DatabaseUnusable) -> None:
        self._close()
        kept_as = set_aside(self._path, unusable.kind, self._clock.wall_ms())
        _log.warning(
            "bindings.set_aside",
            path=str(self._path),
            reason=str(unusable),
            kept_as=str(kept_as),
            effect=_EFFECT_UNREAD if self._is_unread else "a new one is written from memory; nothing is lost",
            remedy=_REMEDIES[unusable.kind],
        )

    def _fail(self, failure: StoreFailure) -> None:
        self._close()
        self._failures += 1
        if self._failures == 1:
            _log.warning(
                "bindings.not_saved",
                path=str(self._path),
                reason=reason_text(failure, self._path),
                effect="not all bindings are restored; the others are when it can be read"
                if self._is_unread
                else "bindings are kept in memory; a restart now would lose what has changed since",
                remedy=remedy_text(failure, self._path),
            )
