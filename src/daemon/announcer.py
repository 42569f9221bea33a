"""Keeps the mDNS announcement what the configuration says, also when that changes while the daemon runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from domain.errors import UserError
from domain.ports import Publisher, ServiceAnnouncement

log = structlog.get_logger()


class Announcer:
    """One announcement at a time, or none. Belongs to the event loop's thread."""

    def __init__(self, make_publisher: Callable[[], Publisher]) -> None:
        self._make_publisher = make_publisher
        self._publisher: Publisher | None = None
        self._announced: ServiceAnnouncement | None = None
        self._wanted: ServiceAnnouncement | None = None
        self._is_wanted = asyncio.Event()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self, announcement: ServiceAnnouncement | None) -> None:
        """Announce; None: nothing yet. A failure is logged: devices that know the address register all the same."""
        self._wanted = announcement
        await self._settle()
        self._task = asyncio.create_task(self._follow(), name="announcer")
        self._task.add_done_callback(_report_crash)

    def announce(self, announcement: ServiceAnnouncement | None) -> None:
        """Have this announced soon in the place of what is; None: nothing."""
        self._wanted = announcement
        self._is_wanted.set()

    async def stop(self) -> None:
        """Withdraw; idempotent."""
        self._is_stopping = True
        self._is_wanted.set()
        if self._task is not None:
            await asyncio.wait([self._task])
            self._task = None
        await self._withdraw()

    async def _follow(self) -> None:
        while not self._is_stopping:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            if not self._is_stopping:
                await self._settle()

    async def _settle(self) -> None:
        wanted = self._wanted
        if wanted == self._announced:
            return
        await self._withdraw()
        if wanted is None:
            return
        self._announced = wanted
        self._publisher = self._make_publisher()
        try:
            await self._publisher.start(wanted)
        except UserError as error:
            log.warning("mdns.failed", reason=str(error))

    async def _withdraw(self) -> None:
        if self._publisher is not None:
            await self._publisher.stop()
        self._publisher = None
        self._announced = None


def _report_crash(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "the mDNS announcement follows the configuration no more", "exception": error}
        task.get_loop().call_exception_handler(context)
