"""config.yaml as the daemon's half of it is written: gathered, off the event loop, merged into what the owner wrote."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from configuration.atomic_file import remove_leftovers
from configuration.config_document import ConfigDocument, DeviceEntry
from configuration.config_loader import LoadedConfig
from configuration.config_rewrite import Merged, rewrite_file
from configuration.entry_change import EntryChange, changed_entry, fields_to_set
from configuration.problem import ConfigRejected

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoreTiming:
    """How long changes are gathered before a write, and the pause after a failed one, in seconds."""

    gather_s: float = 0.3
    retry_s: float = 2.0


class ConfigStore:
    """The file's state as last seen, and the changes on their way into it. All methods: the event loop's thread.

    A change is in the file at most ``gather_s`` and one write later. While the file cannot be written, or its owner has
    it in an invalid state, changes wait; that is logged when it begins and when it is over.
    """

    def __init__(self, loaded: LoadedConfig, timing: StoreTiming | None = None) -> None:
        self._loaded = loaded
        self._timing = timing or StoreTiming()
        self._pending: dict[str, EntryChange] = {}
        self._in_flight: Mapping[str, EntryChange] = {}
        self._has_pending = asyncio.Event()
        self._is_stopping = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._failure: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._worker: ThreadPoolExecutor | None = None

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
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="config-writer")
        await asyncio.get_running_loop().run_in_executor(self._worker, remove_leftovers, self._loaded.path)
        self._task = asyncio.create_task(self._write_until_stopped(), name="config-writer")
        self._task.add_done_callback(_report_crash)

    async def stop(self) -> None:
        """Write what is pending, once more if writing fails just now, and end; idempotent."""
        self._is_stopping.set()
        self._has_pending.set()
        if self._task is not None:
            await self._task
            self._task = None
        if self._worker is not None:
            self._worker.shutdown()
            self._worker = None

    async def wait_written(self) -> None:
        """Return when no change is on its way."""
        await self._is_idle.wait()

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
        self._in_flight, self._pending = self._pending, {}
        self._has_pending.clear()
        loop = asyncio.get_running_loop()
        try:
            merged = await loop.run_in_executor(self._worker, rewrite_file, self._loaded, self._in_flight)
        except (ConfigRejected, OSError) as error:
            self._take_back(error)
            return False
        self._take(merged)
        return True

    def _take(self, merged: Merged) -> None:
        path = str(self._loaded.path)
        for device_id, reason in merged.refused.items():
            _log.warning("config.change_refused", path=path, device=device_id, reason=reason)
        if self._failure is not None:
            _log.warning("config.write_recovered", path=path, devices=len(self._in_flight))
            self._failure = None
        if merged.config.octets != self._loaded.octets:
            _log.debug("config.written", path=path, devices=len(self._in_flight), octets=len(merged.config.octets))
        self._loaded = merged.config
        self._in_flight = {}
        if not self._pending:
            self._is_idle.set()

    def _take_back(self, error: ConfigRejected | OSError) -> None:
        later, self._pending = self._pending, dict(self._in_flight)
        self._in_flight = {}
        for device_id, change in later.items():
            self.submit(device_id, change)
        self._has_pending.set()
        if self._failure != str(error):
            event = "config.rejected" if isinstance(error, ConfigRejected) else "config.write_failed"
            _log.warning(event, path=str(self._loaded.path), reason=str(error), next="retried until it works")
        self._failure = str(error)


def _report_crash(task: asyncio.Task[None]) -> None:
    """Let the loop's edge know at once; ``stop`` may be hours away."""
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "the writer of config.yaml ended", "exception": error, "task": task}
        task.get_loop().call_exception_handler(context)
