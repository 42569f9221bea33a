"""Page, REST and who may have them, at the real server over TLS."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog

from api.http_surroundings import HttpLimits, HttpPolicy
from api.source_guard import NetworkGuard, host_name, is_same_origin
from domain.access import NetworkAccess, NetworkRule
from domain.call_reports import CallReport
from domain.errors import AddressUnavailable
from tests.kit.https_server import DEVICE, LOCAL, STATUS, ServedHttps, served_https


@pytest.fixture
async def served(tmp_path) -> AsyncIterator[ServedHttps]:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html><title>page</title>")
    (page / "app.js").write_text("export {};")
    (tmp_path / "secret").write_text("secret")
    async with served_https(tmp_path, page=page) as running:
        yield running


@pytest.fixture
async def browser(served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, verify=served.trust, trust_env=False) as client:
        yield client


async def test_status_and_devices_are_what_the_daemon_says(browser):
    status, devices = (await browser.get("/api/status")).json(), (await browser.get("/api/devices")).json()
    assert {**status, "started": None} == {**STATUS, "started": None}
    (device,) = devices
    assert {key: device[key] for key in ("uuid", "name", "online", "rtt_ms")} == {
        key: DEVICE[key] for key in ("uuid", "name", "online", "rtt_ms")
    }
    assert device["formats"][0]["codec"] == "L16"


async def test_calls_are_listed_while_they_are_up(served, browser):
    assert (await browser.get("/api/calls")).json() == []
    served.calls.reports.append(CallReport("call-1", "sip:a@b", "echo", "confirmed", codec="opus"))
    (call,) = (await browser.get("/api/calls")).json()
    assert (call["call_id"], call["target"], call["codec"]) == ("call-1", "echo", "opus")


async def test_fields_that_no_answer_names_do_not_leave_the_daemon(served, browser, monkeypatch):
    monkeypatch.setitem(DEVICE, "ha1", "0123")
    assert "0123" not in (await browser.get("/api/devices")).text


async def test_an_unknown_path_below_api_is_explained_in_json(browser):
    answer = await browser.get("/api/nothing")
    assert answer.status_code == 404
    assert "/api/nothing" in answer.json()["error"]


async def test_a_method_that_changes_something_is_refused(browser):
    assert (await browser.post("/api/devices", json={})).status_code == 405


async def test_the_page_is_served_and_known_again(browser):
    first = await browser.get("/")
    again = await browser.get("/", headers={"If-None-Match": first.headers["etag"]})
    script = await browser.get("/app.js")
    assert (first.status_code, first.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (again.status_code, again.content) == (304, b"")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_no_path_leads_out_of_the_page(served):
    """A client that does not normalise paths, as browsers do."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=served.trust)
    for path in ("/../secret", "/%2e%2e/secret", "//secret", "/./../secret"):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 404"), path
        assert b"secret" not in body.replace(path.encode(), b"").replace(b"/secret", b"")
    writer.close()
    await writer.wait_closed()


async def test_without_a_built_page_the_reason_is_told_and_rest_goes_on(tmp_path):
    async with (
        served_https(tmp_path) as served,
        httpx.AsyncClient(base_url=served.url, verify=served.trust, trust_env=False) as browser,
    ):
        page, status = await browser.get("/"), await browser.get("/api/status")
        assert (page.status_code, status.status_code) == (503, 200)
        assert "make build" in page.text


async def test_the_authority_can_be_fetched_and_is_the_one_that_signed(browser):
    answer = await browser.get("/ca.crt")
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    assert b"PRIVATE" not in answer.content
    ssl.create_default_context(cadata=answer.text)


