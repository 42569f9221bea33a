"""Who is there and who watches, as REST answers it at the real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from domain.presence import Activity, Availability, CallPart, CallPhase, ChangeCause, PublishedState
from domain.values import Endpoint, Flow, Transport
from domain.watching import Resource, SubscriptionReport
from tests.kit.https_server import served_https
from tests.kit.presentities import NOON, FixedPresence, binding, presentity

TALKING = presentity(
    "alice",
    version=7,
    availability=Availability.ON_THE_PHONE,
    is_reachable=True,
    cause=ChangeCause.CALL,
    name="Attic",
    device_ids=("alice@screamrouter.local",),
    bindings=(binding(rtt_ms=9.0), binding(binding_id=2, rtt_ms=2.0), binding(is_reachable=False, rtt_ms=0.1)),
    calls=(CallPart(3, "alice", "d", True, CallPhase.HELD, "sip:alice:pw@here", "sip:echo@here"),),
    published=PublishedState(is_open=True, activities=(Activity.MEAL,), note="lunch"),
    is_do_not_disturb=True,
)
FLOW = Flow(Transport.TLS, Endpoint("192.0.2.9", 5061))
WATCHERS = [
    SubscriptionReport(Resource("presence", "bob"), "sip:carol@screamrouter.local", FLOW, 41.5, 3),
    SubscriptionReport(Resource("dialog", "alice"), "sip:bob@screamrouter.local", FLOW, 10, 0, is_pending=True),
]


@pytest.fixture
def view() -> FixedPresence:
    return FixedPresence({"alice": TALKING, "bob": presentity("bob")})


@pytest.fixture
async def asker(tmp_path, view) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        served_https(tmp_path, presence=view, subscriptions=lambda: WATCHERS) as served,
        httpx.AsyncClient(base_url=served.url, verify=served.trust, trust_env=False) as client,
    ):
        yield client


async def test_every_address_is_listed_with_all_that_is_known(asker):
    alice, bob = (await asker.get("/api/presence")).json()
    bindings = alice.pop("bindings")
    assert alice == {
        "address": "alice",
        "name": "Attic",
        "availability": "on_the_phone",
        "open": True,
        "registered": True,
        "reachable": True,
        "version": 7,
        "cause": "call",
        "changed_at": NOON.isoformat().replace("+00:00", "Z"),
        "devices": ["alice@screamrouter.local"],
        "do_not_disturb": True,
        "published": {"open": True, "activities": ["meal"], "note": "lunch"},
        "rtt_ms": 2.0,
        "calls": [
            {
                "call_id": "call-3",
                "device_id": "d",
                "initiator": True,
                "phase": "held",
                "local_uri": "sip:alice:***@here",
                "remote_uri": "sip:echo@here",
            }
        ],
    }
    assert [one["rtt_ms"] for one in bindings] == [9.0, 2.0, 0.1]
    assert (bob["address"], bob["availability"], bob["open"], bob["rtt_ms"]) == ("bob", "not_registered", False, None)


async def test_no_password_and_no_body_leaves_the_daemon(asker):
    text = (await asker.get("/api/presence")).text
    assert "secret" not in text
    assert "v=0" not in text
    assert "sip:alice:***@192.0.2.7:5060" in text


@pytest.mark.parametrize("address", ["alice", "a/b", "a b", "é", "a%40b"])
async def test_one_address_is_asked_for_by_its_user(asker, view, address):
    view.known[address] = presentity(address)
    answer = await asker.get(f"/api/presence/{quote(address, safe='')}")
    assert (answer.status_code, answer.json()["address"]) == (200, address)


async def test_an_address_that_nobody_has_is_404(asker):
    answer = await asker.get("/api/presence/nobody")
    assert (answer.status_code, answer.json()["error"]) == (404, "Nobody here has the address nobody.")


async def test_watchers_are_listed_by_address(asker):
    first, second = (await asker.get("/api/subscriptions")).json()
    assert (first["address"], first["package"], first["pending"]) == ("alice", "dialog", True)
    assert second == {
        "package": "presence",
        "address": "bob",
        "watcher": "sip:carol@screamrouter.local",
        "transport": "tls",
        "ip": "192.0.2.9",
        "port": 5061,
        "expires_in_s": 41.5,
        "notified": 3,
        "pending": False,
    }


async def test_a_daemon_without_presence_says_so(tmp_path):
    async with (
        served_https(tmp_path) as served,
        httpx.AsyncClient(base_url=served.url, verify=served.trust, trust_env=False) as client,
    ):
        for path in ("presence", "presence/alice", "subscriptions", "events"):
            assert (await client.get(f"/api/{path}")).status_code == 503, path


async def test_the_answers_are_documented(asker):
    paths = (await asker.get("/api/openapi.json")).json()["paths"]
    assert {"/api/presence", "/api/presence/{address}", "/api/subscriptions", "/api/events"} <= set(paths)
