"""Recorded messages as text: whatever octets they are, something is said about them and nothing is raised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnosis.message_text import find_fault, read_message, sdp_addresses

REGISTER = (
    b"REGISTER sip:home SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nf: <sip:alice@home>;tag=1\r\n"
    b't: "A" <sip:alice@[2001:db8::1]>\r\ni: 1\r\nCSeq: 1 REGISTER\r\n'
    b'm: <sip:alice@192.0.2.7>\r\n ;expires=60;+sip.instance="<urn:uuid:0D5C4A3B-1111-2222-3333-444455556666>"\r\n'
    b"Content-Length: 0\r\n\r\n"
)


def test_compact_and_folded_fields_are_read():
    text = read_message(REGISTER)
    assert text.method == "REGISTER"
    assert text.asked_host == "home"
    assert text.to_host == "2001:db8::1"
    assert text.asked_expires_s == 60
    assert text.uuid == "0d5c4a3b-1111-2222-3333-444455556666"


def test_the_uuid_of_a_body_is_read():
    assert read_message(
        b"R sip:a SIP/2.0\r\n\r\na=x-screamrouter-uuid:" + b"0" * 8 + b"-0000-0000-0000-" + b"0" * 12
    ).uuid


def test_a_sound_request_has_no_fault():
    assert find_fault(REGISTER) is None


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"\x16\x03\x01\x00", "TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (b"\x80\x00" + bytes(20), "RTP"),
        (b"", "line 1"),
        (b"REGISTER\r\n\r\n", "line 1"),
        (REGISTER.replace(b"CSeq:", b"CSeq"), "line 6"),
        (REGISTER.replace(b"i: 1\r\n", b""), "no Call-ID"),
        (REGISTER.replace(b"1 REGISTER", b"1 OPTIONS"), "another method"),
        (REGISTER.replace(b"1 REGISTER", b"99999999999 REGISTER"), "2^32"),
        (REGISTER.replace(b'"A"', b'"A'), "quotation mark"),
        (REGISTER.replace(b"Content-Length: 0", b"Content-Length: 7"), "7 octets"),
        (REGISTER.replace(b"Content-Length: 0", b"Content-Length: x"), "no number"),
        (REGISTER.replace(b"i: 1", b"i: \x00"), "control character"),
        (REGISTER.replace(b"\r\n\r\n", b"\r\n"), "empty line"),
        (REGISTER.replace(b"f: <sip:alice@home>;tag=1", b"f: alice"), "no address"),
    ],
)
def test_the_place_of_a_fault_is_named(octets, says):
    assert says in str(find_fault(octets))


def test_what_was_cut_is_not_blamed_for_its_end():
    assert find_fault(REGISTER[:120], is_cut=True) is None


@given(st.binary(max_size=300))
def test_no_octets_are_too_much(octets):
    text = read_message(octets)
    assert (text.uuid, text.asked_host, text.asked_expires_s, text.warning) is not None
    find_fault(octets)
    sdp_addresses(text.body)


def test_the_address_of_media_goes_before_that_of_the_origin():
    assert sdp_addresses("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2/127\r\n") == ["192.0.2.2"]
    assert sdp_addresses("v=0\no=- 1 1 IN IP6 2001:db8::1\n") == ["2001:db8::1"]
