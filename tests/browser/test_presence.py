"""Two people in a browser watch each other and write to each other: SIP.js over secure WebSocket.

ann (SIP.js)                daemon                    ben (SIP.js)
 |-- SUBSCRIBE ------------->|                              |
 |<- NOTIFY -----------------|<-- PUBLISH, REGISTER --------|
 |-- MESSAGE --------------->|-- MESSAGE ------------------>|
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.test_daemon import HTTP, port_of
from tests.kit.browser import headless_chromium, visitor
from tests.kit.daemon_process import ROOT, DaemonProcess
from tests.kit.presence_daemon import watched_house
from tests.kit.presence_room import pidf

MODULES = ROOT / "web" / "node_modules"

pytestmark = pytest.mark.skipif(not (MODULES / "sip.js").exists(), reason="needs SIP.js, which `make build` brings")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    with watched_house(tmp_path, sections=HTTP) as running:
        yield running


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """sip_js_person.js and SIP.js in one script."""
    made = tmp_path / "person.js"
    command: list[str | Path] = [MODULES / ".bin" / "esbuild", "tests/browser/sip_js_person.js", "--bundle"]
    command += [f"--outfile={made}"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "NODE_PATH": str(MODULES)}, check=True, capture_output=True)
    return made


@pytest.fixture
async def page(daemon: DaemonProcess, bundle: Path) -> AsyncIterator[Page]:
    """A page of the daemon's own origin, with ``meet`` of sip_js_person.js."""
    async with headless_chromium() as browser, visitor(browser) as person:
        opened = await person.new_page()
        await opened.add_init_script(path=bundle)
        await opened.goto(f"https://127.0.0.1:{port_of(daemon)}/nothing-here")
        yield opened


async def meet(page: Page, daemon: DaemonProcess, user: str) -> None:
    server = f"wss://127.0.0.1:{port_of(daemon)}/sip"
    assert await page.evaluate("([...all]) => meet(...all)", [user, daemon.domain, server]) == 200


async def wait_to_be_told(page: Page, user: str, *words: str) -> None:
    """Return once ``user`` was told documents with ``words``, in this order, and forget them."""
    condition = """([user, words]) => {
        const { told } = people[user];
        let found = -1;
        for (const word of words) {
            found = told.findIndex((body, index) => index > found && body.includes(word));
            if (found < 0) return false;
        }
        told.splice(0, found + 1);
        return true;
    }"""
    await page.wait_for_function(condition, arg=[user, list(words)], timeout=10_000)


async def test_sip_js_watches_publishes_and_writes_down_its_own_socket(daemon, page):
    await meet(page, daemon, "ann")
    await page.evaluate("people.ann.watch('ben')")
    await wait_to_be_told(page, "ann", "<basic>closed</basic>")
    await meet(page, daemon, "ben")
    await wait_to_be_told(page, "ann", "Available")
    await page.evaluate("body => people.ben.publish('ben', body)", pidf(activities="<rpid:away/>").decode())
    await wait_to_be_told(page, "ann", "<rpid:away")
    await page.evaluate("body => people.ben.publish('ben', body)", pidf(activities="<rpid:busy/>").decode())
    await wait_to_be_told(page, "ann", "<rpid:busy")
    await page.evaluate("people.ben.unpublish()")
    await wait_to_be_told(page, "ann", "Available")
    await page.evaluate("people.ann.refresh()")
    await wait_to_be_told(page, "ann", "Available")

    assert await page.evaluate("people.ann.write('ben', 'Tea?')") == 200
    assert await page.evaluate("people.ben.write('ann', 'Gladly.')") == 200
    assert await page.evaluate("[people.ben.letters, people.ann.letters]") == [["Tea?"], ["Gladly."]]
    assert await page.evaluate("people.ann.write('nobody-here', 'Tea?')") == 404

    await page.evaluate("people.ben.go()")
    await wait_to_be_told(page, "ann", "Not registered")
    await page.evaluate("people.ann.unwatch()")
    await page.wait_for_function("people.ann.ends.at(-1) === 'Terminated'", timeout=10_000)
