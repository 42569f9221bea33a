"""Late, repeated and reordered requests (RFC 3261 section 10.3 steps 6 and 7, and section 8.2.7)."""

from __future__ import annotations

import uuid

from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.sip_peer import SipMessage, SipPeer

HERE = "<sip:desk@192.0.2.10:5060>"
THERE = "<sip:hall@192.0.2.11:5062>"
ELSEWHERE = "<sip:attic@192.0.2.12:5064>"


def bound(peer: SipPeer) -> list[str]:
    return [f"<{binding.uri}>" for binding in peer.query()]


def register(contacts: list[str], expires: int | None = 3600) -> list[str]:
    lines = [f"Contact: {contact}" for contact in contacts]
    return lines if expires is None else [*lines, f"Expires: {expires}"]


def told(answer: SipMessage) -> tuple[object, ...]:
    """What a repeated answer has in common with the first, whatever time has passed."""
    return answer.start_line, answer.get("to"), answer.get("cseq"), [binding.uri for binding in answer.bindings]


def test_a_cseq_below_the_bindings_is_refused_and_changes_nothing(peer: SipPeer) -> None:
    """Section 10.3 step 7: a late request of the same Call-ID.

    device                              daemon
      | REGISTER A;600, CSeq 10            |
      |----------------------------------->|
      |                              200 A |
      |<-----------------------------------|
      | REGISTER A;expires=0, CSeq 9       |
      |----------------------------------->|
      |                                500 |
      |<-----------------------------------|   A stays
    """
    peer.register(contacts=[HERE], expires=600, cseq=10)
    answer = peer.register(contacts=[HERE], expires=0, cseq=9)
    assert answer.status == 500
    assert "CSeq" in (answer.get("warning") or "")
    assert bound(peer) == [HERE]


def test_a_higher_cseq_is_taken_even_with_a_gap(peer: SipPeer) -> None:
    """Section 10.3 step 7."""
    peer.register(cseq=10, expires=600)
    answer = peer.register(cseq=1000, expires=900)
    assert [binding.expires_s for binding in answer.bindings] == [900]


def test_another_call_id_starts_a_count_of_its_own(peer: SipPeer) -> None:
    """Section 10.3 step 7: a device that was restarted."""
    peer.register(cseq=10, expires=600)
    answer = peer.register(cseq=1, expires=900, call_id=uuid.uuid4().hex)
    assert [binding.expires_s for binding in answer.bindings] == [900]


def test_the_order_is_kept_for_each_binding_by_itself(peer: SipPeer) -> None:
    """Section 10.3 step 7: a contact that was registered with a lower CSeq is no obstacle to a CSeq between the two."""
    peer.register(contacts=[HERE], cseq=10)
    peer.register(contacts=[THERE], cseq=20)
    assert peer.register(contacts=[HERE], cseq=15, expires=900).status == 200
    assert peer.register(contacts=[THERE], cseq=16, expires=900).status == 500


def test_one_stale_contact_aborts_the_whole_request(peer: SipPeer) -> None:
    """Section 10.3 step 7: all or nothing.

    device                                           daemon
      | REGISTER A, CSeq 10                             |
      |------------------------------------------------>|
      | REGISTER B, another Call-ID                     |
      |------------------------------------------------>|
      | REGISTER C, B;expires=0, A;expires=0, CSeq 9    |
      |------------------------------------------------>|
      |                                             500 |
      |<------------------------------------------------|   A and B stay, C does not come
    """
    peer.register(contacts=[HERE], cseq=10)
    peer.register(contacts=[THERE], call_id=uuid.uuid4().hex, cseq=1)
    stale = [ELSEWHERE, f"{THERE};expires=0", f"{HERE};expires=0"]
    assert peer.register(contacts=stale, cseq=9).status == 500
    assert bound(peer) == [HERE, THERE]


def test_a_retransmission_gets_the_same_answer(peer: SipPeer) -> None:
    """Section 8.2.7: a stateless server answers a retransmission as it answered the request.

    device                  daemon
      | REGISTER A            |
      |---------------------->|
      |                 200 A |
      |       lost x----------|
      | REGISTER A, again     |
      |---------------------->|
      |                 200 A |
      |<----------------------|
    """
    request = peer.request("REGISTER", headers=register([HERE, THERE]))
    first, second = peer.exchange(request), peer.exchange(request)
    assert first.status == 200
    assert told(second) == told(first)


