"""How long a binding lasts (RFC 3261 section 10.3 step 7 and section 10.2.1.1)."""

from __future__ import annotations

import pytest

from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.sip_peer import SipPeer

HERE = "<sip:desk@192.0.2.10:5060>"
THERE = "<sip:hall@192.0.2.11:5062>"


def granted(peer: SipPeer, contact: str = HERE, *, expires: int | None = None) -> int:
    answer = peer.register(contacts=[contact], expires=expires)
    assert answer.status == 200, answer.start_line
    (binding,) = answer.bindings
    return binding.expires_s


def test_expires_parameter_goes_before_the_header(peer: SipPeer) -> None:
    """Section 10.2.1.1; a contact without the parameter takes the header."""
    answer = peer.register(contacts=[f"{HERE};expires=120", THERE], expires=600)
    assert [binding.expires_s for binding in answer.bindings] == [120, 600]


def test_expires_header_goes_before_the_default(peer: SipPeer) -> None:
    """Section 10.3 step 7."""
    assert granted(peer, expires=600) == 600


def test_without_any_interval_the_default_is_granted(peer: SipPeer) -> None:
    """Section 10.3 step 7: a locally-configured default."""
    assert granted(peer) == 1800


@pytest.mark.parametrize("wanted", [7201, 86400, 2**32 - 1])
def test_more_than_the_maximum_is_cut_to_it(peer: SipPeer, wanted: int) -> None:
    """Section 10.2.8: the registrar may shorten; the answer says what was granted."""
    assert granted(peer, expires=wanted) == 7200
    assert granted(peer, f"{HERE};expires={wanted}") == 7200


def test_an_interval_of_more_than_32_bits_is_cut_to_the_maximum(peer: SipPeer) -> None:
    """Section 20.10 knows none, but what it means is plain."""
    assert granted(peer, f"{HERE};expires=99999999999", expires=60) == 7200


def test_less_than_the_minimum_is_raised_where_the_owner_says_raise(peer: SipPeer) -> None:
    """``registrar.below_min: raise``: devices that cannot read 423 are served all the same."""
    assert granted(peer, expires=59) == 60
    assert granted(peer, f"{HERE};expires=1") == 60
    assert granted(peer, expires=60) == 60


def test_less_than_the_minimum_is_423_where_the_owner_says_reject(strict_daemon: DaemonProcess, new_peer) -> None:
    """Section 10.3 step 7 and section 20.23.

    device                             daemon
      | REGISTER A, Expires: 59           |
      |---------------------------------->|
      |          423 with Min-Expires: 60 |
      |<----------------------------------|
      | REGISTER A, Expires: 60           |
      |---------------------------------->|
      |                             200 A |
      |<----------------------------------|
    """
    peer = new_peer(strict_daemon)
    refused = peer.register(expires=59)
    assert (refused.status, refused.get("min-expires")) == (423, "60")
    assert peer.query() == []
    assert peer.register(expires=60).status == 200


def test_one_contact_below_the_minimum_refuses_them_all(strict_daemon: DaemonProcess, new_peer) -> None:
    """Section 10.3 step 7: all or nothing."""
    peer = new_peer(strict_daemon)
    assert peer.register(contacts=[HERE, f"{THERE};expires=10"]).status == 423
    assert peer.query() == []


def test_expires_0_is_not_below_the_minimum(strict_daemon: DaemonProcess, new_peer) -> None:
    """Section 10.2.2: it removes."""
    peer = new_peer(strict_daemon)
    peer.register()
    answer = peer.register(expires=0)
    assert (answer.status, answer.bindings) == (200, [])


@pytest.mark.parametrize("malformed", ["soon", "-1", "12x", "1.5", '"60"'])
def test_a_malformed_expires_parameter_counts_as_3600(peer: SipPeer, malformed: str) -> None:
    """Section 20.10; it must not remove, nor cost the registration."""
    assert granted(peer, f"{HERE};expires={malformed}") == 3600


@pytest.mark.parametrize("zero", ["0", "00"])
def test_expires_parameter_0_removes_whatever_the_header_says(peer: SipPeer, zero: str) -> None:
    """Section 10.2.2."""
    peer.register(contacts=[HERE])
    answer = peer.register(contacts=[f"{HERE};expires={zero}"], expires=3600)
    assert (answer.status, answer.bindings) == (200, [])


def test_a_refresh_prolongs_the_binding_or_shortens_it(peer: SipPeer) -> None:
    """Section 10.2.4."""
    assert granted(peer, expires=600) == 600
    assert granted(peer, expires=1200) == 1200
    assert granted(peer, expires=300) == 300


def test_a_binding_that_is_not_refreshed_is_gone_and_its_device_offline(brief_daemon: DaemonProcess, new_peer) -> None:
    """Section 10.3 step 7.

    device                          daemon
      | REGISTER A, Expires: 1         |
      |------------------------------->|
      |                          200 A |
      |<-------------------------------|   a second passes
      | REGISTER (no Contact)          |
      |------------------------------->|
      |                200, no Contact |
      |<-------------------------------|
    """
    peer = new_peer(brief_daemon)
    assert [binding.expires_s for binding in peer.register(expires=1).bindings] == [1]
    wait_until(lambda: peer.query() == [], "the binding expires", timeout_s=10)
    assert brief_daemon.wait_for_log("device.offline", device=peer.aor)
    assert brief_daemon.wait_for_device(peer.aor, online=False)


def test_what_remains_of_the_interval_counts_down(brief_daemon: DaemonProcess, new_peer) -> None:
    """Section 10.3 step 8: the answer tells when the binding expires, not what was granted once."""
    peer = new_peer(brief_daemon)
    peer.register(expires=100)
    wait_until(lambda: peer.query()[0].expires_s < 100, "the remaining time shrinks")


@pytest.mark.parametrize("seconds", [2**32, 2**33, 2**32 + 1, 99999999999999999999])
def test_a_number_beyond_32_bits_is_the_longest_interval_not_a_removal(peer: SipPeer, seconds: int) -> None:
    """RFC 3261 section 20.19: such numbers are possible, and 2**32 is not 0."""
    assert [binding.expires_s for binding in peer.register(expires=seconds).bindings] == [7200]
    contact = f"{peer.contact};expires={seconds}"
    assert [binding.expires_s for binding in peer.register(contacts=[contact], expires=None).bindings] == [7200]


def test_a_parameter_belongs_to_its_own_contact_and_line(peer: SipPeer) -> None:
    """RFC 3261 sections 7.3.1 and 20.10: values are separated by commas, and a line may be folded."""
    host = peer.host_port
    first, second = f"sip:a@{host}", f"<sip:b@{host}>"
    answer = peer.register(contacts=[f"{first};expires=100, {second};expires=x"], expires=None)
    assert {binding.uri: binding.expires_s for binding in answer.bindings} == {
        f"sip:a@{host}": 100,
        f"sip:b@{host}": 3600,
    }
    answer = peer.register(contacts=[f"{first};expires=0, {second};expires=x"], expires=None)
    assert [binding.uri for binding in answer.bindings] == [f"sip:b@{host}"]
    answer = peer.register(contacts=[f"{second}\r\n ;expires=abc"], expires=None)
    assert [binding.expires_s for binding in answer.bindings] == [3600]
