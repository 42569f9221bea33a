"""What a registration leaves behind and what the answer says of it (RFC 3261 section 10.3 steps 6 to 8)."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.kit.daemon_process import DaemonProcess
from tests.kit.sip_peer import SipPeer

HERE = "<sip:desk@192.0.2.10:5060>"
THERE = "<sip:hall@192.0.2.11:5062>"


def uris(peer: SipPeer) -> list[str]:
    return [binding.uri for binding in peer.query()]


def test_registering_answers_200_with_the_binding(peer: SipPeer) -> None:
    """Section 10.3 step 8.

    device                          daemon
      | REGISTER Contact: A           |
      |------------------------------>|
      |        200 Contact: A;expires |
      |<------------------------------|
    """
    answer = peer.register(expires=600)
    assert answer.status == 200
    assert [(binding.uri, binding.expires_s) for binding in answer.bindings] == [(peer.contact_uri, 600)]


def test_answer_has_the_call_id_cseq_from_and_to_of_the_request_and_a_to_tag(peer: SipPeer) -> None:
    """Section 8.2.6.2."""
    answer = peer.register(cseq=4711)
    assert answer.get("call-id") == peer.call_id
    assert answer.get("cseq") == "4711 REGISTER"
    assert answer.get("from") == f"<sip:{peer.user}@{peer.domain}>;tag=kit"
    assert re.fullmatch(rf"<sip:{re.escape(peer.aor)}>;tag=\w+", answer.get("to") or "")


def test_answer_has_the_date_of_now_in_gmt(peer: SipPeer) -> None:
    """Sections 10.3 step 8 and 20.17."""
    date = peer.register().get("date")
    assert date is not None
    assert date.endswith(" GMT")
    assert abs(parsedate_to_datetime(date) - datetime.now(UTC)) < timedelta(seconds=5)


def test_several_contacts_of_one_request_are_all_bound(peer: SipPeer) -> None:
    """Section 10.2.1."""
    answer = peer.register(contacts=[HERE, THERE])
    assert [f"<{binding.uri}>" for binding in answer.bindings] == [HERE, THERE]


def test_several_contacts_in_one_header_line_are_all_bound(peer: SipPeer) -> None:
    """Section 7.3.1: a comma-separated list is the same as several header fields."""
    answer = peer.register(contacts=[f"{HERE}, {THERE}"])
    assert [f"<{binding.uri}>" for binding in answer.bindings] == [HERE, THERE]


def test_contacts_of_several_devices_stand_side_by_side_and_each_answer_lists_all(
    daemon: DaemonProcess, peer: SipPeer, new_peer
) -> None:
    """Section 10.3 step 8: all current bindings, each with its own expires.

    desk                 daemon                 hall
      | REGISTER A;600      |                     |
      |-------------------->|                     |
      |        200 A        |   REGISTER B;1200   |
      |<--------------------|<--------------------|
      |                     |        200 A, B     |
      |                     |-------------------->|
    """
    hall = new_peer(daemon, user=peer.user)
    peer.register(expires=600)
    answer = hall.register(expires=1200)
    first, second = answer.bindings
    assert first.uri == peer.contact_uri
    assert 590 <= first.expires_s <= 600
    assert (second.uri, second.expires_s) == (hall.contact_uri, 1200)


def test_query_without_contact_lists_the_bindings_and_changes_none(peer: SipPeer) -> None:
    """Section 10.2.3.

    device                          daemon
      | REGISTER Contact: A           |
      |------------------------------>|
      | REGISTER (no Contact)         |
      |------------------------------>|
      |        200 Contact: A;expires |
      |<------------------------------|
    """
    peer.register(expires=600)
    first, second = peer.query(), peer.query()
    assert [binding.uri for binding in first] == [peer.contact_uri]
    assert [binding.uri for binding in second] == [peer.contact_uri]
    assert 590 <= second[0].expires_s <= 600


def test_query_with_expires_0_removes_nothing(peer: SipPeer) -> None:
    """Section 10.2.3: without Contact there is nothing that Expires could be about."""
    peer.register()
    assert peer.register(contacts=[], expires=0).status == 200
    assert uris(peer) == [peer.contact_uri]


def test_query_of_a_name_without_bindings_answers_200_and_none(peer: SipPeer) -> None:
    """Section 10.3 step 8."""
    answer = peer.register(contacts=[], expires=None)
    assert (answer.status, answer.bindings) == (200, [])


def test_a_contact_with_expires_0_is_removed_and_the_others_stay(peer: SipPeer) -> None:
    """Section 10.2.2.

    device                                 daemon
      | REGISTER A, B                         |
      |-------------------------------------->|
      | REGISTER Contact: A;expires=0         |
      |-------------------------------------->|
      |                 200 Contact: B;expires|
      |<--------------------------------------|
    """
    peer.register(contacts=[HERE, THERE])
    answer = peer.register(contacts=[f"{HERE};expires=0"])
    assert [f"<{binding.uri}>" for binding in answer.bindings] == [THERE]


def test_removing_a_contact_that_is_not_bound_answers_200(peer: SipPeer) -> None:
    """Section 10.3 step 7: there is no binding to remove, and nothing is wrong about that."""
    peer.register(contacts=[HERE])
    answer = peer.register(contacts=[THERE], expires=0)
    assert answer.status == 200
    assert [f"<{binding.uri}>" for binding in answer.bindings] == [HERE]


def test_star_with_expires_0_removes_all_bindings_of_all_devices(
    daemon: DaemonProcess, peer: SipPeer, new_peer
) -> None:
    """Section 10.3 step 6.

    desk                         daemon                 hall
      |                             |<-- REGISTER B -----|
      | REGISTER A                  |--- 200 B --------->|
      |---------------------------->|                    |
      | REGISTER *, Expires: 0      |                    |
      |---------------------------->|                    |
      |             200, no Contact |                    |
      |<----------------------------|                    |
    """
    new_peer(daemon, user=peer.user).register()
    peer.register()
    answer = peer.register(contacts=["*"], expires=0)
    assert (answer.status, answer.bindings) == (200, [])
    assert uris(peer) == []


@pytest.mark.parametrize("expires", [None, 60, 3600])
def test_star_without_expires_0_is_400_and_removes_nothing(peer: SipPeer, expires: int | None) -> None:
    """Section 10.3 step 6."""
    peer.register()
    answer = peer.register(contacts=["*"], expires=expires)
    assert answer.status == 400
    assert "Expires: 0" in (answer.get("warning") or "")
    assert uris(peer) == [peer.contact_uri]


@pytest.mark.parametrize("contacts", [["*", THERE], [THERE, "*"]], ids=["star-first", "star-last"])
def test_star_beside_another_contact_is_400_and_changes_nothing(peer: SipPeer, contacts: list[str]) -> None:
    """Section 10.3 step 6."""
    peer.register()
    assert peer.register(contacts=contacts, expires=0).status == 400
    assert uris(peer) == [peer.contact_uri]


@pytest.mark.parametrize("contacts", [f"*, {THERE}", f"{THERE}, *"], ids=["star-first", "star-last"])
def test_star_in_a_list_of_contacts_is_400_and_changes_nothing(peer: SipPeer, contacts: str) -> None:
    """Sections 10.3 step 6 and 25.1: the star is not an element of a list."""
    peer.register()
    assert peer.register(contacts=[contacts], expires=0).status == 400
    assert uris(peer) == [peer.contact_uri]


def test_star_with_an_old_cseq_of_a_binding_is_refused_and_removes_nothing(peer: SipPeer) -> None:
    """Section 10.3 step 6: with an agreeing Call-ID, only a higher CSeq removes."""
    peer.register(cseq=7)
    assert peer.register(contacts=["*"], expires=0, cseq=6).status == 500
    assert uris(peer) == [peer.contact_uri]


def test_star_under_another_call_id_removes_whatever_the_cseq(peer: SipPeer) -> None:
    """Section 10.3 step 6: a device that restarted has a new Call-ID and may count from 1."""
    peer.register(cseq=7)
    assert peer.register(contacts=["*"], expires=0, call_id=uuid.uuid4().hex, cseq=1).status == 200
    assert uris(peer) == []


def test_one_contact_that_cannot_be_bound_keeps_all_others_from_it(peer: SipPeer) -> None:
    """Section 10.3 step 7: all or nothing.

    device                                          daemon
      | REGISTER B, <mailto:...>, A;expires=0          |
      |----------------------------------------------->|
      |                                            400 |
      |<-----------------------------------------------|   A stays, B does not come
    """
    peer.register(contacts=[HERE])
    answer = peer.register(contacts=[THERE, "<mailto:desk@example.org>", f"{HERE};expires=0"])
    assert answer.status == 400
    assert "Contact" in (answer.get("warning") or "")
    assert [f"<{uri}>" for uri in uris(peer)] == [HERE]


def test_one_uri_twice_in_a_request_is_one_binding_and_the_last_word_counts(peer: SipPeer) -> None:
    """RFC 3261 is silent; the last says what its sender wants in the end."""
    answer = peer.register(contacts=[f"{HERE};expires=100", f"{HERE};expires=200"])
    assert [(f"<{binding.uri}>", binding.expires_s) for binding in answer.bindings] == [(HERE, 200)]


def test_a_contact_without_angle_brackets_has_its_parameters_in_the_header(peer: SipPeer) -> None:
    """Section 20.10: without brackets, what follows the semicolon belongs to the header field."""
    answer = peer.register(contacts=["sip:desk@192.0.2.10:5060;expires=120"])
    assert [(binding.uri, binding.expires_s) for binding in answer.bindings] == [("sip:desk@192.0.2.10:5060", 120)]


def test_compact_header_names_and_folded_lines_are_understood(peer: SipPeer) -> None:
    """Sections 7.3.1 and 7.3.3."""
    octets = peer.request("REGISTER", headers=["m: <sip:desk@192.0.2.10:5060>\r\n ;expires=120"])
    answer = peer.exchange(octets.replace(b"\r\nVia:", b"\r\nv:").replace(b"\r\nCall-ID:", b"\r\ni:"))
    assert answer.status == 200
    assert [(f"<{binding.uri}>", binding.expires_s) for binding in answer.bindings] == [(HERE, 120)]