def test_a_retransmission_changes_nothing_a_second_time(brief_daemon: DaemonProcess, new_peer) -> None:
    """Section 8.2.7: what remains of the interval goes on shrinking under repeated copies of one request."""
    peer = new_peer(brief_daemon)
    request = peer.request("REGISTER", headers=register([HERE], expires=100))
    events = brief_daemon.statistics()["events"]
    assert peer.exchange(request).bindings[0].expires_s == 100
    wait_until(lambda: peer.exchange(request).bindings[0].expires_s < 100, "a copy does not refresh")
    assert brief_daemon.statistics()["events"] == events + 1


def test_a_retransmitted_removal_gets_the_same_answer(peer: SipPeer) -> None:
    """Section 8.2.7: there is nothing left to remove."""
    peer.register(contacts=[HERE, THERE])
    request = peer.request("REGISTER", headers=register([HERE], expires=0))
    first, second = peer.exchange(request), peer.exchange(request)
    assert first.status == 200
    assert told(second) == told(first)
    assert bound(peer) == [THERE]


def test_a_removal_retransmitted_after_a_new_registration_removes_nothing(peer: SipPeer) -> None:
    """Section 8.2.7, and section 10.3 step 7: its CSeq is below the binding's.

    device                              daemon
      | REGISTER A, CSeq 1                 |
      |----------------------------------->|
      | REGISTER A;expires=0, CSeq 2       |
      |----------------------------------->|
      | REGISTER A, CSeq 3                 |
      |----------------------------------->|
      | REGISTER A;expires=0, CSeq 2 again |
      |----------------------------------->|
      |                                200 |
      |<-----------------------------------|   A stays
    """
    peer.register(contacts=[HERE])
    removal = peer.request("REGISTER", headers=register([HERE], expires=0))
    assert peer.exchange(removal).bindings == []
    peer.register(contacts=[HERE])
    assert peer.exchange(removal).status == 200
    assert bound(peer) == [HERE]


def test_a_removal_retransmitted_after_a_registration_under_another_call_id_removes_nothing(peer: SipPeer) -> None:
    """Section 8.2.7: nothing but the memory of the removal tells the copy from a new request."""
    peer.register(contacts=[HERE])
    removal = peer.request("REGISTER", headers=register([HERE], expires=0))
    peer.exchange(removal)
    peer.register(contacts=[HERE], call_id=uuid.uuid4().hex, cseq=1)
    assert peer.exchange(removal).status == 200
    assert bound(peer) == [HERE]


def test_a_star_retransmitted_after_a_new_registration_removes_nothing(peer: SipPeer) -> None:
    """Section 8.2.7."""
    peer.register(contacts=[HERE])
    removal = peer.request("REGISTER", headers=register(["*"], expires=0))
    assert peer.exchange(removal).bindings == []
    peer.register(contacts=[HERE], call_id=uuid.uuid4().hex, cseq=1)
    assert peer.exchange(removal).status == 200
    assert bound(peer) == [HERE]


def test_a_retransmission_that_adds_and_removes_gets_the_same_answer(peer: SipPeer) -> None:
    """Section 8.2.7."""
    peer.register(contacts=[HERE])
    request = peer.request("REGISTER", headers=register([f"{HERE};expires=0", THERE]))
    first, second = peer.exchange(request), peer.exchange(request)
    assert first.status == 200
    assert told(second) == told(first)
    assert bound(peer) == [THERE]


def test_a_registration_from_before_a_removal_does_not_come_back(peer: SipPeer) -> None:
    """Section 10.3 step 7: delayed in the network, it would bind a device that has left."""
    early = peer.request("REGISTER", headers=register([HERE]))
    peer.exchange(early)
    peer.register(contacts=[HERE], expires=0)
    assert peer.exchange(early).status == 500
    assert bound(peer) == []


def test_the_cseq_of_a_performed_request_is_not_taken_for_another_one(peer: SipPeer) -> None:
    """Section 8.1.1.5: two requests of a Call-ID never share a CSeq."""
    peer.register(contacts=[HERE], cseq=10)
    assert peer.register(contacts=[HERE], expires=0, cseq=10).status == 500
    assert bound(peer) == [HERE]
