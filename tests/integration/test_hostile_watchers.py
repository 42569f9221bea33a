"""Watchers and publishers who mean no good, one at a time: the daemon says no, keeps its figures and serves the others.

Many of them at once: ``tests.soak.subscriptions``, ``tests.fuzz.run``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.test_https import ANY_PORT, browser_of
from tests.kit.answering_peer import AnsweringTcp
from tests.kit.daemon_process import DaemonProcess, running_daemon, wait_until
from tests.kit.presence_room import pidf
from tests.kit.process_size import ProcessSize
from tests.kit.sip_peer import SipMessage, SipPeer
from tests.kit.standing_watch import StandingWatch

MOST_GROWTH_KB = 6_000
ROUNDS = 20
AVAILABLE = {"basic": "open", "note": "Available", "activities": []}
NAMESPACE = "urn:ietf:params:xml:ns:pidf"


def entities(levels: int, width: int) -> bytes:
    """Ten to the power of ``levels`` times text, were it expanded."""
    defined = "".join(
        f'<!ENTITY e{level} "{f"&e{level - 1};" * width}">' if level else '<!ENTITY e0 "lol">'
        for level in range(levels)
    )
    return f'<?xml version="1.0"?><!DOCTYPE p [{defined}]><p>&e{levels - 1};</p>'.encode()


def nested(depth: int) -> bytes:
    return f'<presence xmlns="{NAMESPACE}">'.encode() + b"<tuple>" * depth + b"</tuple>" * depth + b"</presence>"


SOUND = pidf("closed", note="gr\u00fc\u00df")
TEXT = SOUND.decode()
DOCUMENTS: dict[str, bytes] = {
    "a billion laughs": entities(10, 10),
    "quadratic": f'<!DOCTYPE p [<!ENTITY a "{"a" * 20_000}">]><p>{"&a;" * 3000}</p>'.encode(),
    "a file": b'<!DOCTYPE p [<!ENTITY f SYSTEM "file:///etc/passwd">]><presence>&f;</presence>',
    "another document type": b'<!DOCTYPE p SYSTEM "http://127.0.0.1:9/evil.dtd"><presence/>',
    "parameter entities": b"<!DOCTYPE p [<!ENTITY % x \"<!ENTITY y 'z'>\"> %x;]><p>&y;</p>",
    "2,000 levels": nested(2000),
    "8,000 elements": b"<presence>" + b"<a/>" * 8000 + b"</presence>",
    "3,000 attributes": b"<p " + b" ".join(b"a%d=''" % number for number in range(3000)) + b"/>",
    "no end": SOUND[:-8],
    "two roots": SOUND + b"<p/>",
    "nothing but blanks": b"   \r\n  ",
    "octets": bytes(range(256)),
    "a NUL": SOUND.replace(b"closed", b"clo\0sed"),
    "Latin-1 that says UTF-8": TEXT.encode("latin-1"),
    "an encoding that there is not": SOUND.replace(b"UTF-8", b"EBCDIC-CP-XX"),
    "UTF-7": SOUND.replace(b"UTF-8", b"UTF-7"),
    "UTF-16 that says UTF-8": TEXT.encode("utf-16"),
    "UTF-32": TEXT.replace("UTF-8", "UTF-32").encode("utf-32"),
    "overlong UTF-8": SOUND.replace(b"closed", b"\xc0\xbcclosed"),
    "a surrogate": SOUND.replace(b"closed", b"\xed\xa0\x80"),
    "a character that XML has not": SOUND.replace(b"closed", b"&#0;"),
    "no PIDF": b"<html/>",
}
TOO_LONG = pidf(note="x" * 33_000)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    sections = {**ANY_PORT, "presence": {"interval_s": 0.05, "min_expires_s": 1}}
    with running_daemon(tmp_path_factory.mktemp("hostile"), sections=sections) as running:
        yield running


@pytest.fixture
def bob(daemon) -> Iterator[AnsweringTcp]:
    with AnsweringTcp(daemon.address, "bob") as peer:
        assert peer.register().status == 200
        yield peer


def publish(peer: SipPeer, body: bytes, *headers: str) -> SipMessage:
    uri = f"sip:{peer.aor}"
    lines = ["Event: presence", "Content-Type: application/pidf+xml", "Expires: 60", *headers]
    return peer.exchange(peer.request("PUBLISH", uri=uri, to=f"<{uri}>", headers=lines, body=body))


def test_rfc3903_6_no_document_of_a_strangers_making_is_believed_or_costs_memory(daemon, bob):
    watch = StandingWatch(bob)
    call_id = watch.subscribe("presence", "bob")
    sizes = []
    for _ in range(ROUNDS):
        statuses = {what: publish(bob, body).status for what, body in DOCUMENTS.items()}
        assert {what: status for what, status in statuses.items() if status != 400} == {}
        sizes.append(ProcessSize.of(daemon.process.pid))
    assert watch.fetch("presence", "bob") == watch.seen(call_id) == AVAILABLE
    assert sizes[-1].resident_kb - sizes[ROUNDS // 2].resident_kb < MOST_GROWTH_KB
    assert publish(bob, TOO_LONG).status == 413
    assert publish(bob, SOUND, "Content-Encoding: gzip").status == 415
    assert publish(bob, pidf("closed")).status == 200  # an honest one
    wait_until(lambda: (watch.seen(call_id) or {}).get("basic") == "closed", "bob takes no calls")


def test_a_refresh_out_of_order_is_refused_and_the_subscription_goes_on(daemon, bob):
    """RFC 3261 section 12.2.2; docs/decisions/0004."""
    watch = StandingWatch(bob)
    call_id = watch.subscribe("reg", "bob")
    assert watch.refresh(call_id).status == 200
    before, bob.cseq = bob.cseq, 0
    for _ in range(3):
        assert watch.refresh(call_id, 0).status == 500
    bob.cseq = before
    assert watch.refresh(call_id).status == 200
    assert watch.state_of(call_id) == ""


def test_rfc6665_8_2_1_many_ids_are_as_many_subscriptions_and_all_end_with_their_connection(daemon, bob):
    with browser_of(daemon) as browser:

        def held() -> int:
            return sum(one["address"] == "many" for one in browser.get("/api/subscriptions").json())

        for number in range(300):
            uri = f"sip:many@{bob.domain}"
            lines = [f"Contact: {bob.contact}", f"Event: dialog;id={number}", "Expires: 60"]
            octets = bob.request("SUBSCRIBE", uri=uri, to=f"<{uri}>", call_id=f"{number}@many", headers=lines)
            assert bob.exchange(octets).status == 200
        assert held() == 300
        bob.close()
        wait_until(lambda: held() == 0, "they have ended")


@pytest.mark.parametrize("event", ["dialog;id=" + "x" * 2000, "dialog;id=", 'dialog;id="a b"', ";id=1", "", "x" * 500])
def test_events_that_are_none_are_refused(daemon, bob, event):
    uri = f"sip:many@{bob.domain}"
    lines = [f"Contact: {bob.contact}", f"Event: {event}", "Expires: 60"]
    assert bob.exchange(bob.request("SUBSCRIBE", uri=uri, to=f"<{uri}>", headers=lines)).status in {400, 489, 513}
