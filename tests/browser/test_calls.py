"""Calls of a real browser to the real daemon, with audio that is listened to.

Chromium + SIP.js            daemon
   |-- wss: INVITE (offer) --->|
   |<-- 200 (answer) ----------|
   |<== STUN, DTLS, SRTP =====>|  udp: media.port
"""

from __future__ import annotations

import asyncio
import json
import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.test_daemon import HTTP, port_of
from tests.integration.clients.baresip import needs_baresip
from tests.integration.clients.baresip_phone import G711, running_baresip_phone
from tests.kit.browser import PhonePage, headless_chromium, open_phone, visitor
from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.page_audio import speak, wait_to_hear
from tests.kit.sound import FAINT, LOUD

SINK = "hall@screamrouter.local"
TELEPHONE_HZ = 2750
SECTIONS = HTTP | {"media": {"port": 0}, "devices": {SINK: {"name": "Hall", "role": "sink"}}}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path, sections=SECTIONS) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with headless_chromium() as running:
        yield running


def url_of(daemon: DaemonProcess) -> str:
    return f"https://127.0.0.1:{port_of(daemon)}"


async def calls_of(daemon: DaemonProcess) -> list[dict[str, Any]]:
    """What REST says of the calls that are up."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def read() -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{url_of(daemon)}/api/calls", context=context, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found

    return await asyncio.to_thread(read)


async def wait_for_calls(daemon: DaemonProcess, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        # Another process makes it true, and announces it nowhere.
        while len(found := await calls_of(daemon)) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


async def talking(browser_context: Any, daemon: DaemonProcess, target: str) -> PhonePage:
    phone = await open_phone(browser_context, url_of(daemon))
    await phone.wait_for_line("registered")
    await phone.dial(target)
    await phone.wait_for_call("talking")
    return phone


async def octets_of(phone: PhonePage) -> tuple[int, int, float]:
    """Received, sent, and the energy of what was received (RTCInboundRtpStreamStats)."""
    statistics = await phone.statistics()
    (inbound,) = [one for one in statistics if one["type"] == "inbound-rtp"]
    (outbound,) = [one for one in statistics if one["type"] == "outbound-rtp"]
    return int(str(inbound["bytesReceived"])), int(str(outbound["bytesSent"])), float(str(inbound["totalAudioEnergy"]))


async def test_a_browser_that_calls_echo_hears_its_own_tone(daemon, browser):
    async with visitor(browser) as person:
        await speak(person, 700)
        phone = await talking(person, daemon, "echo")
        await wait_to_hear(phone, loud=[700], faint=[1300])
        received, sent, energy = await octets_of(phone)
        assert received > 0
        assert sent > 0
        assert energy > 0
        (call,) = await calls_of(daemon)
        assert (call["target"], call["state"], call["codec"], call["kind"]) == (
            "echo", "connected", "opus/48000/2", "webrtc",
        )  # fmt: skip
        assert call["octets_received"] > 0
        await phone.hang_up()
        await phone.wait_for_call("ended")
        assert await wait_for_calls(daemon, 0) == []
        assert phone.faults == []


async def test_a_browser_without_microphone_hears_the_tone(daemon, browser):
    async with visitor(browser, has_microphone=False) as person:
        phone = await talking(person, daemon, "tone")
        await wait_to_hear(phone, loud=[440], faint=[1300])


async def test_hold_silences_and_resume_brings_back(daemon, browser):
    async with visitor(browser) as person:
        await speak(person, 700)
        phone = await talking(person, daemon, "tone")
        await wait_to_hear(phone, loud=[440])
        await phone.toggle_hold()
        await phone.wait_for_call("held")
        (call,) = await calls_of(daemon)
        assert call["state"] == "held"
        await phone.toggle_hold()
        await phone.wait_for_call("talking")
        await wait_to_hear(phone, loud=[440])
        (call,) = await calls_of(daemon)
        assert call["state"] == "connected"


async def test_digits_arrive_in_both_forms(daemon, browser):
    """RFC 4733 beside Opus, and INFO with application/dtmf-relay."""
    async with visitor(browser) as person:
        await speak(person, 700)
        phone = await talking(person, daemon, "echo")
        await wait_to_hear(phone, loud=[700])
        await phone.press("5")
        await asyncio.to_thread(daemon.wait_for_log, "call.digit", digit="5")
        await phone.press("7", by_info=True)
        await asyncio.to_thread(daemon.wait_for_log, "call.digit", digit="7")
        (call,) = await calls_of(daemon)
        assert call["digits"] == "57"


async def test_a_page_that_is_closed_leaves_no_call(daemon, browser):
    async with visitor(browser) as person:
        await speak(person, 700)
        phone = await talking(person, daemon, "echo")
        await wait_for_calls(daemon, 1)
        await phone.page.reload()
        await phone.wait_for_line("registered")
        assert await wait_for_calls(daemon, 0) == []
        assert daemon.statistics()["bindings"] == 1


async def test_when_the_daemon_ends_it_says_goodbye_to_the_browser(tmp_path, browser):
    async with visitor(browser) as person:
        with running_daemon(tmp_path, sections=SECTIONS) as daemon:
            phone = await talking(person, daemon, "tone")
            await wait_to_hear(phone, loud=[440])
        await phone.wait_for_call("ended")


@needs_baresip
async def test_three_browsers_and_a_telephone_in_one_sink_hear_each_other_and_not_themselves(daemon, browser, tmp_path):
    """The telephone is baresip with G.711."""
    tones = [500, 1100, 1900]
    async with visitor(browser) as one, visitor(browser) as two, visitor(browser) as three:
        people = one, two, three
        for person, tone in zip(people, tones, strict=True):
            await speak(person, tone)
        pages = await asyncio.gather(*(talking(person, daemon, SINK) for person in people))
        with running_baresip_phone(tmp_path, daemon, G711, TELEPHONE_HZ) as telephone:
            telephone.dial("hall")
            everybody = [*tones, TELEPHONE_HZ]
            await asyncio.gather(
                *(
                    wait_to_hear(page, loud=[tone for tone in everybody if tone != own], faint=[own])
                    for page, own in zip(pages, tones, strict=True)
                )
            )
            calls = await wait_for_calls(daemon, 4)
            assert {call["target"] for call in calls} == {SINK}
            assert sorted(call["codec"] for call in calls) == ["PCMU/8000/1", *3 * ["opus/48000/2"]]
            telephone.command("hangup")
            await wait_for_calls(daemon, 3)
            assert [tone for tone in tones if telephone.heard(tone) < LOUD] == []
            assert telephone.heard(TELEPHONE_HZ) < FAINT, "it hears itself"
