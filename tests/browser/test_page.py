"""The page in a real browser, at the real HTTPS server; the core is one that answers REGISTER and refuses calls.

Chromium + SIP.js            server                 core
   |-- GET /, /api/... ------->|
   |-- wss /sip -------------->|-- open_flow --------->|
   |-- REGISTER -------------->|-- receive ----------->|
   |<-- 200 -------------------|<-- write -------------|
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext
from playwright.async_api import Error as PlaywrightError

from api.event_history import EventHistory
from domain.activity_events import LivenessTold, StreamEvent
from tests.kit.browser import PhonePage, chromium_trust, headless_chromium, open_phone, trust_authority, visitor
from tests.kit.https_server import DEVICE, RememberedFlow, ServedHttps, VirtualClock, served_https

DIST = Path(__file__).parents[2] / "web" / "dist"
PATIENCE_S = 20
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def answer_as_registrar(octets: bytes) -> bytes:
    """200 to REGISTER with its Contact, 100 to nothing, 480 to INVITE, 200 to what else wants an answer."""
    text = octets.decode()
    method = text.partition(" ")[0]
    if method == "ACK" or not text.strip():
        return b"\r\n"
    copied = "".join(
        f"{line}\r\n" for line in text.split("\r\n") if re.match(r"(Via|From|Call-ID|CSeq):", line, re.IGNORECASE)
    )
    to = next(line for line in text.split("\r\n") if line.lower().startswith("to:"))
    contact = next((line for line in text.split("\r\n") if line.lower().startswith("contact:")), "Contact: *")
    status = "480 Nobody is at home" if method == "INVITE" else "200 OK"
    extra = f"{contact.split(';expires=')[0]};expires=600\r\n" if method == "REGISTER" else ""
    return f"SIP/2.0 {status}\r\n{copied}{to};tag=server\r\n{extra}Content-Length: 0\r\n\r\n".encode()


@pytest.fixture
def history() -> EventHistory:
    return EventHistory("s", VirtualClock())


@pytest.fixture
async def served(tmp_path, history) -> AsyncIterator[ServedHttps]:
    assert (DIST / "index.html").is_file(), "the page is not built: make build"
    async with served_https(tmp_path, page=DIST, events=history) as running:
        running.flows.answer = answer_as_registrar
        yield running


@pytest.fixture
async def context() -> AsyncIterator[BrowserContext]:
    async with headless_chromium() as browser, visitor(browser) as person:
        yield person


async def next_request(flow: RememberedFlow, method: str) -> str:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            text = (await flow.received.get()).decode()
            if text.startswith(f"{method} "):
                return text


def instance_in(request: str) -> str:
    found = re.search(r'\+sip\.instance="<urn:uuid:([0-9a-f-]{36})>"', request)
    assert found is not None, request
    return found[1]


async def opened(served: ServedHttps) -> RememberedFlow:
    return await asyncio.wait_for(served.flows.opened.get(), PATIENCE_S)


async def assert_sound(phone: PhonePage) -> None:
    assert phone.faults == []


async def test_the_page_shows_the_router_its_devices_and_that_it_is_registered(served, context):
    phone = await open_phone(context, served.url)
    await phone.wait_for_line("registered")
    item = phone.page.locator(f'[data-device="{DEVICE["uuid"]}"]')
    assert await item.inner_text() == "Kitchen <b> (sink)\nonline"
    assert await phone.page.inner_text("#router-name") == "ScreamRouter"
    assert await phone.page.locator("#target option").all_inner_texts() == [
        "Echo: hear yourself",
        "Tone: 440 Hz",
        "Kitchen <b>",
    ]
    await assert_sound(phone)


async def test_a_change_is_shown_when_it_happens(served, context, history, monkeypatch):
    """The list is read every 15 s beside that: of three changes in a row, each seen soon, polling explains one."""
    phone = await open_phone(context, served.url)
    state = phone.page.locator(f'[data-device="{DEVICE["uuid"]}"] span').nth(1)
    async with asyncio.timeout(PATIENCE_S):
        while not history._followers:  # noqa: ASYNC110 - the page opens the stream when it likes
            await asyncio.sleep(0.05)
    for word in ("on_the_phone", "do_not_disturb", "available"):
        monkeypatch.setitem(DEVICE, "availability", word)
        history.tell(StreamEvent(NOON, LivenessTold("kitchen", DEVICE["uuid"], "sip:kitchen@x", is_reachable=True)))
        await state.filter(has_text=word.replace("_", " ")).wait_for(timeout=4000)
    await assert_sound(phone)


async def test_it_registers_with_an_instance_that_outlives_a_reload_and_differs_between_tabs(served, context):
    first = await open_phone(context, served.url)
    await first.wait_for_line("registered")
    before = instance_in(await next_request(old := await opened(served), "REGISTER"))
    second = await open_phone(context, served.url)
    await second.wait_for_line("registered")
    assert instance_in(await next_request(await opened(served), "REGISTER")) != before
    await first.page.reload()
    await first.wait_for_line("registered")
    assert instance_in(await next_request(await opened(served), "REGISTER")) == before
    await asyncio.wait_for(old.closed.wait(), PATIENCE_S)


async def test_it_comes_back_by_itself_when_the_connection_is_lost(served, context):
    phone = await open_phone(context, served.url)
    await phone.wait_for_line("registered")
    (await opened(served)).writer.close()
    flow = await opened(served)
    await next_request(flow, "REGISTER")
    await phone.wait_for_line("registered")


async def test_a_call_offers_audio_and_its_refusal_is_shown(served, context):
    phone = await open_phone(context, served.url)
    await phone.wait_for_line("registered")
    flow = await opened(served)
    await phone.dial("echo")
    offer = await next_request(flow, "INVITE")
    assert offer.startswith("INVITE sip:echo@screamrouter.local SIP/2.0\r\n")
    assert "UDP/TLS/RTP/SAVPF" in offer
    assert "a=sendrecv" in offer
    await phone.wait_for_call("failed")
    assert "480 Nobody is at home" in await phone.page.inner_text("#call-state")
    assert await phone.page.is_enabled("#call")
    await assert_sound(phone)


async def test_without_a_microphone_a_call_listens(served):
    async with headless_chromium() as browser, visitor(browser) as person:
        await person.add_init_script(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
        )
        phone = await open_phone(person, served.url)
        await phone.wait_for_line("registered")
        flow = await opened(served)
        await phone.dial(DEVICE["uuid"])
        offer = await next_request(flow, "INVITE")
        assert offer.startswith(f"INVITE sip:{DEVICE['uuid']}@screamrouter.local ")
        assert "a=recvonly" in offer
        assert "a=sendrecv" not in offer


async def test_the_page_asks_nobody_but_its_router(served, context):
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    phone = await open_phone(context, served.url)
    await phone.wait_for_line("registered")
    assert len(asked) >= 4
    assert [url for url in asked if not url.startswith(f"{served.url}/")] == []


async def test_a_browser_that_was_given_the_authority_warns_of_nothing(served, tmp_path):
    """Name constraints included, of which the authority has some for names and some for addresses."""
    certificate = tmp_path / "ca.crt"
    authority = served.server._around.sources.authority_pem()
    assert authority is not None
    certificate.write_bytes(authority)
    trust_authority(chromium_trust(tmp_path / "home"), certificate)
    async with headless_chromium(tmp_path / "home") as browser, visitor(browser, is_careless=False) as person:
        phone = await open_phone(person, served.url)
        await phone.wait_for_line("registered")


async def test_a_browser_that_was_not_given_the_authority_warns(served, tmp_path):
    async with headless_chromium(tmp_path / "home") as browser, visitor(browser, is_careless=False) as person:
        with pytest.raises(PlaywrightError, match="ERR_CERT_AUTHORITY_INVALID"):
            await open_phone(person, served.url)


async def test_the_page_fits_the_screen_of_a_telephone(served, context):
    phone = await open_phone(context, served.url)
    await phone.page.set_viewport_size({"width": 320, "height": 640})
    await phone.wait_for_line("registered")
    assert await phone.page.evaluate("document.documentElement.scrollWidth") <= 320
