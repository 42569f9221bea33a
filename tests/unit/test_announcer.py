"""The mDNS announcement follows the configuration."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from daemon.announcer import Announcer
from domain.errors import UserError
from domain.ports import ServiceAnnouncement

FIRST = ServiceAnnouncement("First", "uuid", 5060)
SECOND = ServiceAnnouncement("Second", "uuid", 5060)


class Air:
    """What is announced; every publisher speaks into it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.is_jammed = False
        self.has_changed = asyncio.Event()

    def publisher(self) -> FakePublisher:
        return FakePublisher(self)


class FakePublisher:
    def __init__(self, air: Air) -> None:
        self.air = air
        self.name = ""

    async def start(self, announcement: ServiceAnnouncement) -> str:
        if self.air.is_jammed:
            raise UserError("no interface")
        self.name = announcement.instance_name
        self.air.heard.append(f"+{self.name}")
        self.air.has_changed.set()
        return self.name

    async def stop(self) -> None:
        if self.name:
            self.air.heard.append(f"-{self.name}")
            self.air.has_changed.set()


async def test_another_announcement_takes_the_place_of_the_first_and_the_same_one_changes_nothing():
    air = Air()
    announcer = Announcer(air.publisher)
    await announcer.start(FIRST)
    announcer.announce(FIRST)
    await asyncio.sleep(0)
    announcer.announce(SECOND)
    while "+Second" not in air.heard:
        air.has_changed.clear()
        await asyncio.wait_for(air.has_changed.wait(), 1)
    await announcer.stop()
    await announcer.stop()
    assert air.heard == ["+First", "-First", "+Second", "-Second"]


async def test_announcement_that_is_switched_off_is_withdrawn_and_on_again_made():
    air = Air()
    announcer = Announcer(air.publisher)
    await announcer.start(None)
    for wanted in (FIRST, None, SECOND):
        air.has_changed.clear()
        announcer.announce(wanted)
        await asyncio.wait_for(air.has_changed.wait(), 1)
    await announcer.stop()
    assert air.heard == ["+First", "-First", "+Second", "-Second"]


async def test_failure_is_told_and_the_next_announcement_is_tried():
    air = Air()
    air.is_jammed = True
    announcer = Announcer(air.publisher)
    with capture_logs() as logs:
        await announcer.start(FIRST)
    assert [log["event"] for log in logs] == ["mdns.failed"]
    air.is_jammed = False
    announcer.announce(SECOND)
    await asyncio.wait_for(air.has_changed.wait(), 1)
    await announcer.stop()
    assert air.heard == ["+Second", "-Second"]
