"""Which Contacts are the same binding: URI equality (RFC 3261 section 19.1.4) and the q value (section 20.10)."""

from __future__ import annotations

import pytest

from tests.kit.sip_peer import SipPeer

EQUAL = {
    "host-in-another-case": ("sip:desk@Phone.Example.COM", "sip:desk@phone.example.com"),
    "scheme-in-another-case": ("sip:desk@phone.example.com", "SIP:desk@phone.example.com"),
    "user-escaped": ("sip:alice@phone.example.com", "sip:%61lic%65@phone.example.com"),
    "escape-in-another-case": ("sip:a%3Db@phone.example.com", "sip:a%3db@phone.example.com"),
    "parameters-in-another-order": (
        "sip:desk@phone.example.com;transport=udp;ob",
        "sip:desk@phone.example.com;ob;transport=udp",
    ),
    "parameter-in-another-case": (
        "sip:desk@phone.example.com;transport=UDP",
        "sip:desk@phone.example.com;Transport=udp",
    ),
    "unknown-parameter-in-one": ("sip:desk@phone.example.com", "sip:desk@phone.example.com;line=3"),
    "headers-in-another-order": (
        "sip:desk@phone.example.com?subject=a&priority=urgent",
        "sip:desk@phone.example.com?priority=urgent&subject=a",
    ),
    "ipv6-written-otherwise": ("sip:desk@[2001:db8::9]", "sip:desk@[2001:DB8:0:0:0:0:0:9]"),
}
DIFFERENT = {
    "user-in-another-case": ("sip:alice@phone.example.com", "sip:Alice@phone.example.com"),
    "another-port": ("sip:desk@phone.example.com:5060", "sip:desk@phone.example.com:5061"),
    "default-port-written": ("sip:desk@phone.example.com", "sip:desk@phone.example.com:5060"),
    "transport-in-one": ("sip:desk@phone.example.com", "sip:desk@phone.example.com;transport=udp"),
    "another-transport": ("sip:desk@phone.example.com;transport=udp", "sip:desk@phone.example.com;transport=tcp"),
    "user-parameter-in-one": ("sip:desk@phone.example.com", "sip:desk@phone.example.com;user=phone"),
    "unknown-parameter-with-another-value": ("sip:desk@phone.example.com;line=1", "sip:desk@phone.example.com;line=2"),
    "headers-in-one": ("sip:desk@phone.example.com", "sip:desk@phone.example.com?subject=a"),
    "sips": ("sip:desk@phone.example.com", "sips:desk@phone.example.com"),
    "another-host": ("sip:desk@phone.example.com", "sip:desk@192.0.2.10"),
    "no-user": ("sip:desk@phone.example.com", "sip:phone.example.com"),
    "password-in-one": ("sip:desk@phone.example.com", "sip:desk:secret@phone.example.com"),
}


@pytest.mark.parametrize(("bound", "refreshed"), EQUAL.values(), ids=EQUAL)
def test_an_equal_uri_refreshes_the_binding(peer: SipPeer, bound: str, refreshed: str) -> None:
    """Section 19.1.4.

    device                                  daemon
      | REGISTER Contact: A;expires=600        |
      |--------------------------------------->|
      | REGISTER Contact: A';expires=900       |
      |--------------------------------------->|
      |              200, one Contact, 900 left|
      |<---------------------------------------|
    """
    peer.register(contacts=[f"<{bound}>"], expires=600)
    answer = peer.register(contacts=[f"<{refreshed}>"], expires=900)
    assert [binding.expires_s for binding in answer.bindings] == [900]


@pytest.mark.parametrize(("first", "second"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_uri_that_is_not_equal_is_another_binding(peer: SipPeer, first: str, second: str) -> None:
    """Section 19.1.4."""
    peer.register(contacts=[f"<{first}>"])
    answer = peer.register(contacts=[f"<{second}>"])
    assert {binding.uri for binding in answer.bindings} == {first, second}


def test_an_equal_uri_removes_the_binding(peer: SipPeer) -> None:
    """Sections 10.2.2 and 19.1.4."""
    peer.register(contacts=["<sip:desk@Phone.Example.COM>"])
    assert peer.register(contacts=["<sip:desk@phone.example.com>"], expires=0).bindings == []


@pytest.mark.parametrize(
    "contact", ["<tel:+15551234>", "<mailto:desk@example.com>", "<http://phone.example.com/>"], ids=lambda c: c[1:5]
)
def test_a_contact_that_is_no_sip_uri_is_400(peer: SipPeer, contact: str) -> None:
    """Section 10.2.1 allows others; nothing here could reach them, and saying so beats accepting them."""
    answer = peer.register(contacts=[contact])
    assert answer.status == 400
    assert "Contact" in (answer.get("warning") or "")
    assert peer.query() == []


@pytest.mark.parametrize(
    ("asked", "told"), [("0.5", "0.5"), ("1.0", "1"), ("1", "1"), ("0", "0"), ("0.0", "0"), ("0.125", "0.125")]
)
def test_the_q_value_is_kept_and_given_back(peer: SipPeer, asked: str, told: str) -> None:
    """Sections 10.2.1.2 and 20.10."""
    (binding,) = peer.register(contacts=[f"{peer.contact};q={asked}"]).bindings
    assert binding.parameters["q"] == told


def test_a_contact_without_q_is_given_back_without_q(peer: SipPeer) -> None:
    """Section 10.2.1.2: its absence is no preference, which 0 would be."""
    (binding,) = peer.register().bindings
    assert "q" not in binding.parameters


def test_a_refresh_changes_the_q_value(peer: SipPeer) -> None:
    """Section 10.2.1.2."""
    peer.register(contacts=[f"{peer.contact};q=0.2"])
    (binding,) = peer.register(contacts=[f"{peer.contact};q=0.9"]).bindings
    assert binding.parameters["q"] == "0.9"
