"""What extends the registrar: instances and reg-id (RFC 5626), Path (RFC 3327); Require (RFC 3261 section 8.2.2.3)."""

from __future__ import annotations

import uuid

import pytest

from tests.kit.daemon_process import DaemonProcess
from tests.kit.sip_peer import SipPeer

OLD = "<sip:desk@192.0.2.10:5060>"
NEW = "<sip:desk@192.0.2.77:5071>"
THERE = "<sip:hall@192.0.2.11:5062>"
PATH = "<sip:edge@192.0.2.1;lr>"


def instance() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def contact(uri: str, urn: str, reg_id: int | None = None) -> str:
    return f'{uri};+sip.instance="<{urn}>"' + (f";reg-id={reg_id}" if reg_id else "")


def bound(peer: SipPeer) -> set[str]:
    return {f"<{binding.uri}>" for binding in peer.query()}


def test_instance_and_reg_id_are_kept_and_given_back(peer: SipPeer) -> None:
    """RFC 5626 section 6: the answer repeats what names the binding."""
    urn = instance()
    (binding,) = peer.register(contacts=[contact(OLD, urn, 3)]).bindings
    assert binding.parameters["+sip.instance"] == f'"<{urn}>"'
    assert binding.parameters["reg-id"] == "3"


def test_a_new_contact_of_the_same_instance_replaces_the_old_one(peer: SipPeer) -> None:
    """RFC 5626 section 6: a device that came back from another address is one device.

    device                                      daemon
      | REGISTER A;+sip.instance=X                 |
      |------------------------------------------->|   restarts with another
      | REGISTER B;+sip.instance=X, new Call-ID    |   address
      |------------------------------------------->|
      |                            200, only B     |
      |<-------------------------------------------|
    """
    urn = instance()
    peer.register(contacts=[contact(OLD, urn)])
    answer = peer.register(contacts=[contact(NEW, urn)], call_id=uuid.uuid4().hex)
    assert [f"<{binding.uri}>" for binding in answer.bindings] == [NEW]


def test_the_replaced_instance_is_known_in_another_spelling(peer: SipPeer) -> None:
    """RFC 4122 section 3: a UUID's letters have no case."""
    urn = instance()
    peer.register(contacts=[contact(OLD, urn)])
    peer.register(contacts=[contact(NEW, urn.upper().replace("URN:UUID", "urn:uuid"))])
    assert bound(peer) == {NEW}


def test_the_same_instance_and_reg_id_replace_that_flow_only(peer: SipPeer) -> None:
    """RFC 5626 section 4.2: a device may keep several flows, each under a reg-id of its own.

    device                                      daemon
      | REGISTER A;+sip.instance=X;reg-id=1        |
      |------------------------------------------->|
      | REGISTER B;+sip.instance=X;reg-id=2        |
      |------------------------------------------->|
      | REGISTER C;+sip.instance=X;reg-id=1        |
      |------------------------------------------->|
      |                           200, B and C     |
      |<-------------------------------------------|
    """
    urn = instance()
    peer.register(contacts=[contact(OLD, urn, 1)])
    peer.register(contacts=[contact(THERE, urn, 2)])
    assert bound(peer) == {OLD, THERE}
    peer.register(contacts=[contact(NEW, urn, 1)])
    assert bound(peer) == {NEW, THERE}


def test_another_instance_replaces_nothing(peer: SipPeer) -> None:
    """RFC 5626 section 6: two telephones of one person."""
    peer.register(contacts=[contact(OLD, instance())])
    peer.register(contacts=[contact(NEW, instance())])
    assert bound(peer) == {OLD, NEW}


def test_a_contact_without_instance_replaces_nothing(peer: SipPeer) -> None:
    """RFC 3261 section 10.3 step 7: then the URI alone is the name."""
    peer.register(contacts=[contact(OLD, instance())])
    peer.register(contacts=[NEW])
    assert bound(peer) == {OLD, NEW}


def test_instance_and_reg_id_remove_the_flow_from_another_address(peer: SipPeer) -> None:
    """RFC 5626 section 6: they name the binding, whatever the URI is by now."""
    urn = instance()
    peer.register(contacts=[contact(OLD, urn, 1)])
    assert peer.register(contacts=[contact(NEW, urn, 1)], expires=0).bindings == []


def test_path_is_given_back_to_a_device_that_supports_it(peer: SipPeer) -> None:
    """RFC 3327 section 5.3.

    device                                         daemon
      | REGISTER A, Path: P, Supported: path          |
      |---------------------------------------------->|
      |                              200 A, Path: P   |
      |<----------------------------------------------|
    """
    answer = peer.register(headers=[f"Path: {PATH}", "Supported: gruu, path"])
    assert (answer.status, answer.all("path")) == (200, [PATH])


def test_several_path_values_keep_their_order(peer: SipPeer) -> None:
    """RFC 3327 section 5.3."""
    other = "<sip:core@192.0.2.2;lr>"
    answer = peer.register(headers=[f"Path: {PATH}", f"Path: {other}", "Supported: path"])
    assert [value.strip() for line in answer.all("path") for value in line.split(",")] == [PATH, other]


def test_path_is_not_given_back_to_a_device_that_does_not_know_it(peer: SipPeer) -> None:
    """RFC 3327 section 5.3: it would not understand the answer."""
    answer = peer.register(headers=[f"Path: {PATH}"])
    assert (answer.status, answer.all("path")) == (200, [])


def test_path_is_stored_and_is_the_route_of_requests_to_the_device(lively_daemon: DaemonProcess, new_peer) -> None:
    """RFC 3327 section 5.4: seen in the Route of the daemon's own OPTIONS.

    device                                       daemon
      | REGISTER A, Path: P, Supported: path        |
      |-------------------------------------------->|
      |                                       200 A |
      |<--------------------------------------------|
      |                         OPTIONS A, Route: P |
      |<--------------------------------------------|
    """
    peer = new_peer(lively_daemon)
    peer.register(headers=[f"Path: {PATH}", "Supported: path"])
    ping = peer.answer_ping()
    assert ping.all("route") == [PATH]
    assert ping.start_line == f"OPTIONS {peer.contact_uri} SIP/2.0"


def test_answers_say_that_path_is_supported(peer: SipPeer) -> None:
    """RFC 3261 section 20.37."""
    assert peer.register().get("supported") == "path"


def test_requiring_path_is_accepted(peer: SipPeer) -> None:
    """RFC 3327 section 5.1."""
    answer = peer.register(headers=["Require: path", f"Path: {PATH}"])
    assert (answer.status, answer.all("path")) == (200, [PATH])


@pytest.mark.parametrize(
    ("required", "unsupported"),
    [("gruu", "gruu"), ("path, gruu", "gruu"), ("outbound, x-own", "outbound, x-own")],
    ids=["unknown", "unknown-beside-known", "several-unknown"],
)
def test_requiring_what_is_not_there_is_420_and_binds_nothing(peer: SipPeer, required: str, unsupported: str) -> None:
    """RFC 3261 sections 8.2.2.3 and 10.3 step 2.

    device                              daemon
      | REGISTER A, Require: gruu          |
      |----------------------------------->|
      |              420 Unsupported: gruu |
      |<-----------------------------------|
    """
    answer = peer.register(headers=[f"Require: {required}"])
    assert (answer.status, answer.get("unsupported")) == (420, unsupported)
    assert peer.query() == []
