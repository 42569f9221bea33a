"""Hostile packets: whole messages that the daemon knows, mutated from a seed, so that every run sends the same."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator

from tests.fuzz import seeds

Mutator = Callable[[bytearray, random.Random], None]

_TOKENS = (
    b"\r\n", b"\n", b"\0", b";", b",", b":", b"@", b"<", b">", b'"', b"%00", b"%", b"[", b"]", b"*", b"\t", b"\xff\xfe",
    b"sip:", b"sips:", b"tel:+1", b"SIP/2.0", b"SIP/2.0/UDP ", b"z9hG4bK", b"expires=", b"99999999999999999999", b"-1",
    b"4294967296", b";rport=0", b";maddr=127.0.0.1", b";received=x", b";ttl=999", b"q=1.5", b"Contact: *\r\n",
    b"Content-Length: 99999\r\n", b"Content-Length: -1\r\n", b"Content-Type: multipart/mixed;boundary=x\r\n",
    b"Require: x\r\n", b"CSeq: 1 INVITE\r\n", b"Via: SIP/2.0/UDP [::1];branch=z9hG4bK1\r\n", b"Route: <sip:a;lr>\r\n",
    b"Authorization: Digest username=\"\"\r\n", b"To: \r\n", b"a" * 300,
)  # fmt: skip


def mutated_packets(count: int, seed: int) -> Iterator[bytes]:
    """``count`` packets of 33 to 3,999 octets, the same for the same ``seed``.

    One in four belongs to an exchange: its packets come in their order, of one branch that no other exchange has, some
    of them mutated, now and then one twice or left out.
    """
    packets = _packets(random.Random(seed))
    return (bytes(packet[:3999]).ljust(33, b" ") for packet in itertools.islice(packets, count))


def _packets(source: random.Random) -> Iterator[bytes]:
    exchanges = seeds.exchanges()
    originals = [*seeds.messages(), *itertools.chain.from_iterable(exchanges)]
    for number in itertools.count():
        if source.randrange(8) == 0:
            branch = b"%sx%d" % (seeds.EXCHANGE_BRANCH, number)
            for packet in source.choice(exchanges):
                distinct = packet.replace(seeds.EXCHANGE_BRANCH, branch)
                for _ in range(source.choice((0, 1, 1, 1, 1, 2))):
                    yield _mutated(distinct, source, originals) if source.randrange(3) == 0 else distinct
        else:
            yield _mutated(source.choice(originals), source, originals)


def mutated(original: bytes, source: random.Random) -> bytes:
    """``original`` after up to six mutations."""
    return _mutated(original, source, [original])


def _mutated(original: bytes, source: random.Random, originals: list[bytes]) -> bytes:
    packet = bytearray(original)
    for _ in range(source.randint(0, 6)):
        _mutate(packet, source, originals)
    return bytes(packet)


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
