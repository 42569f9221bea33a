"""SIP over WebSocket (RFC 7118): browsers as flows of the core, at the real server over TLS.

browser                     server                      core
   |-- GET /sip, sip --------->|
   |<-- 101, sip --------------|-- open_flow(wss) -------->|
   |-- text: REGISTER -------->|-- receive --------------->|
   |<-- text: 200 -------------|<-- write -----------------|
   |-- close ----------------->|-- close_flow ------------>|
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from api.http_surroundings import HttpLimits
from api.source_guard import NetworkGuard
from domain.values import Endpoint, Transport
from tests.kit.https_server import RememberedFlow, ServedHttps, served_https

REGISTER = "REGISTER sip:screamrouter.local SIP/2.0\r\nContent-Length: 0\r\n\r\n"
SIP = Subprotocol("sip")


@pytest.fixture
async def served(tmp_path) -> AsyncIterator[ServedHttps]:
    async with served_https(tmp_path) as running:
        yield running


def browser(served: ServedHttps, **changes) -> connect:
    options = {"subprotocols": [SIP], "ssl": served.trust, "origin": served.url, "proxy": None, **changes}
    return connect(served.sip_url, **options)


async def opened(served: ServedHttps) -> RememberedFlow:
    return await asyncio.wait_for(served.flows.opened.get(), 5)


async def closed(flow: RememberedFlow) -> None:
    await asyncio.wait_for(flow.closed.wait(), 5)


async def refused_status(served: ServedHttps, **changes) -> int:
    with pytest.raises(InvalidStatus) as refusal:
        async with browser(served, **changes):
            pass
    assert not served.flows.flows
    return refusal.value.response.status_code


async def test_a_browser_is_a_flow_with_both_its_ends(served):
    async with browser(served) as socket:
        flow = await opened(served)
        assert socket.subprotocol == "sip"
        assert socket.local_address[1] == flow.remote.port
        assert (flow.transport, flow.remote.ip, flow.local) == (
            Transport.WSS,
            "127.0.0.1",
            Endpoint("127.0.0.1", served.port),
        )
    await closed(flow)


async def test_a_message_reaches_the_core_whole_and_its_answer_comes_as_one_text_frame(served):
    served.flows.answer = lambda octets: b"SIP/2.0 200 OK\r\n\r\n" + octets
    async with browser(served) as socket:
        await socket.send(REGISTER)
        assert await socket.recv() == f"SIP/2.0 200 OK\r\n\r\n{REGISTER}"
        await socket.send(REGISTER.encode())
        assert await socket.recv() == f"SIP/2.0 200 OK\r\n\r\n{REGISTER}"
        await socket.send([REGISTER[:9], REGISTER[9:]])
        assert await socket.recv() == f"SIP/2.0 200 OK\r\n\r\n{REGISTER}"


async def test_a_keep_alive_of_two_line_ends_reaches_the_core(served):
    """RFC 5626 section 4.4.1; SIP.js sends it when asked to."""
    async with browser(served) as socket:
        flow = await opened(served)
        await socket.send("\r\n\r\n")
        assert await flow.received.get() == b"\r\n\r\n"


async def test_what_is_no_utf8_goes_out_as_a_binary_frame_and_order_is_kept(served):
    async with browser(served) as socket:
        flow = await opened(served)
        for octets in (b"one", b"\xff\xfe", b"three"):
            flow.writer.write(octets)
        assert [await socket.recv() for _ in range(3)] == ["one", b"\xff\xfe", "three"]


async def test_the_core_closes_after_what_it_wrote(served):
    async with browser(served) as socket:
        flow = await opened(served)
        flow.writer.write(b"last words")
        flow.writer.close()
        flow.writer.write(b"never")
        assert await socket.recv() == "last words"
        with pytest.raises(ConnectionClosed) as end:
            await socket.recv()
        assert end.value.rcvd is not None
        assert end.value.rcvd.code == 1000
    await closed(flow)


async def test_the_core_closes_when_all_has_long_been_sent(served):
    async with browser(served) as socket:
        flow = await opened(served)
        flow.writer.write(b"words")
        assert await socket.recv() == "words"
        flow.writer.close()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    await closed(flow)


async def test_a_browser_that_vanishes_ends_its_flow(served):
    async with browser(served) as socket:
        flow = await opened(served)
        socket.transport.abort()
        await closed(flow)
        flow.writer.write(b"to nobody")
        flow.writer.close()


async def test_a_browser_that_does_not_read_is_cut_and_costs_no_more_than_its_queue(tmp_path):
    async with served_https(tmp_path, limits=HttpLimits(most_unsent=100_000)) as served:
        served_socket = browser(served, max_queue=1)
        async with served_socket as socket:
            flow = await opened(served)
            socket.transport.pause_reading()
            for _ in range(2000):
                flow.writer.write(b"x" * 60_000)
                if flow.closed.is_set():
                    break
                await asyncio.sleep(0)  # lets the server's transport fill the kernel's buffers
            await closed(flow)
            assert not flow.writer._unsent  # type: ignore[attr-defined]
            socket.transport.abort()


async def test_a_browser_that_answers_no_ping_is_closed(tmp_path):
    limits = HttpLimits(ping_interval_s=0.05, ping_timeout_s=0.05)
    async with served_https(tmp_path, limits=limits) as served, browser(served) as socket:
        flow = await opened(served)
        socket.transport.pause_reading()
        await closed(flow)
        socket.transport.abort()


async def test_a_connection_that_says_nothing_is_cut_and_one_that_spoke_stays(tmp_path):
    limits = HttpLimits(first_message_s=1.0)
    async with served_https(tmp_path, limits=limits) as served, browser(served) as speaking:
        spoken = await opened(served)
        await speaking.send(REGISTER)
        await spoken.received.get()
        async with browser(served) as silent:
            await closed(await opened(served))
            with pytest.raises(ConnectionClosed):
                await silent.recv()
        assert not spoken.closed.is_set()


async def test_a_message_of_64_kb_is_taken_and_a_longer_one_ends_the_connection(served):
    async with browser(served) as socket:
        flow = await opened(served)
        await socket.send("x" * 65_536)
        assert len(await flow.received.get()) == 65_536
        await socket.send("x" * 65_537)
        with pytest.raises(ConnectionClosed) as end:
            await socket.recv()
        assert end.value.rcvd is not None
        assert end.value.rcvd.code == 1009
    await closed(flow)


async def test_compression_is_not_agreed_on(served):
    async with browser(served) as socket:
        assert isinstance(socket, ClientConnection)
        assert socket.protocol.extensions == []


async def test_without_the_subprotocol_there_is_no_connection(served):
    assert await refused_status(served, subprotocols=None) == 400
    assert await refused_status(served, subprotocols=[Subprotocol("mqtt")]) == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1", "null"])
async def test_pages_of_other_origins_are_refused(served, origin):
    """Cross-site WebSocket hijacking: browsers send WebSocket handshakes anywhere (RFC 6455 section 10.2)."""
    assert await refused_status(served, origin=origin) == 403


async def test_a_client_that_is_no_browser_names_no_origin_and_may_come(served):
    async with browser(served, origin=None):
        assert (await opened(served)).transport is Transport.WSS


async def test_an_origin_that_the_owner_allows_may_come(served):
    origins = frozenset({"https://panel.example:8123"})
    served.policy = dataclasses.replace(served.policy, allowed_origins=origins)
    async with browser(served, origin="https://panel.example:8123"):
        await opened(served)


async def test_sources_beyond_the_networks_and_names_of_others_are_refused(served):
    served.policy = dataclasses.replace(served.policy, own_hosts=frozenset({"router.local"}))
    assert await refused_status(served) == 421
    served.policy = dataclasses.replace(served.policy, networks=NetworkGuard(()))
    assert await refused_status(served) == 403


async def test_a_socket_elsewhere_is_not_found(served):
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(served.sip_url + "/x", subprotocols=[SIP], ssl=served.trust, proxy=None):
            pass
    assert refusal.value.response.status_code == 404


async def test_stopping_tells_every_browser_and_ends_every_flow(served):
    async with browser(served) as one, browser(served) as two:
        flows = [await opened(served), await opened(served)]
        await served.server.stop()
        for socket in (one, two):
            with pytest.raises(ConnectionClosed) as end:
                await socket.recv()
            assert end.value.rcvd is not None
            assert end.value.rcvd.code == 1012  # the service restarts: come again
        for flow in flows:
            await closed(flow)


async def test_room_of_the_quota_is_given_back_once(tmp_path):
    counts: list[int] = []

    class Counting:
        def take(self, ip: str) -> bool:
            counts.append(1)
            return True

        def give_back(self, ip: str) -> None:
            counts.append(-1)

    async with served_https(tmp_path, quota=Counting()) as served:
        async with browser(served):
            flow = await opened(served)
            assert counts == [1]
        await closed(flow)
    assert counts == [1, -1]
