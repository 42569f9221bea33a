"""SDP text to values and back (RFC 8866).

Reading is lenient where nothing is lost by it (line ends, order, missing ``o= s= t=``, unknown lines and attributes),
strict where a guess would send audio to the wrong place (``m= c= o=``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NoReturn

from sip_server.sdp_values import Attribute, Connection, Line, MediaDescription, Origin, Section, SessionDescription

MAX_SDP_OCTETS = 65_535
"""A UDP datagram; a browser's offer with video and candidates has some 8,000."""
MAX_SDP_LINES = 2_000
MAX_SDP_MEDIA = 64

_BLANKS = " \t"
_MEDIA_LINE = re.compile(
    r"(?P<kind>[^ \t]+)[ \t]+(?P<port>[0-9]{1,10})(?:/(?P<count>[0-9]{1,10}))?[ \t]+"
    r"(?P<proto>[^ \t]+)[ \t]+(?P<formats>.*)"
)
_ORIGIN_LINE = re.compile(
    r"(?P<username>[^ \t]+)[ \t]+(?P<id>[0-9]{1,20})[ \t]+(?P<version>[0-9]{1,20})[ \t]+"
    r"(?P<net>[^ \t]+)[ \t]+(?P<type>[^ \t]+)[ \t]+(?P<address>[^ \t]+)"
)
_LONGEST_QUOTE = 40


class SdpError(ValueError):
    """A text that cannot be read. ``line_number`` counts from 1; 0 means the text as a whole."""

    def __init__(self, line_number: int, found: str, expected: str) -> None:
        self.line_number = line_number
        self.reason = f"found {found}, expected {expected}"
        where = f"SDP line {line_number}" if line_number else "SDP"
        super().__init__(f"{where}: {self.reason}")


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    letter: str
    value: str

    def refuse(self, expected: str) -> NoReturn:
        raise SdpError(self.number, quoted(f"{self.letter}={self.value}"), expected)


@dataclass(slots=True)
class _Gathered:
    """The lines of one section that both levels have."""

    connections: list[Connection] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)

    def take(self, row: _Row) -> None:
        match row.letter:
            case "a":
                name, colon, value = row.value.partition(":")
                self.attributes.append(Attribute(name, value if colon else None))
            case "c":
                self.connections.append(_read_connection(row))
            case "v" | "o" | "s":
                row.refuse("this line once, at the top")
            case _:
                self.lines.append(Line(row.letter, row.value))


def parse_sdp(text: str | bytes) -> SessionDescription:
    """The description that ``text`` writes; ``SdpError`` for anything else. Octets outside UTF-8 become U+FFFD."""
    rows = list(_rows(_octets(text)))
    if not rows:
        raise SdpError(0, "no line", "'v=0' first")
    if rows[0].letter != "v" or rows[0].value.strip(_BLANKS) != "0":
        rows[0].refuse("'v=0' first")
    bounds = [index for index, row in enumerate(rows) if row.letter == "m"] + [len(rows)]
    if len(bounds) > MAX_SDP_MEDIA + 1:
        rows[bounds[MAX_SDP_MEDIA]].refuse(f"at most {MAX_SDP_MEDIA} m= lines")
    media = tuple(_read_media(rows[start:end]) for start, end in pairwise(bounds))
    return _read_session(rows[1 : bounds[0]], media)


def print_sdp(session: SessionDescription) -> str:
    """The description as text: lines in the order of RFC 8866 section 5, each ended by CRLF."""
    head = ["v=0"]
    if session.origin is not None:
        head.append(str(session.origin))
    if session.name is not None:
        head.append(f"s={session.name}")
    lines = [*head, *_section_lines(session)]
    for media in session.media:
        lines += [str(media), *_section_lines(media)]
    return "".join(f"{line}\r\n" for line in lines)


def quoted(text: str) -> str:
    """A peer's text for a sentence: control characters escaped, long ones cut."""
    cut = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."
    return ascii(cut)


def _octets(text: str | bytes) -> bytes:
    try:
        octets = text.encode() if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError as error:
        raise SdpError(0, f"a surrogate at character {error.start}", "text that can be written as UTF-8") from error
    if len(octets) > MAX_SDP_OCTETS:
        raise SdpError(0, f"{len(octets)} octets", f"at most {MAX_SDP_OCTETS}")
    return octets


def _rows(octets: bytes) -> Iterator[_Row]:
    """The lines that are not blank, split at LF alone: Python's splitlines knows a dozen line ends that SDP has not."""
    for number, raw in enumerate(octets.split(b"\n"), start=1):
        text = raw.rstrip(b"\r").decode("utf-8", "replace")
        if not text.strip(_BLANKS):
            continue
        if number > MAX_SDP_LINES:
            raise SdpError(number, "one more line", f"at most {MAX_SDP_LINES}")
        if "\0" in text or "\r" in text:
            raise SdpError(number, quoted(text), "a line without NUL and CR")
        if not re.match("[A-Za-z]=", text):
            raise SdpError(number, quoted(text), "'<letter>=<value>'")
        yield _Row(number, text[0], text[2:])


def _read_session(rows: Sequence[_Row], media: tuple[MediaDescription, ...]) -> SessionDescription:
    origin: Origin | None = None
    name: str | None = None
    gathered = _Gathered()
    for row in rows:
        if row.letter == "o" and origin is None:
            origin = _read_origin(row)
        elif row.letter == "s" and name is None:
            name = row.value
        else:
            gathered.take(row)
    return SessionDescription(
        origin=origin,
        name=name,
        connections=tuple(gathered.connections),
        lines=tuple(gathered.lines),
        attributes=tuple(gathered.attributes),
        media=media,
    )


def _read_media(rows: Sequence[_Row]) -> MediaDescription:
    head = rows[0]
    found = _MEDIA_LINE.fullmatch(head.value)
    formats = tuple(re.findall(r"[^ \t]+", found["formats"])) if found else ()
    if found is None or not formats:
        head.refuse("'m=<media> <port> <protocol> <format> ...'")
    port, count = int(found["port"]), int(found["count"] or 1)
    if port > 65535 or not 1 <= count <= 65535:
        head.refuse("a port of 0 to 65535 and, behind a slash, a count of 1 to 65535")
    gathered = _Gathered()
    for row in rows[1:]:
        gathered.take(row)
    return MediaDescription(
        kind=found["kind"],
        port=port,
        port_count=count,
        proto=found["proto"],
        formats=formats,
        connections=tuple(gathered.connections),
        lines=tuple(gathered.lines),
        attributes=tuple(gathered.attributes),
    )


def _read_origin(row: _Row) -> Origin:
    found = _ORIGIN_LINE.fullmatch(row.value.strip(_BLANKS))
    if found is None or max(int(found["id"]), int(found["version"])) >= 2**64:
        row.refuse("'o=<user> <id> <version> <network> <address type> <address>', both numbers of 64 bits")
    return Origin(
        int(found["id"]), int(found["version"]), found["address"], found["type"], found["net"], found["username"]
    )


def _read_connection(row: _Row) -> Connection:
    tokens = re.findall(r"[^ \t]+", row.value)
    if len(tokens) != 3:
        row.refuse("'c=<network> <address type> <address>'")
    return Connection(tokens[2], tokens[1], tokens[0])


def _section_lines(section: Section) -> list[str]:
    before = [line for line in section.lines if line.stands_before_connection]
    after = section.lines[len(before) :]
    return [str(line) for line in (*before, *section.connections, *after, *section.attributes)]
