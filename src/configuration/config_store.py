"""config.yaml between its two writers: the daemon's changes are gathered, and merged into what the owner wrote.

One method, ``sync``, reads and writes, one call at a time, off the event loop. So the daemon's own writes are known by
their content and never taken for an edit, and an edit is taken in once, whoever meets it first: the watcher or a write.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from configuration.atomic_file import remove_leftovers, write_failure_text
from configuration.config_document import ConfigDocument, DeviceEntry
from configuration.config_loader import FULL_FILE_OCTETS, LoadedConfig
from configuration.config_rewrite import QUIET_S, FileBusy, Rewritten, rewrite_file
from configuration.entry_change import EntryChange, changed_entry, fields_to_set
from configuration.owner_edit import OwnerEdit
from configuration.problem import ConfigRejected
from configuration.worker_thread import WorkerThread

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoreTiming:
    """How long changes are gathered before a write, the pause after a failed one, how long an edited file must have
    been left alone before it is read, and how long ``stop`` waits for a disk, in seconds.
    """

    gather_s: float = 0.3
    retry_s: float = 2.0
    quiet_s: float = QUIET_S
    stop_s: float = 10.0


class ConfigStore:
    """The file's state as last seen, and the changes on their way into it. All methods: the event loop's thread.

    A change is in the file at most ``gather_s`` and one write later. While the file cannot be written, or its owner has
    it in an invalid state, changes wait. ``on_edit`` is told what the owner did when that has been taken in,
    ``on_listed`` which devices have an entry now, after every write that concerned them.
    """

    def __init__(self, loaded: LoadedConfig, timing: StoreTiming | None = None) -> None:
        self._loaded = loaded
        self._timing = timing or StoreTiming()
        self.on_edit: Callable[[OwnerEdit], None] = _ignore
        self.on_listed: Callable[[Collection[str]], None] = _ignore
        self._pending: dict[str, EntryChange] = {}
        self._in_flight: Mapping[str, EntryChange] = {}
        self._has_pending = asyncio.Event()
        self._is_stopping = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._turn = asyncio.Lock()
        self._failure: tuple[type[OSError], int | None] | None = None
        self._surprise: str | None = None
        self._told_full = False
        self._task: asyncio.Task[None] | None = None
        self._worker = WorkerThread("config-writer")

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._loaded.path

    @property
    def document(self) -> ConfigDocument:
        """The document as last read or written; changes on their way are not in it."""
        return self._loaded.document

    def find_entry(self, device_id: str) -> DeviceEntry | None:
        """A device's entry with the changes on their way, or None."""
        entry = self._loaded.document.devices.get(device_id)
        for changes in (self._in_flight, self._pending):
            change = changes.get(device_id)
            fields = fields_to_set(device_id, entry, change) if change else None
            if fields:
                # A change that breaks the schema is refused, and told, when written.
                with contextlib.suppress(ValueError):
                    entry = changed_entry(entry, fields)
        return entry

    def device_ids(self) -> set[str]:
        """The devices of the file and those on their way into it."""
        return {*self._loaded.document.devices, *self._in_flight, *self._pending}

    def submit(self, device_id: str, change: EntryChange) -> None:
        """Have ``change`` written soon; cheap, and never fails."""
        earlier = self._pending.get(device_id)
        self._pending[device_id] = earlier.followed_by(change) if earlier else change
        self._has_pending.set()
        self._is_idle.clear()

    async def start(self) -> None:
        """Begin writing."""
        self._is_stopping.clear()
        for kept in await self._worker.run(remove_leftovers, self._loaded.path):
            _log.warning(
                "config.save_found",
                path=str(kept),
                reason="the daemon was killed while it wrote; this may be a save of yours at the same moment",
                remedy="compare it with the file, and delete it",
            )
        self._task = asyncio.create_task(self._write_until_stopped(), name="config-writer")
        self._task.add_done_callback(_report_crash)

    async def stop(self) -> None:
        """Write what is pending, once more if writing fails just now, and end; idempotent.

        A disk that does not answer within ``stop_s`` is left alone, and the thread that waits for it is left behind.
        """
        self._is_stopping.set()
        self._has_pending.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=self._timing.stop_s)
            if not self._task.done():
                self._give_up(self._task)
            self._task = None
        self._worker.stop()

    def _give_up(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        _log.error(
            "config.stop_given_up",
            path=str(self._loaded.path),
            waited_s=self._timing.stop_s,
            devices=len({*self._in_flight, *self._pending}),
            effect="the latest changes of these devices may be missing in the file",
        )

    async def wait_written(self) -> None:
        """Return when no change is on its way."""
        await self._is_idle.wait()

    async def sync(self) -> bool:
        """Take the file in as it is now and write what is pending; True if its owner had edited it.

        Raise ``ConfigRejected`` if it is not valid, ``FileBusy`` if it is being written all the time; then nothing
        changes. A write that fails is logged and retried.
        """
        async with self._turn:
            self._in_flight, self._pending = self._pending, {}
            self._has_pending.clear()
            try:
                rewritten = await self._worker.run(rewrite_file, self._loaded, self._in_flight, self._timing.quiet_s)
            except BaseException:
                self._take_back(self._in_flight)
                raise
            return self._take(rewritten)

    async def _write_until_stopped(self) -> None:
        while not self._is_stopping.is_set():
            await self._has_pending.wait()
            await self._pause(self._timing.gather_s)
            if not await self._write():
                await self._pause(self._timing.retry_s)
        if self._pending and not await self._write():
            _log.error("config.changes_lost", path=str(self._loaded.path), devices=len(self._pending))

    async def _pause(self, duration_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_stopping.wait(), duration_s)

    async def _write(self) -> bool:
        """One attempt; False if the changes wait for another."""
        try:
            await self.sync()
        except ConfigRejected as rejected:
            # Who saves a file may leave it so for a moment; the watcher tells when it stays so.
            _log.debug("config.write_postponed", path=str(self._loaded.path), reason=str(rejected))
            return False
        except FileBusy as busy:
            self._note_failure(busy)
            return False
        except Exception as error:  # noqa: BLE001 - the loop's edge, which one bad round must not end
            self._note_surprise(error)
            return False
        self._surprise = None
        return self._failure is None

    def _note_surprise(self, error: Exception) -> None:
        if self._surprise != repr(error):
            _log.exception("config.write_crashed", path=str(self._loaded.path), next="retried until it works")
        self._surprise = repr(error)

    def _take(self, rewritten: Rewritten) -> bool:
        path, edit = str(self._loaded.path), rewritten.edit
        for device_id, reason in rewritten.refused.items():
            _log.warning("config.change_refused", path=path, device=device_id, reason=reason)
        self._note_room(rewritten)
        is_written = rewritten.config.octets != self._loaded.octets and self._in_flight and rewritten.failure is None
        self._loaded = rewritten.config
        if edit is not None:
            self._forget_creations(edit.removed_devices)
        if rewritten.failure is None:
            self._note_success(len(self._in_flight))
            if is_written:
                octets = len(rewritten.config.octets)
                _log.debug("config.written", path=path, devices=len(self._in_flight), octets=octets)
            self.on_listed([one for one in self._in_flight if one in self._loaded.document.devices])
            self._in_flight = {}
        else:
            self._note_failure(rewritten.failure)
            self._take_back(rewritten.unwritten or {})
        if not self._pending:
            self._is_idle.set()
        if edit is not None:
            self.on_edit(edit)
        return edit is not None

    def _forget_creations(self, removed: list[str]) -> None:
        """What came while the deletion of an entry was being taken in cannot make the entry again either."""
        for device_id in removed:
            if device_id in self._pending:
                self._pending[device_id] = replace(self._pending[device_id], creates=False)

    def _take_back(self, changes: Mapping[str, EntryChange]) -> None:
        later, self._pending = self._pending, dict(changes)
        self._in_flight = {}
        for device_id, change in later.items():
            self.submit(device_id, change)
        if self._pending:
            self._has_pending.set()

    def _note_room(self, rewritten: Rewritten) -> None:
        """Tell once that the file is full, however many devices come, until there was room again."""
        document = rewritten.config.document
        if rewritten.kept_out and not self._told_full:
            _log.error(
                "config.full",
                path=str(self._loaded.path),
                octets=rewritten.config.devices_text.size,
                most_octets=FULL_FILE_OCTETS,
                devices=len(document.devices),
                most_devices=document.limits.max_bindings,
                device=rewritten.kept_out[0],
                effect="new devices get no entry; those in the file are kept up to date",
                remedy="delete the entries of devices that are gone; a new device gets one when it registers anew",
            )
        has_room = (
            rewritten.config.devices_text.size < FULL_FILE_OCTETS
            and len(document.devices) < document.limits.max_bindings
        )
        self._told_full = not has_room and (self._told_full or bool(rewritten.kept_out))

    def _note_failure(self, error: OSError) -> None:
        failure = (type(error), error.errno)  # the text has the name of a temporary file in it, another each time
        if self._failure != failure:
            reason = write_failure_text(error, self._loaded.path)
            _log.warning(
                "config.write_failed", path=str(self._loaded.path), reason=reason, next="retried until it works"
            )
        self._failure = failure

    def _note_success(self, devices: int) -> None:
        if self._failure is not None:
            _log.warning("config.write_recovered", path=str(self._loaded.path), devices=devices)
            self._failure = None


def _ignore(_: object) -> None:
    """Nobody is told yet."""


def _report_crash(task: asyncio.Task[None]) -> None:
    """Let the loop's edge know at once; ``stop`` may be hours away."""
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "the writer of config.yaml ended", "exception": error, "task": task}
        task.get_loop().call_exception_handler(context)