async def test_every_answer_has_headers_that_keep_other_pages_out(browser):
    for path in ("/", "/api/status", "/api/nothing"):
        headers = (await browser.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "access-control-allow-origin" not in headers, path
        assert "strict-transport-security" not in headers, path
    assert (await browser.get("/api/status")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.2:8443", "", "localhost.evil.example"])
async def test_a_name_that_is_not_ours_is_misdirected(browser, host):
    """DNS rebinding: a page of evil.example whose name leads here."""
    answer = await browser.get("/api/devices", headers={"Host": host})
    assert answer.status_code == 421
    assert "Kitchen" not in answer.text


@pytest.mark.parametrize("host", ["LOCALHOST:8443", "[::1]:8443", "localhost."])
async def test_a_name_of_ours_is_ours_however_it_is_spelt(browser, host):
    assert (await browser.get("/api/status", headers={"Host": host})).status_code == 200


async def test_sources_beyond_the_networks_of_admission_are_refused_from_the_next_request_on(served, browser):
    assert (await browser.get("/api/status")).status_code == 200
    served.policy = dataclasses.replace(served.policy, networks=NetworkGuard((NetworkRule("10.0.0.0/8"),)))
    for path in ("/", "/api/status", "/ca.crt"):
        assert (await browser.get(path)).status_code == 403, path


def test_of_the_networks_that_fit_the_longest_prefix_counts_and_of_equals_the_first():
    guard = NetworkGuard(
        (
            NetworkRule("192.168.7.0/24", NetworkAccess.REFUSED),
            NetworkRule("192.168.7.9", NetworkAccess.TRUSTED),
            NetworkRule("private"),
            NetworkRule("192.168.7.0/24"),
        )
    )
    admitted = ["192.168.1.1", "192.168.7.9", "fd00::1", "fe80::1%eth0", "127.0.0.1", "::ffff:10.0.0.1"]
    assert [ip for ip in admitted if not guard.admits(ip)] == []
    assert [ip for ip in ("192.168.7.8", "8.8.8.8", "2001:db8::1", "", "x") if guard.admits(ip)] == []


def test_an_origin_is_the_same_with_the_same_host_and_port_over_tls_only():
    assert is_same_origin("https://router.local:8443", "Router.local:8443")
    assert not is_same_origin("http://router.local:8443", "router.local:8443")
    assert not is_same_origin("https://router.local", "router.local:8443")
    assert [host_name(text) for text in ("[::1]:1", "a.b.:2", "[", "")] == ["::1", "a.b", "", ""]


async def test_a_connection_that_asks_for_nothing_is_cut(tmp_path):
    async with served_https(tmp_path, limits=HttpLimits(request_s=0.05)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=served.trust)
        writer.write(b"GET / HT")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


class QuotaOfOne:
    def __init__(self) -> None:
        self.taken: list[str] = []

    def take(self, ip: str) -> bool:
        if self.taken:
            return False
        self.taken.append(ip)
        return True

    def give_back(self, ip: str) -> None:
        self.taken.remove(ip)


async def test_connections_beyond_the_quota_are_closed_unheard_and_room_is_given_back(tmp_path):
    quota = QuotaOfOne()
    async with (
        served_https(tmp_path, quota=quota) as served,
        httpx.AsyncClient(verify=served.trust, trust_env=False) as first,
        httpx.AsyncClient(verify=served.trust, trust_env=False) as second,
    ):
        assert (await first.get(f"{served.url}/api/status")).status_code == 200
        with pytest.raises(httpx.TransportError):
            await second.get(f"{served.url}/api/status")
    assert quota.taken == []


async def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path):
    async with served_https(tmp_path / "one") as served:
        settings = dataclasses.replace(
            served.server._settings,
            addresses=(dataclasses.replace(served.server._settings.addresses[0], port=served.port),),
        )
        other = type(served.server)(settings, served.server._around)
        with pytest.raises(AddressUnavailable, match=f"{served.port} on 127.0.0.1 is taken.*http.port"):
            await other.start()


async def test_stop_is_bounded_though_a_peer_neither_reads_nor_goes(tmp_path):
    async with served_https(tmp_path, limits=HttpLimits(stop_s=0.1)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=served.trust)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(5):
            await served.server.stop()
        writer.close()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", served.port)) != 0
        del reader


async def test_a_fault_of_ours_is_told_in_our_log_and_the_asker_gets_500(served, monkeypatch):
    def fail() -> list[CallReport]:
        raise RuntimeError("a fault")

    monkeypatch.setattr(served.calls, "call_reports", fail)
    transport = httpx.AsyncHTTPTransport(verify=served.trust)
    with structlog.testing.capture_logs() as logs:
        async with httpx.AsyncClient(transport=transport, base_url=served.url) as browser:
            answer = await browser.get("/api/calls")
    assert answer.status_code == 500
    assert "a fault" not in answer.text
    assert [line["log_level"] for line in logs if line["event"] == "http.fault"] == ["error"]


def test_the_policy_of_nobody_admits_nobody():
    assert not HttpPolicy(NetworkGuard(()), LOCAL).networks.admits("127.0.0.1")
