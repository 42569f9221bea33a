"""Notices that config.yaml was edited, however editors save, and has it taken in; tells when it cannot be.

Theory of operation: inotify on every directory on the way to the file wakes one task at once; a look at the file's
state every ``look_s`` finds what inotify cannot see (a directory above replaced, a network file system). The task asks
``sync`` to take the file in, which knows the daemon's own writes by their content. An invalid file is told when it has
stayed so for ``patience_s``, once, and once again when it is mended.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from configuration.config_rewrite import FileBusy
from configuration.file_route import FileRoute, route_to
from configuration.inotify import DirectoryNotices
from configuration.problem import ConfigRejected

_log = structlog.get_logger(__name__)

Sync = Callable[[], Awaitable[bool]]
"""``ConfigStore.sync``."""


@dataclass(frozen=True, slots=True)
class WatchTiming:
    """In seconds. ``most_patience_s`` ends the waiting for a file that is changed again and again and stays invalid.

    ``retry_s`` is the pause after a round that failed in a way that nobody foresaw; ``stop_s`` is how long ``stop``
    waits for a disk.
    """

    look_s: float = 0.4
    patience_s: float = 0.3
    most_patience_s: float = 2.0
    retry_s: float = 2.0
    stop_s: float = 10.0


class ConfigWatcher:
    """Every method belongs to the event loop's thread."""

    def __init__(self, path: Path, sync: Sync, timing: WatchTiming | None = None) -> None:
        self._path = path
        self._sync = sync
        self._timing = timing or WatchTiming()
        self._notices = DirectoryNotices(self._on_notice)
        self._route: FileRoute | None = None
        self._taken_state: tuple[object, ...] | None = None
        self._is_touched = asyncio.Event()
        self._is_asked = False
        self._is_stopping = asyncio.Event()
        self._surprise: str | None = None
        self._told: str | None = None
        self._looker: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; an edit that was made since the file was loaded is found as well."""
        try:
            self._notices.start()
        except OSError as error:
            seen_within_s = self._timing.look_s
            _log.warning(
                "config.watch_degraded", reason=str(error), effect=f"edits are seen within {seen_within_s:g} s"
            )
        self._is_stopping.clear()
        self._look()
        self._task = asyncio.create_task(self._follow(), name="config-watcher")
        self._task.add_done_callback(_report_crash)

    async def stop(self) -> None:
        """End, when what is being taken in is or a disk has not answered for ``stop_s``; idempotent."""
        self._is_stopping.set()
        self._is_touched.set()
        if self._looker is not None:
            self._looker.cancel()
            self._looker = None
        self._notices.stop()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=self._timing.stop_s)
            self._task.cancel()
            self._task = None

    def read_now(self) -> None:
        """Read the file whether or not it seems edited, and tell the outcome without patience."""
        self._is_asked = True
        self._is_touched.set()

    def _on_notice(self, directory: Path | None, name: str) -> None:
        is_ours = self._route is not None and directory is not None and (directory, name) in self._route.names
        if is_ours or not name:
            self._look_once()
            self._is_touched.set()

    def _look(self) -> None:
        self._looker = asyncio.get_running_loop().call_later(self._timing.look_s, self._look)
        self._look_once()

    def _look_once(self) -> None:
        route = route_to(self._path)
        if self._route is None or route.state != self._route.state:
            self._watch(route)
        self._route = route
        if route.state != self._taken_state:
            self._is_touched.set()

    def _watch(self, route: FileRoute) -> None:
        try:
            self._notices.watch(route.directories)
        except OSError as error:
            _log.warning("config.watch_degraded", reason=str(error), effect="edits are seen a little later")

    async def _follow(self) -> None:
        while not self._is_stopping.is_set():
            await self._is_touched.wait()
            self._is_touched.clear()
            try:
                await self._take_in()
            except Exception as error:  # noqa: BLE001 - the loop's edge, which one bad round must not end
                await self._note_surprise(error)
            else:
                self._surprise = None

    async def _note_surprise(self, error: Exception) -> None:
        if self._surprise != repr(error):
            _log.exception("config.watch_crashed", path=str(self._path), next="the file is read again until it works")
        self._surprise = repr(error)
        self._is_touched.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_stopping.wait(), self._timing.retry_s)

    async def _take_in(self) -> None:
        """Take the file in as it is, or tell why not; again while it changes and what it says is invalid."""
        deadline = time.monotonic() + self._timing.most_patience_s
        is_asked = False
        while not self._is_stopping.is_set():
            is_asked, self._is_asked = is_asked or self._is_asked, False
            state = route_to(self._path).state
            try:
                is_edited = await self._sync()
            except FileBusy:
                return  # found again by the next look, since its state is not taken
            except ConfigRejected as rejected:
                is_known = str(rejected) == self._told
                if not is_asked and not is_known and time.monotonic() < deadline and await self._is_touched_soon():
                    continue
                self._taken_state = state
                self._refuse(rejected, is_asked=is_asked)
            else:
                self._taken_state = state
                self._accept(is_edited=is_edited, is_asked=is_asked)
            return

    async def _is_touched_soon(self) -> bool:
        """Wait for a file to be mended; True if something happened to it."""
        try:
            await asyncio.wait_for(self._is_touched.wait(), self._timing.patience_s)
        except TimeoutError:
            return False
        self._is_touched.clear()
        return True

    def _refuse(self, rejected: ConfigRejected, *, is_asked: bool) -> None:
        if is_asked or self._told != str(rejected):
            _log.warning(
                "config.rejected",
                path=str(self._path),
                problems=[str(problem) for problem in rejected.problems],
                effect="the last good configuration stays in force",
            )
        self._told = str(rejected)

    def _accept(self, *, is_edited: bool, is_asked: bool) -> None:
        if self._told is not None:
            _log.warning("config.accepted", path=str(self._path))
            self._told = None
        elif is_asked and not is_edited:
            _log.info("config.unchanged", path=str(self._path))


def _report_crash(task: asyncio.Task[None]) -> None:
    """Let the loop's edge know at once; ``stop`` may be hours away."""
    with contextlib.suppress(asyncio.CancelledError):
        if (error := task.exception()) is not None:
            context = {"message": "config.yaml is watched no more", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)
