"""What fuzzing starts from: one sound message of each kind that the tests know, and exchanges of several.

What only a running daemon can say (its nonce) stands as text of the same length that ``Login.dress`` replaces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOMAIN = "screamrouter.local"
EXCHANGE_BRANCH = b"z9hG4bKexchange"
"""In all packets of an exchange; to be made another one each time."""

COUNTS = (1, 2, 3, 9)
"""The nonce-counts of the seeds with credentials; 0 would be the form without qop."""

USER = "fuzz00"
GUEST = "guest"
"""Has no password."""

NONCE = "N0nceOfThirtySixCharactersInAllOfIt="
assert len(NONCE) == 36

_DATA = Path(__file__).parents[1] / "data"
_CRASHES = _DATA / "crash"
_URI = f"sip:{DOMAIN}"
_SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96 97\r\n"
    b"a=rtpmap:96 L16/48000/2\r\na=rtpmap:97 MP3/0/0\r\na=sendonly\r\na=x-screamrouter-role:source\r\n"
    b"a=x-screamrouter-uuid:6f1f5b0e-8c57-4a54-9f0c-3a5d5c0e8a01\r\n"
)
PIDF = (
    b'<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:fuzz00@screamrouter.local">'
    b'<tuple id="1"><status><basic>open</basic></status></tuple></presence>'
)
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    b"<p>&c;&c;</p>"
)
DEEP = b"<presence>" + b"<tuple>" * 120 + b"<basic>open</basic>" + b"</tuple>" * 120 + b"</presence>"
_GUEST_URI = f"sip:{GUEST}@{DOMAIN}"
_INSTANCE = '+sip.instance="<urn:uuid:6f1f5b0e-8c57-4a54-9f0c-3a5d5c0e8a01>"'
_CONTACT = f"Contact: <sip:{USER}@127.0.0.1:5999;transport=udp>"
_BOUND = f"{_CONTACT};expires=60;q=0.5;{_INSTANCE};reg-id=1"


@dataclass(frozen=True, slots=True)
class Login:
    """Who the seeds' sender is, and the nonce that the daemon gave to his address."""

    user: str
    password: str
    nonce: str

    def response(self, count: int) -> str:
        """Of REGISTER with MD5; ``count`` 0 is the form of RFC 2069."""

        def digest(*parts: str) -> str:
            return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

        secret, what = digest(self.user, DOMAIN, self.password), digest("REGISTER", _URI)
        middle = (f"{count:08x}", "fuzz", "auth") if count else ()
        return digest(secret, self.nonce, *middle, what)

    def dress(self, packet: bytes) -> bytes:
        """The packet as this one sends it."""
        for count in (0, *COUNTS):
            packet = packet.replace(_placeholder(count).encode(), self.response(count).encode())
        return packet.replace(NONCE.encode(), self.nonce.encode()).replace(USER.encode(), self.user.encode())


def _placeholder(count: int) -> str:
    return f"responseToNonceCount{count:012d}"


