"""Hostile packets: whole messages that the daemon knows, mutated from a seed, so that every run sends the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

CRASHES = Path(__file__).parents[1] / "data" / "crash"
"""What once ended a daemon, kept and replayed."""

_SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96 97\r\n"
    b"a=rtpmap:96 L16/48000/2\r\na=rtpmap:97 MP3/0/0\r\na=sendonly\r\na=x-screamrouter-role:source\r\n"
    b"a=x-screamrouter-uuid:6f1f5b0e-8c57-4a54-9f0c-3a5d5c0e8a01\r\n"
)
_TOKENS = (
    b"\r\n", b"\n", b"\0", b";", b",", b":", b"@", b"<", b">", b'"', b"%00", b"%", b"[", b"]", b"*", b"\t", b"\xff\xfe",
    b"sip:", b"sips:", b"tel:+1", b"SIP/2.0", b"SIP/2.0/UDP ", b"z9hG4bK", b"expires=", b"99999999999999999999", b"-1",
    b"4294967296", b";rport=0", b";maddr=127.0.0.1", b";received=x", b";ttl=999", b"q=1.5", b"Contact: *\r\n",
    b"Content-Length: 99999\r\n", b"Content-Length: -1\r\n", b"Content-Type: multipart/mixed;boundary=x\r\n",
    b"Require: x\r\n", b"CSeq: 1 INVITE\r\n", b"Via: SIP/2.0/UDP [::1];branch=z9hG4bK1\r\n", b"Route: <sip:a;lr>\r\n",
    b"Authorization: Digest username=\"\"\r\n", b"To: \r\n", b"a" * 300,
)  # fmt: skip


def _request(method: str, extra: bytes = b"", body: bytes = b"", *, to_tag: str = "", number: int = 1) -> bytes:
    head = (
        f"{method} sip:screamrouter.local SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKfuzz{method}{number};rport\r\n"
        "Max-Forwards: 70\r\n"
        f'From: "F" <sip:fuzz{number}@screamrouter.local>;tag=f{number}\r\n'
        f"To: <sip:fuzz{number}@screamrouter.local>{to_tag}\r\n"
        f"Call-ID: fuzz{number}@127.0.0.1\r\n"
        f"CSeq: {number} {method}\r\n"
    )
    return head.encode() + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _response(status: str, method: str) -> bytes:
    return (
        f"SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKsrp-1-2-3\r\n"
        f"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: r1\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def seeds() -> list[bytes]:
    """One sound message of each kind."""
    contact = b'Contact: <sip:fuzz@127.0.0.1:5999;transport=udp>;expires=60;q=0.5;+sip.instance="<urn:uuid:6f1f5b0e-8c57-4a54-9f0c-3a5d5c0e8a01>";reg-id=1\r\n'  # noqa: E501 - one header
    register = contact + b"Expires: 60\r\nSupported: path, outbound\r\nPath: <sip:edge.test;lr>\r\nUser-Agent: fuzz\r\n"
    sdp = b"Content-Type: application/sdp\r\n"
    plain = ("OPTIONS", "INVITE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "INFO", "BYE", "CANCEL", "ACK", "REFER")
    return [
        _request("REGISTER", register),
        _request("REGISTER", contact + sdp, _SDP),
        _request("REGISTER", b"Contact: *\r\nExpires: 0\r\n"),
        *(_request(method, contact) for method in plain),
        _request("INVITE", contact + sdp, _SDP),
        _request("UPDATE", contact, to_tag=";tag=x"),
        _response("200 OK", "OPTIONS"),
        _response("486 Busy Here", "INVITE"),
        _response("100 Trying", "INVITE"),
    ]


def mutated_packets(count: int, seed: int) -> Iterator[bytes]:
    """``count`` packets of 33 to 3,999 octets, the same for the same ``seed``."""
    source = random.Random(seed)
    originals = seeds()
    for _ in range(count):
        packet = bytearray(source.choice(originals))
        for _ in range(source.randint(1, 6)):
            _mutate(packet, source, originals)
        yield bytes(packet[:3999]).ljust(33, b" ")


def _mutate(packet: bytearray, source: random.Random, originals: list[bytes]) -> None:
    at = source.randrange(len(packet)) if packet else 0
    match source.randrange(7):
        case 0:
            packet[at : at + 1] = bytes([source.randrange(256)])
        case 1:
            packet[at:at] = source.choice(_TOKENS)
        case 2:
            del packet[at : at + source.randint(1, 40)]
        case 3:
            packet[at:at] = packet[at : at + source.randint(1, 80)]
        case 4:
            other = source.choice(originals)
            packet[at:] = other[source.randrange(len(other)) :]
        case 5:
            _swap_lines(packet, source)
        case _:
            end = packet.find(b"\r\n", at)
            packet[at : end if end >= 0 else len(packet)] = source.choice(_TOKENS)


def _swap_lines(packet: bytearray, source: random.Random) -> None:
    lines = bytes(packet).split(b"\r\n")
    first, second = source.randrange(len(lines)), source.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    packet[:] = b"\r\n".join(lines)


def four_packet_kill() -> list[bytes]:
    """INVITE, the ACK of its refusal, then OPTIONS with the INVITE's branch and CSeq method: it aborted PJSIP."""
    return [path.read_bytes() for path in sorted((CRASHES / "options-with-cseq-of-invite").iterdir())]
