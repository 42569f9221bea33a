"""sipsak, which sends single requests over IPv4 and listens no further: it can register, but answers no ping."""

from __future__ import annotations

from tests.integration.clients.liveness import wait_for_online
from tests.integration.clients.sipsak import ask, needs_sipsak, register

pytestmark = needs_sipsak


def test_sipsak_registers_refreshes_and_unregisters(ipv4_daemon):
    """RFC 3261 sections 10.2.1, 10.2.2 and 10.2.4; sipsak has another Call-ID and source port each time."""
    device, contact = "dora@screamrouter.local", "sip:dora@127.0.0.1:5099"
    bindings = ipv4_daemon.statistics()["bindings"]
    register(ipv4_daemon, "dora", contact, expires_s=600, expected=f"Contact: <{contact}>;expires=600")
    entry = wait_for_online(ipv4_daemon, device, is_online=True)
    assert entry["sip_contact_uri"] == contact
    assert entry["user_agent"].startswith("sipsak")

    register(ipv4_daemon, "dora", contact, expires_s=1200, expected=f"Contact: <{contact}>;expires=1200")
    assert ipv4_daemon.statistics()["bindings"] == bindings + 1
    assert ipv4_daemon.live_devices()[device]["online"] is True

    register(ipv4_daemon, "dora", contact, expires_s=0, expected="200 OK")
    assert wait_for_online(ipv4_daemon, device, is_online=False)["sip_contact_uri"] == contact
    assert ipv4_daemon.statistics()["bindings"] == bindings


def test_sipsak_takes_every_contact_back_with_a_star(ipv4_daemon):
    """RFC 3261 section 10.2.2."""
    device = "emil@screamrouter.local"
    bindings = ipv4_daemon.statistics()["bindings"]
    for port in (5098, 5099):
        register(ipv4_daemon, "emil", f"sip:emil@127.0.0.1:{port}", expires_s=600, expected="200 OK")
    wait_for_online(ipv4_daemon, device, is_online=True)
    assert ipv4_daemon.statistics()["bindings"] == bindings + 2
    register(ipv4_daemon, "emil", "*", expires_s=0, expected="200 OK")
    wait_for_online(ipv4_daemon, device, is_online=False)
    assert ipv4_daemon.statistics()["bindings"] == bindings


def test_sipsak_is_told_what_the_daemon_can_do(ipv4_daemon):
    """RFC 3261 section 11.2, sipsak's favourite question."""
    ask(ipv4_daemon, "Allow: .*REGISTER")
