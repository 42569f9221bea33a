"""Chromium without a window, its microphone a tone of its own, its network this machine alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",  # containers give it no namespaces
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)


@asynccontextmanager
async def headless_chromium(home: Path | None = None) -> AsyncIterator[Browser]:
    """One browser; each context in it is a person of his own. ``home`` is where it keeps whom it trusts."""
    environment: dict[str, str | float | bool] = {**os.environ, **({} if home is None else {"HOME": str(home)})}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(ARGUMENTS), headless=True, env=environment
        )
        try:
            yield browser
        finally:
            await browser.close()


def chromium_trust(home: Path) -> Path:
    """Where a Chromium with ``home`` keeps whom it trusts."""
    return home / ".pki" / "nssdb"


def trust_authority(store: Path, certificate: Path) -> None:
    """Have a browser trust ``certificate`` for websites, as its settings do; Firefox's ``store`` is its profile."""
    store.mkdir(parents=True, exist_ok=True)
    command = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*command, "-N", "--empty-password"], check=True, capture_output=True)
    subprocess.run([*command, "-A", "-n", "router", "-t", "C,,", "-i", str(certificate)], check=True)


@asynccontextmanager
async def visitor(
    browser: Browser, *, has_microphone: bool = True, is_careless: bool = True
) -> AsyncIterator[BrowserContext]:
    """A person who lets pages have the microphone or not; a careless one takes any certificate."""
    permissions = ["microphone"] if has_microphone else []
    context = await browser.new_context(ignore_https_errors=is_careless, permissions=permissions)
    try:
        yield context
    finally:
        await context.close()


class PhonePage:
    """The daemon's page in a browser, by what a person sees and does."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "console",
            lambda message: self.faults.append(message.text) if "Content Security Policy" in message.text else None,
        )

    async def wait_for_line(self, state: str, timeout_s: float = 15) -> None:
        """``connecting``, ``registered``, ``offline`` or ``refused``."""
        await self.page.wait_for_selector(f'#line-state[data-state="{state}"]', timeout=timeout_s * 1000)

    async def wait_for_call(self, state: str, timeout_s: float = 15) -> None:
        """``calling``, ``ringing``, ``talking``, ``held``, ``ended`` or ``failed``."""
        await self.page.wait_for_selector(f'#call-state[data-state="{state}"]', timeout=timeout_s * 1000)

    async def dial(self, target: str) -> None:
        """``echo``, ``tone`` or a sink's id."""
        await self.page.select_option("#target", target)
        await self.page.click("#call")

    async def press(self, key: str, *, by_info: bool = False) -> None:
        await self.page.set_checked("#keys-by-info", by_info)
        await self.page.click(f'[data-key="{key}"]')

    async def toggle_hold(self) -> None:
        await self.page.click("#hold")

    async def hang_up(self) -> None:
        await self.page.click("#hang-up")

    async def statistics(self) -> list[dict[str, object]]:
        """What ``RTCPeerConnection.getStats`` has of the call; empty where there is none."""
        found: list[dict[str, object]] = await self.page.evaluate(
            "async () => [...((await window.phone.peerConnection?.getStats()) ?? new Map()).values()]"
        )
        return found


async def open_phone(context: BrowserContext, url: str) -> PhonePage:
    """A new tab with the page at ``url``."""
    page = await context.new_page()
    phone = PhonePage(page)
    await page.goto(url)
    return phone
