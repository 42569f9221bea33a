"""Which names and domains are served, and how much one may ask (RFC 3261 section 10.3 steps 1 to 5)."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import MOST_CONTACTS
from tests.kit.daemon_process import DaemonProcess, running_daemon, wait_until
from tests.kit.sip_peer import SipPeer

CONTACTS = [f"<sip:desk@192.0.2.10:{5060 + number}>" for number in range(MOST_CONTACTS + 1)]


def in_domain(peer: SipPeer, domain: str) -> SipPeer:
    peer.domain = domain
    return peer


@pytest.mark.parametrize("domain", ["example.org", "192.0.2.1", "[2001:db8::1]", "sub.screamrouter.local", "local"])
def test_a_domain_that_is_not_ours_is_404(peer: SipPeer, domain: str) -> None:
    """Section 10.3 step 5; the Warning says what is served."""
    answer = in_domain(peer, domain).register()
    assert answer.status == 404
    assert "does not serve that domain" in (answer.get("warning") or "")


def test_an_address_of_record_of_another_domain_is_404_whatever_the_request_uri_says(peer: SipPeer) -> None:
    """Section 10.3 step 5 is about To."""
    assert peer.register(to=f"<sip:{peer.user}@example.org>").status == 404


def test_a_request_uri_of_another_domain_is_404_whatever_to_says(peer: SipPeer) -> None:
    """Section 10.3 step 1: it would have to be forwarded, and this is no proxy."""
    assert peer.register(uri="sip:example.org").status == 404


@pytest.mark.parametrize(
    "domain",
    ["127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]", "localhost", "ScreamRouter.LOCAL", "screamrouter.local."],
)
def test_own_domain_addresses_and_names_are_served_in_any_spelling(peer: SipPeer, domain: str) -> None:
    """Section 10.3 step 5: devices that were given an address write that."""
    assert in_domain(peer, domain).register().status == 200


def test_the_host_name_is_served(peer: SipPeer) -> None:
    """Section 10.3 step 5."""
    assert in_domain(peer, socket.gethostname().lower()).register().status == 200


def test_the_port_in_the_address_of_record_is_no_part_of_the_name(daemon: DaemonProcess, peer: SipPeer) -> None:
    """Section 10.3 step 5: devices write the port that they were told to register at."""
    to = f"<sip:{peer.user}@127.0.0.1:{daemon.port};transport=udp>"
    assert peer.register(uri=f"sip:127.0.0.1:{daemon.port}", to=to).status == 200
    assert [binding.uri for binding in peer.query()] == [peer.contact_uri]


def test_one_name_is_one_address_of_record_under_all_own_domains(
    daemon: DaemonProcess, peer: SipPeer, new_peer
) -> None:
    """Section 10.3 step 5, canonical form: what registers by address is found by name.

    desk                                  daemon                                   hall
      | REGISTER To: alice@127.0.0.1         |   REGISTER To: alice@screamrouter.local |
      |------------------------------------->|<----------------------------------------|
      |                                      |             200, both Contacts          |
      |                                      |---------------------------------------->|
    """
    in_domain(new_peer(daemon, user=peer.user), "127.0.0.1").register()
    assert len(peer.register().bindings) == 2


def test_an_escaped_user_is_the_same_name(peer: SipPeer) -> None:
    """Section 10.3 step 5, canonical form: escapes are undone."""
    peer.register()
    escaped = f"%{ord(peer.user[0]):02X}{peer.user[1:]}"
    answer = peer.register(contacts=[], to=f"<sip:{escaped}@{peer.domain}>")
    assert [binding.uri for binding in answer.bindings] == [peer.contact_uri]


def test_the_names_letters_have_case(daemon: DaemonProcess, peer: SipPeer, new_peer) -> None:
    """Section 19.1.4: users are compared with case."""
    peer.register()
    assert new_peer(daemon, user=peer.user.upper()).query() == []


def test_to_without_a_user_is_404(peer: SipPeer) -> None:
    """Section 10.3 step 5: nobody is named."""
    assert peer.register(to=f"<sip:{peer.domain}>").status == 404


@pytest.mark.parametrize("to", ["<tel:+15551234>", "<mailto:desk@screamrouter.local>"])
def test_an_address_of_record_that_is_no_sip_uri_is_400(peer: SipPeer, to: str) -> None:
    """Section 10.2; the status is that of RFC 4475 section 3.3.4."""
    assert peer.register(to=to).status == 400


def test_one_contact_too_many_is_503_and_changes_nothing(peer: SipPeer) -> None:
    """``registrar.max_contacts``; the Warning names the setting.

    device                           daemon, max_contacts 3
      | REGISTER A, B, C                |
      |-------------------------------->|
      | REGISTER D                      |
      |-------------------------------->|
      |             503 with Warning    |
      |<--------------------------------|   A, B and C stay
    """
    peer.register(contacts=CONTACTS[:MOST_CONTACTS])
    answer = peer.register(contacts=CONTACTS[MOST_CONTACTS:])
    assert answer.status == 503
    assert "registrar.max_contacts" in (answer.get("warning") or "")
    assert [f"<{binding.uri}>" for binding in peer.query()] == CONTACTS[:MOST_CONTACTS]


def test_too_many_contacts_in_one_request_bind_none(peer: SipPeer) -> None:
    """Section 10.3 step 7: all or nothing."""
    assert peer.register(contacts=CONTACTS).status == 503
    assert peer.query() == []


def test_more_contacts_than_any_limit_allows_are_503(peer: SipPeer) -> None:
    """They do not even fit the room that a request is read into."""
    crowd = [f"<sip:d@192.0.2.10:{5060 + number}>" for number in range(60)]
    assert peer.register(contacts=crowd).status == 503
    assert peer.query() == []


def test_at_the_limit_contacts_are_still_refreshed_and_exchanged(peer: SipPeer) -> None:
    """The limit is on what is bound in the end."""
    peer.register(contacts=CONTACTS[:MOST_CONTACTS])
    assert peer.register(contacts=CONTACTS[:MOST_CONTACTS]).status == 200
    exchange = [f"{CONTACTS[0]};expires=0", CONTACTS[MOST_CONTACTS]]
    assert peer.register(contacts=exchange).status == 200
    assert {f"<{binding.uri}>" for binding in peer.query()} == set(CONTACTS[1:])


def padded_contact(length: int) -> str:
    """A Contact whose URI has ``length`` octets."""
    return "<sip:desk@192.0.2.10;x=".ljust(length + 1, "a") + ">"


def test_a_contact_may_have_512_octets_and_no_more(peer: SipPeer) -> None:
    """A limit of this server; the Warning names the field."""
    assert peer.register(contacts=[padded_contact(512)]).status == 200
    answer = peer.register(contacts=[padded_contact(513).replace("desk", "hall")])
    assert answer.status == 400
    assert "Contact" in (answer.get("warning") or "")
    assert len(peer.query()) == 1


def test_a_call_id_may_have_256_octets_and_no_more(peer: SipPeer) -> None:
    """A limit of this server."""
    assert peer.register(call_id="c" * 256).status == 200
    answer = peer.register(call_id="d" * 257)
    assert answer.status == 400
    assert "Call-ID" in (answer.get("warning") or "")


def test_a_user_may_have_256_octets_and_no_more(daemon: DaemonProcess, new_peer) -> None:
    """A limit of this server."""
    assert new_peer(daemon, user="u" * 256).register().status == 200
    answer = new_peer(daemon, user="v" * 257).register(contacts=["<sip:desk@192.0.2.10>"])
    assert answer.status == 400
    assert "the user in To" in (answer.get("warning") or "")


def test_a_path_may_have_1024_octets_and_no_more(peer: SipPeer) -> None:
    """A limit of this server."""
    path = "<sip:edge.example.com;lr;x={}>"
    room = 1024 - len(path.format(""))
    assert peer.register(headers=[f"Path: {path.format('p' * room)}"]).status == 200
    answer = peer.register(headers=[f"Path: {path.format('p' * (room + 1))}"])
    assert answer.status == 400
    assert "Path" in (answer.get("warning") or "")


def test_an_instance_may_have_256_octets_and_no_more(peer: SipPeer) -> None:
    """A limit of this server."""
    assert peer.register(contacts=[f'{peer.contact};+sip.instance="<{"i" * 256}>"']).status == 200
    answer = peer.register(contacts=[f'{peer.contact};+sip.instance="<{"i" * 257}>"'])
    assert answer.status == 400
    assert "+sip.instance" in (answer.get("warning") or "")


def test_a_refused_registration_is_told_in_the_log(daemon: DaemonProcess, peer: SipPeer) -> None:
    """So that the owner can act on it: who, from where, and why. Only so many are told in a second, hence once more."""
    in_domain(peer, "example.org")

    def told() -> dict[str, Any] | None:
        assert peer.register(headers=["User-Agent: Desk phone"]).status == 404
        source = f"127.0.0.1 port {peer.port}"
        return next((line for line in daemon.log_lines() if line.get("source") == source), None)

    line = wait_until(told, "the refusal is in the log")
    assert (line["event"], line["status"], line["user_agent"]) == ("request.refused", 404, "Desk phone")
    assert "example.org" in line["reason"]


@pytest.mark.parametrize("key", ["max_aors", "max_bindings"])
def test_a_full_house_is_503_with_retry_after_and_refreshes_go_on(tmp_path: Path, key: str) -> None:
    """Sections 21.5.4 and 20.33: it is temporary, and says when to come again; the Warning names the setting.

    alice            daemon, room for one            bob
      | REGISTER         |                             |
      |----------------->|                             |
      |              200 |                    REGISTER |
      |<-----------------|<----------------------------|
      |                  | 503, Retry-After            |
      |                  |---------------------------->|
      | REGISTER, Expires: 0                           |
      |----------------->|          REGISTER, then 200 |
    """
    with (
        running_daemon(tmp_path, sections={"limits": {key: 1}}) as daemon,
        SipPeer(daemon.address) as alice,
        SipPeer(daemon.address, user="bob") as bob,
    ):
        assert alice.register().status == 200
        refused = bob.register()
        assert refused.status == 503
        assert 60 <= int(refused.get("retry-after") or 0) <= 120
        assert f"limits.{key}" in (refused.get("warning") or "")
        assert alice.register().status == 200
        assert alice.register(expires=0).status == 200
        assert bob.register().status == 200