def _request(
    method: str, *headers: str, body: bytes = b"", to_tag: str = "", branch: str = "", uri: str = _URI, user: str = USER
) -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:5999;branch={branch or f'z9hG4bKfuzz{method}'};rport",
        "Max-Forwards: 70",
        f'From: "F" <sip:{USER}@{DOMAIN}>;tag=f',
        f"To: <sip:{user}@{DOMAIN}>{to_tag}",
        f"Call-ID: {branch or method}@127.0.0.1",
        f"CSeq: 1 {method}",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _response(status: str, method: str, *headers: str, branch: str = "z9hG4bKsrp-1-2-3") -> bytes:
    lines = [
        f"SIP/2.0 {status}",
        f"Via: SIP/2.0/UDP 127.0.0.1:5060;branch={branch}",
        "From: <sip:a@b>;tag=1",
        "To: <sip:c@d>;tag=2",
        "Call-ID: r1",
        f"CSeq: 1 {method}",
        *headers,
        "Content-Length: 0",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _authorization(count: int) -> str:
    counted = f', qop=auth, nc={count:08x}, cnonce="fuzz"' if count else ""
    return (
        f'Authorization: Digest username="{USER}", realm="{DOMAIN}", nonce="{NONCE}", uri="{_URI}", '
        f'response="{_placeholder(count)}", algorithm=MD5{counted}'
    )


def _registers() -> Iterator[bytes]:
    sdp = "Content-Type: application/sdp"
    yield _request("REGISTER", _BOUND, "Expires: 60", "Supported: path, outbound", "Path: <sip:edge.test;lr>")
    yield _request("REGISTER", _BOUND, sdp, body=_SDP)
    yield _request("REGISTER", "Contact: *", "Expires: 0")
    yield _request("REGISTER")
    yield _request("REGISTER", f"Contact: <sip:{GUEST}@127.0.0.1:5998>", user=GUEST)
    yield _request("REGISTER", f"m: <sip:{GUEST}@[::1]>;expires=7200", "k: gruu", sdp, user=GUEST, body=_SDP)
    yield _request("REGISTER", _BOUND, f"{_CONTACT};expires=0", "Require: path", "User-Agent: fuzz")
    yield from (_request("REGISTER", _BOUND, _authorization(count)) for count in (0, *COUNTS))
    yield _request("REGISTER", _BOUND, _authorization(1), _authorization(2), "Authorization: Basic QTpC")
    yield _request("REGISTER", _BOUND, "Authorization: Digest username*=UTF-8''f%C3%BC, realm=\"x\", userhash=true")


def _others() -> Iterator[bytes]:
    sdp = "Content-Type: application/sdp"
    yield _request("OPTIONS", "Accept: application/sdp")
    yield _request("OPTIONS", _CONTACT, uri=f"sip:{USER}@{DOMAIN}", to_tag=";tag=x")
    yield _request("SUBSCRIBE", _CONTACT, "Event: presence", "Expires: 3600", "Accept: application/pidf+xml")
    yield _request("SUBSCRIBE", _CONTACT, "Event: reg;id=1", "Expires: 0", to_tag=";tag=x")
    yield _request("NOTIFY", _CONTACT, "Event: dialog", "Subscription-State: active;expires=60", to_tag=";tag=x")
    yield _request("PUBLISH", "Event: presence", "SIP-If-Match: x", "Content-Type: application/pidf+xml", body=PIDF)
    yield _request("MESSAGE", "Content-Type: text/plain", body=b"hello")
    yield from _outside_of_dialogs()
    yield _request("REFER", _CONTACT, "Refer-To: <sip:a@b?Replaces=c%3Bto-tag%3Dd%3Bfrom-tag%3De>", to_tag=";tag=x")
    yield _request("INVITE", _CONTACT, sdp, body=_SDP)
    yield _request(
        "INVITE", _CONTACT, "Replaces: c;to-tag=d;from-tag=e", "Session-Expires: 90;refresher=uac", "Min-SE: 9"
    )
    yield _request("UPDATE", _CONTACT, sdp, to_tag=";tag=x", body=_SDP)
    yield _request("INFO", "Content-Type: application/dtmf-relay", body=b"Signal=1\r\nDuration=9\r\n", to_tag=";tag=x")
    yield _request("PRACK", "RAck: 1 1 INVITE", to_tag=";tag=x")
    yield from (_request(method, to_tag=";tag=x") for method in ("ACK", "BYE", "CANCEL"))


def _outside_of_dialogs() -> Iterator[bytes]:
    """What a guest, who is registered now and then, watches, publishes and sends."""

    def ask(method: str, number: int, *headers: str, body: bytes = b"") -> bytes:
        branch = f"z9hG4bKoutside{method}{number}"
        packet = _request(method, *headers, body=body, branch=branch, uri=_GUEST_URI, user=GUEST)
        return packet.replace(f"<sip:{USER}@{DOMAIN}>;tag=f".encode(), f"<{_GUEST_URI}>;tag=f".encode())

    pidf = "Content-Type: application/pidf+xml"
    yield ask("SUBSCRIBE", 1, _CONTACT, "Event: presence;id=7", "Accept: application/pidf+xml;q=0.5, multipart/related")
    yield ask("SUBSCRIBE", 2, _CONTACT, "o: presence", "Supported: eventlist, 100rel", "Expires: 3600")
    yield ask("SUBSCRIBE", 3, _CONTACT, "Event: dialog;sla;call-id=c;from-tag=a;to-tag=b", "Expires: 0")
    yield ask(
        "SUBSCRIBE", 4, _CONTACT, "Event: message-summary", "Require: eventlist", "Record-Route: <sip:p;lr>, <sip:q>"
    )
    yield ask("PUBLISH", 1, "Event: presence", pidf, "Expires: 99999999999", body=PIDF)
    yield ask("PUBLISH", 2, "Event: presence", "SIP-If-Match: a", "Expires: 0")
    yield ask("PUBLISH", 3, "Event: presence", pidf, body=BOMB)
    yield ask("PUBLISH", 4, "Event: presence", pidf, "Content-Encoding: gzip", body=b"<a>" * 300)
    yield ask("MESSAGE", 1, "Content-Type: text/plain;charset=UTF-8", "Route: <sip:127.0.0.1;lr>", body="ü".encode())
    yield ask("MESSAGE", 2, "Via: SIP/2.0/UDP a;branch=z9hG4bKsrm-1-1-2-3, SIP/2.0/UDP b", "Subject: a\r\n b")
    yield ask("MESSAGE", 3, f'Proxy-Authorization: Digest username="x", realm="{DOMAIN}"', "Proxy-Require: a, b")


def _responses() -> Iterator[bytes]:
    challenge = f'WWW-Authenticate: Digest realm="x", nonce="{NONCE}", algorithm=SHA-256, qop="auth"'
    yield _response("200 OK", "OPTIONS", "Allow: INVITE, OPTIONS", "Accept: application/sdp")
    yield _response("100 Trying", "INVITE")
    yield _response("183 Session Progress", "INVITE", "Require: 100rel", "RSeq: 1")
    yield _response("200 OK", "INVITE", "Contact: <sip:c@127.0.0.1>", "Record-Route: <sip:p;lr>, <sip:q;lr>")
    yield _response("302 Moved Temporarily", "INVITE", "Contact: <sip:e@f>;q=0.7, <sip:g@h>;expires=9")
    yield _response("401 Unauthorized", "REGISTER", challenge)
    yield _response("407 Proxy Authentication Required", "OPTIONS", challenge.replace("WWW", "Proxy"))
    yield _response("423 Interval Too Brief", "REGISTER", "Min-Expires: 60")
    yield _response("486 Busy Here", "INVITE", "Retry-After: 5 (busy);duration=3")
    yield _response("503 Service Unavailable", "OPTIONS", "Retry-After: 120", branch="z9hG4bKother")
    for number in range(1, 4):
        yield _response("200 OK", "NOTIFY", branch=f"z9hG4bKsrn-{number}-1")
        yield _response("481 Gone", "NOTIFY", branch=f"z9hG4bKsrn-{number}-2")
        yield _response("503 Later", "NOTIFY", "Retry-After: 5 (busy);duration=3", branch=f"z9hG4bKsrn-{number}-3")
        yield _response("200 OK", "MESSAGE", branch=f"z9hG4bKsrm-{number}-1-0123456789abcdef-0123456789abcdef")
        yield _response("100 Trying", "MESSAGE", branch=f"z9hG4bKsrm-{number}-2-0123456789abcdef-0123456789abcdef")


def messages() -> list[bytes]:
    """One sound message of each kind, all of RFC 4475 and RFC 5118, and what was deadly."""
    torture = [path.read_bytes() for path in sorted(_DATA.glob("sip/rfc*/*")) if path.suffix in {".dat", ".sip"}]
    deadly = [packet for packets in deadly_exchanges().values() for packet in packets]
    return [*torture, *deadly, *_registers(), *_others(), *_responses()]


def exchanges() -> list[list[bytes]]:
    """Packets that mean something to each other, all of branch ``EXCHANGE_BRANCH``.

    An INVITE is answered with a failure, which PJSIP sends again until an ACK comes; meanwhile other requests and
    responses come with its branch.
    """

    def of(method: str, *headers: str, **options: str) -> bytes:
        return _request(method, *headers, branch=EXCHANGE_BRANCH.decode(), to_tag=options.get("to_tag", ""))

    invite, register = of("INVITE", _CONTACT), of("REGISTER", _BOUND)
    ack, cancel = of("ACK"), of("CANCEL")
    answer = _response("480 Temporarily Unavailable", "INVITE", branch=EXCHANGE_BRANCH.decode())
    return [
        [invite, ack],
        [invite, invite, ack, ack],
        [invite, cancel, ack],
        [cancel, invite, ack, of("BYE", to_tag=";tag=x")],
        [invite, of("OPTIONS"), of("REGISTER", _BOUND), ack],
        [invite, ack, of("OPTIONS"), of("UPDATE", to_tag=";tag=x"), invite],
        [invite, of("PRACK", "RAck: 1 1 INVITE", to_tag=";tag=x"), of("INFO"), cancel, ack],
        [register, register, of("OPTIONS"), of("CANCEL")],
        [of("SUBSCRIBE", _CONTACT, "Event: presence"), of("SUBSCRIBE", _CONTACT, "Event: reg"), of("NOTIFY")],
        [of("MESSAGE"), of("REFER", "Refer-To: <sip:a@b>"), of("PUBLISH", "Event: presence")],
        [invite, answer, ack, answer],
    ]


def deadly_exchanges() -> dict[str, list[bytes]]:
    """What once ended a daemon, kept in tests/data/crash, by its name: packets to be sent in this order."""
    return {
        folder.name: [path.read_bytes() for path in sorted(folder.glob("*.sip"))]
        for folder in sorted(_CRASHES.iterdir())
        if any(folder.glob("*.sip"))
    }
