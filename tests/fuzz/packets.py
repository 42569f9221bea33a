"""Hostile packets: whole messages that the daemon knows, mutated from a seed, so that every run sends the same."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
CRASHES = DATA / "crash"
"""What once ended a daemon, kept and replayed: a folder for each, its packets in their order."""

Mutator = Callable[[bytearray, random.Random], None]

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
    """One sound message of each kind, all of RFC 4475 and RFC 5118, and what was deadly."""
    contact = b'Contact: <sip:fuzz@127.0.0.1:5999;transport=udp>;expires=60;q=0.5;+sip.instance="<urn:uuid:6f1f5b0e-8c57-4a54-9f0c-3a5d5c0e8a01>";reg-id=1\r\n'  # noqa: E501 - one header
    register = contact + b"Expires: 60\r\nSupported: path, outbound\r\nPath: <sip:edge.test;lr>\r\nUser-Agent: fuzz\r\n"
    sdp = b"Content-Type: application/sdp\r\n"
    plain = ("OPTIONS", "INVITE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "INFO", "BYE", "CANCEL", "ACK", "REFER")
    torture = [path.read_bytes() for path in sorted(DATA.glob("sip/rfc*/*")) if path.suffix in {".dat", ".sip"}]
    return [
        *torture,
        *(path.read_bytes() for path in sorted(CRASHES.glob("*/*.sip"))),
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
    if source.randrange(len(_MUTATORS) + 1) == 0:
        other = source.choice(originals)
        packet[_place(packet, source) :] = other[source.randrange(len(other)) :]
    else:
        source.choice(_MUTATORS)(packet, source)


def _place(packet: bytearray, source: random.Random) -> int:
    return source.randrange(len(packet)) if packet else 0


def _change_octet(packet: bytearray, source: random.Random) -> None:
    at = _place(packet, source)
    packet[at : at + 1] = bytes([source.randrange(256)])


def _insert_token(packet: bytearray, source: random.Random) -> None:
    at = _place(packet, source)
    packet[at:at] = source.choice(_TOKENS)


def _delete(packet: bytearray, source: random.Random) -> None:
    at = _place(packet, source)
    del packet[at : at + source.randint(1, 40)]


def _repeat(packet: bytearray, source: random.Random) -> None:
    at = _place(packet, source)
    packet[at:at] = packet[at : at + source.randint(1, 80)]


def _replace_rest_of_line(packet: bytearray, source: random.Random) -> None:
    at = _place(packet, source)
    end = packet.find(b"\r\n", at)
    packet[at : end if end >= 0 else len(packet)] = source.choice(_TOKENS)


def _swap_lines(packet: bytearray, source: random.Random) -> None:
    lines = bytes(packet).split(b"\r\n")
    first, second = source.randrange(len(lines)), source.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    packet[:] = b"\r\n".join(lines)


def _duplicate_line(packet: bytearray, source: random.Random) -> None:
    """A header field twice, next to itself or anywhere, perhaps very often."""
    lines = bytes(packet).split(b"\r\n")
    line = source.choice(lines)
    at = source.randrange(len(lines) + 1)
    lines[at:at] = [line] * source.choice((1, 1, 2, 40, 200))
    packet[:] = b"\r\n".join(lines)


def _overflow_number(packet: bytearray, source: random.Random) -> None:
    """Another number where one stands: at a limit, beyond it, or none at all."""
    numbers = list(re.finditer(rb"\d+", bytes(packet)))
    if numbers:
        chosen = source.choice(numbers)
        packet[chosen.start() : chosen.end()] = source.choice(_NUMBERS)


def _nest(packet: bytearray, source: random.Random) -> None:
    """Something that opens, once or often, with or without its end."""
    begin, end = source.choice(_PAIRS)
    depth = source.choice((1, 1, 2, 30))
    at = _place(packet, source)
    length = source.randrange(40)
    closing = end * source.choice((0, depth, depth, depth + 1))
    packet[at : at + length] = begin * depth + bytes(packet[at : at + length]) + closing


def _put_control(packet: bytearray, source: random.Random) -> None:
    """A NUL or another control character, alone or as a quoted pair."""
    at = _place(packet, source)
    packet[at:at] = source.choice((b"", b"\\")) + bytes([source.choice((0, 0, 1, 8, 27, 127))])


def _break_line_end(packet: bytearray, source: random.Random) -> None:
    """One line end that is none, is half of one, or folds."""
    ends = [found.start() for found in re.finditer(rb"\r\n", bytes(packet))]
    if ends:
        at = source.choice(ends)
        packet[at : at + 2] = source.choice((b"", b"\r", b"\n", b"\n\r", b"\r\n ", b"\r\n\t\r\n ", b"&", b";", b","))


def _truncate(packet: bytearray, source: random.Random) -> None:
    del packet[_place(packet, source) :]


_NUMBERS = (
    b"0", b"-1", b"00000000000000000001", b"255", b"256", b"65535", b"65536", b"2147483647", b"2147483648",
    b"4294967295", b"4294967296", b"18446744073709551615", b"18446744073709551616", b"9" * 100, b"0x10", b"1e9", b"",
)  # fmt: skip
_PAIRS = ((b"<", b">"), (b'"', b'"'), (b"(", b")"), (b"[", b"]"), (b"[", b"]:5060"), (b"\\", b"\\"), (b"%5B", b"%5D"))
_MUTATORS: tuple[Mutator, ...] = (
    _change_octet,
    _insert_token,
    _delete,
    _repeat,
    _replace_rest_of_line,
    _swap_lines,
    _duplicate_line,
    _overflow_number,
    _nest,
    _put_control,
    _break_line_end,
    _truncate,
)


def deadly_exchanges() -> dict[str, list[bytes]]:
    """What once ended a daemon, by its name: packets to be sent in this order."""
    return {
        folder.name: [path.read_bytes() for path in sorted(folder.glob("*.sip"))]
        for folder in sorted(CRASHES.iterdir())
        if folder.is_dir()
    }
