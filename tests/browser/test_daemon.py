"""The page with the real daemon: a browser is a device like any other.

Chromium + SIP.js            daemon                                config.yaml
   |-- wss /sip, REGISTER ---->|-- flow, binding --------------------->|  online: true
   |-- (tab closes) ---------->|-- flow closed, binding gone --------->|  online: false
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.kit.browser import headless_chromium, open_phone, visitor
from tests.kit.daemon_process import DaemonProcess, running_daemon, started_daemon

HTTP = {"http": {"enabled": True, "address": "127.0.0.1", "port": 0}}


def port_of(daemon: DaemonProcess) -> int:
    found = re.fullmatch(r"127\.0\.0\.1 port (\d+)", daemon.wait_for_log("http.started")["listening"][0])
    assert found is not None
    return int(found[1])


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path, sections=HTTP) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with headless_chromium() as running:
        yield running


def browsers_of(daemon: DaemonProcess) -> dict[str, bool]:
    """Whether each of the daemon's devices is online, by its id."""
    return {device: row["online"] for device, row in daemon.live_devices().items()}


async def devices_become(daemon: DaemonProcess, wanted: list[bool]) -> dict[str, bool]:
    """The devices once as many are online and offline as ``wanted`` says."""
    async with asyncio.timeout(20):
        # Another process makes it true, and announces it nowhere.
        while sorted((found := browsers_of(daemon)).values()) != sorted(wanted):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


async def test_a_browser_is_online_while_its_page_is_open(daemon, browser):
    async with visitor(browser) as person:
        phone = await open_phone(person, f"https://127.0.0.1:{port_of(daemon)}")
        await phone.wait_for_line("registered")
        (device,) = await devices_become(daemon, [True])
        await phone.page.wait_for_selector(f'[data-device="{device}"] .is-online')
        assert phone.faults == []
    assert await devices_become(daemon, [False]) == {device: False}
    assert daemon.statistics()["bindings"] == 0


async def test_a_reload_replaces_the_binding_and_a_second_tab_is_a_second_device(daemon, browser):
    async with visitor(browser) as person:
        url = f"https://127.0.0.1:{port_of(daemon)}"
        first = await open_phone(person, url)
        await first.wait_for_line("registered")
        (device,) = await devices_become(daemon, [True])
        await first.page.reload()
        await first.wait_for_line("registered")
        assert await devices_become(daemon, [True]) == {device: True}
        assert daemon.statistics()["bindings"] == 1
        second = await open_phone(person, url)
        await second.wait_for_line("registered")
        assert device in await devices_become(daemon, [True, True])


async def test_after_a_restart_of_the_daemon_the_page_comes_back_by_itself(tmp_path, browser):
    async with visitor(browser) as person:
        with running_daemon(tmp_path, sections=HTTP) as daemon:
            port = port_of(daemon)
            phone = await open_phone(person, f"https://127.0.0.1:{port}")
            await phone.wait_for_line("registered")
            (device,) = await devices_become(daemon, [True])
            text = daemon.config_path.read_text(encoding="utf-8")
            daemon.config_path.write_text(re.sub(r"(http:\n(?:  .*\n)*?  port:) 0", rf"\1 {port}", text))
        await phone.wait_for_line("offline")
        with started_daemon(tmp_path) as daemon:
            await phone.wait_for_line("registered", timeout_s=40)
            assert await devices_become(daemon, [True]) == {device: True}


async def test_a_call_that_the_daemon_refuses_says_why(daemon, browser):
    async with visitor(browser) as person:
        phone = await open_phone(person, f"https://127.0.0.1:{port_of(daemon)}")
        await phone.wait_for_line("registered")
        await phone.page.evaluate("document.querySelector('#sinks').append(new Option('x', 'nobody-here'))")
        await phone.dial("nobody-here")
        await phone.wait_for_call("failed")
        assert "404" in await phone.page.inner_text("#call-state")
