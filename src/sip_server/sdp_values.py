"""A session description (RFC 8866) as frozen values.

The attributes, in the order they came and unknown ones included, are the only truth of a section; ``direction``,
``rtpmaps``, ``fingerprints`` and the like are views of them. A value that cannot be written as SDP cannot be made
(ValueError): no text can smuggle in a line of its own, and ``parse_sdp(print_sdp(x)) == x`` holds for each within the
limits of ``sdp_text``.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum

from domain.values import AudioFormat

STATIC_FORMATS = {
    fmt.payload_type: fmt
    for fmt in (
        AudioFormat(0, "PCMU", 8000, 1),
        AudioFormat(3, "GSM", 8000, 1),
        AudioFormat(4, "G723", 8000, 1),
        AudioFormat(5, "DVI4", 8000, 1),
        AudioFormat(6, "DVI4", 16000, 1),
        AudioFormat(7, "LPC", 8000, 1),
        AudioFormat(8, "PCMA", 8000, 1),
        AudioFormat(9, "G722", 8000, 1),  # samples at 16 kHz; the RTP clock is 8000 by an old mistake (section 4.5.2)
        AudioFormat(10, "L16", 44100, 2),
        AudioFormat(11, "L16", 44100, 1),
        AudioFormat(12, "QCELP", 8000, 1),
        AudioFormat(13, "CN", 8000, 1),
        AudioFormat(14, "MPA", 90000, None),  # the stream itself says how many channels
        AudioFormat(15, "G728", 8000, 1),
        AudioFormat(16, "DVI4", 11025, 1),
        AudioFormat(17, "DVI4", 22050, 1),
        AudioFormat(18, "G729", 8000, 1),
    )
}
"""Payload types that mean a codec without an rtpmap: RFC 3551 table 4."""

_UNPRINTABLE = re.compile(r"[\r\n\0\ud800-\udfff]")
_TOKEN = re.compile(r"[^ \t\r\n\0\ud800-\udfff]+")
_RTPMAP = re.compile(
    r"(?P<payload_type>[0-9]{1,3})[ \t]+(?P<codec>[!#$%&'*+.^_`{|}~0-9A-Za-z-]{1,64})"
    r"(?:/(?P<rate>[0-9]{1,9}))?(?:/(?P<channels>[0-9]{1,3}))?[ \t]*"
)
_RANKS = {"i": 0, "u": 1, "e": 2, "p": 3, "c": 4, "b": 5, "t": 6, "r": 6, "z": 6, "k": 7}
_RANK_OF_UNKNOWN = 8
_LETTERS_WITH_A_FIELD = "voscam"
_MAX_UINT64 = 2**64 - 1


class Direction(StrEnum):
    """Which way media flows, seen from the one who wrote the description (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @staticmethod
    def of(*, sends: bool, receives: bool) -> Direction:
        """The direction of one who sends, receives, both or neither."""
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE

    @property
    def sends(self) -> bool:
        """The writer sends media."""
        return self in {Direction.SENDRECV, Direction.SENDONLY}

    @property
    def receives(self) -> bool:
        """The writer wants media."""
        return self in {Direction.SENDRECV, Direction.RECVONLY}


_DIRECTIONS = frozenset(direction.value for direction in Direction)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An ``a=`` line; ``value`` is None for a flag (``a=rtcp-mux``) and empty for ``a=name:``."""

    name: str
    value: str | None = None

    def __post_init__(self) -> None:
        _require_text(self.name, self.value or "")
        if ":" in self.name:
            raise ValueError(f"attribute name {self.name!r} holds a colon; what follows it belongs in value")

    def __str__(self) -> str:
        return f"a={self.name}" if self.value is None else f"a={self.name}:{self.value}"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that has no field of its own: ``i= u= e= p= b= t= r= z= k=`` or one with an unknown letter."""

    letter: str
    value: str

    def __post_init__(self) -> None:
        _require_text(self.value)
        if not re.fullmatch("[A-Za-z]", self.letter) or self.letter in _LETTERS_WITH_A_FIELD:
            raise ValueError(f"line type {self.letter!r} is no ASCII letter, or one that has a field of its own")

    def __str__(self) -> str:
        return f"{self.letter}={self.value}"

    @property
    def rank(self) -> int:
        """Where the line stands in its section, by RFC 8866 section 5; unknown letters come last."""
        return _RANKS.get(self.letter, _RANK_OF_UNKNOWN)

    @property
    def stands_before_connection(self) -> bool:
        """Whether the line goes before ``c=``; the others go between it and the attributes."""
        return self.rank < _RANKS["c"]


@dataclass(frozen=True, slots=True)
class Connection:
    """A ``c=`` line. ``address`` is as written, with TTL and count where it is multicast."""

    address: str
    address_type: str = "IP4"
    network_type: str = "IN"

    def __post_init__(self) -> None:
        _require_tokens(self.network_type, self.address_type, self.address)

    def __str__(self) -> str:
        return f"c={self.network_type} {self.address_type} {self.address}"

    @staticmethod
    def to(ip: str) -> Connection:
        """The connection line of a numeric address without brackets; an IPv6 zone is left out, since SDP has none."""
        address = ipaddress.ip_address(ip)
        return Connection(str(address).partition("%")[0], f"IP{address.version}")


@dataclass(frozen=True, slots=True)
class Origin:
    """An ``o=`` line; id and version fill 64 bits in browsers."""

    session_id: int
    session_version: int
    address: str
    address_type: str = "IP4"
    network_type: str = "IN"
    username: str = "-"

    def __post_init__(self) -> None:
        _require_tokens(self.username, self.network_type, self.address_type, self.address)
        if not (0 <= self.session_id <= _MAX_UINT64 and 0 <= self.session_version <= _MAX_UINT64):
            raise ValueError("session id and version are numbers of 64 bits")

    def __str__(self) -> str:
        where = f"{self.network_type} {self.address_type} {self.address}"
        return f"o={self.username} {self.session_id} {self.session_version} {where}"

    @staticmethod
    def at(ip: str, session_id: int, session_version: int) -> Origin:
        """The origin of a session of this host; ``ip`` as for ``Connection.to``."""
        connection = Connection.to(ip)
        return Origin(session_id, session_version, connection.address, connection.address_type)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hash of a DTLS certificate (RFC 8122): function in lower case, value as written."""

    hash_function: str
    value: str


@dataclass(frozen=True, slots=True)
class FormatParameters:
    """An ``a=fmtp`` line: the format as in the ``m=`` line, the parameters unread."""

    media_format: str
    parameters: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What the session level and each media level share. ``lines`` are in the RFC's order, whatever they came in."""

    connections: tuple[Connection, ...] = ()
    lines: tuple[Line, ...] = ()
    attributes: tuple[Attribute, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(sorted(self.lines, key=lambda line: line.rank)))

    @property
    def connection(self) -> Connection | None:
        """The first ``c=`` line."""
        return self.connections[0] if self.connections else None

    def has(self, name: str) -> bool:
        """Whether an attribute of this name is there, with or without a value."""
        return any(attribute.name == name for attribute in self.attributes)

    def values(self, name: str) -> tuple[str, ...]:
        """The stripped values of all attributes of this name that have one, in order."""
        return tuple(a.value.strip(" \t") for a in self.attributes if a.name == name and a.value is not None)

    def value(self, name: str) -> str | None:
        """The stripped value of the first attribute of this name that has one."""
        return next(iter(self.values(name)), None)

    @property
    def direction(self) -> Direction | None:
        """The first direction written in this section; see ``SessionDescription.direction_of`` for what holds."""
        flags = (attribute.name for attribute in self.attributes if attribute.value is None)
        return next((Direction(name) for name in flags if name in _DIRECTIONS), None)

    @property
    def ice_ufrag(self) -> str | None:
        """The ICE user fragment (RFC 8839 section 5.4)."""
        return self.value("ice-ufrag")

    @property
    def ice_pwd(self) -> str | None:
        """The ICE password, a secret: not for logs."""
        return self.value("ice-pwd")

    @property
    def ice_options(self) -> tuple[str, ...]:
        """The ICE options (RFC 8839 section 5.6)."""
        return tuple(_TOKEN.findall(" ".join(self.values("ice-options"))))

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The fingerprints of the certificates that the peer may use."""
        pairs = (value.split(maxsplit=1) for value in self.values("fingerprint"))
        return tuple(Fingerprint(pair[0].lower(), pair[1]) for pair in pairs if len(pair) == 2)

    @property
    def setup(self) -> str | None:
        """The DTLS role: active, passive, actpass or holdconn (RFC 4145 section 4)."""
        return self.value("setup")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDescription(Section):
    """An ``m=`` line and what follows it. Port 0 refuses the medium, in offers and answers."""

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    port_count: int = 1

    def __post_init__(self) -> None:
        Section.__post_init__(self)  # zero-argument super() does not find its class behind slots=True
        _require_tokens(self.kind, self.proto, *self.formats)
        if not self.formats:
            raise ValueError("an m= line has at least one format")
        if not (0 <= self.port <= 65535 and 1 <= self.port_count <= 65535):
            raise ValueError(f"port {self.port}/{self.port_count} is out of range")

    def __str__(self) -> str:
        ports = str(self.port) if self.port_count == 1 else f"{self.port}/{self.port_count}"
        return f"m={self.kind} {ports} {self.proto} {' '.join(self.formats)}"

    @property
    def rtpmaps(self) -> tuple[AudioFormat, ...]:
        """Every readable ``a=rtpmap`` line, in order."""
        maps = (read_rtpmap(value) for value in self.values("rtpmap"))
        return tuple(fmt for fmt in maps if fmt is not None)

    @property
    def fmtps(self) -> tuple[FormatParameters, ...]:
        """Every ``a=fmtp`` line that has parameters, in order."""
        pairs = (value.split(maxsplit=1) for value in self.values("fmtp"))
        return tuple(FormatParameters(pair[0], pair[1]) for pair in pairs if len(pair) == 2)

    @property
    def audio_formats(self) -> tuple[AudioFormat, ...]:
        """The formats of the ``m=`` line, each once, whose codec is known by rtpmap or by RFC 3551."""
        named = {fmt.payload_type: fmt for fmt in reversed(self.rtpmaps)}
        known = {str(fmt.payload_type): fmt for fmt in (STATIC_FORMATS | named).values()}
        return tuple(known[token] for token in dict.fromkeys(self.formats) if token in known)

    @property
    def mid(self) -> str | None:
        """The medium's name in groups (RFC 5888)."""
        return self.value("mid")

    @property
    def candidates(self) -> tuple[str, ...]:
        """The ICE candidates, unread (RFC 8839 section 5.1)."""
        return self.values("candidate")

    @property
    def has_rtcp_mux(self) -> bool:
        """RTCP may share the port of RTP (RFC 5761)."""
        return self.has("rtcp-mux")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDescription(Section):
    """A whole description. ``origin`` and ``name`` are None where a device left ``o=`` or ``s=`` out."""

    origin: Origin | None = None
    name: str | None = "-"
    media: tuple[MediaDescription, ...] = ()

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        _require_text(self.name or "")

    @property
    def sections(self) -> tuple[Section, ...]:
        """The session level, then the media levels."""
        return (self, *self.media)

    def direction_of(self, media: MediaDescription) -> Direction:
        """What holds for a medium: its own direction, else the session's, else sendrecv."""
        return media.direction or self.direction or Direction.SENDRECV

    def connection_of(self, media: MediaDescription) -> Connection | None:
        """What holds for a medium: its own ``c=`` line, else the session's."""
        return media.connection or self.connection

    def first_value(self, name: str) -> str | None:
        """The attribute's value at the session level, else at the first media level that has it."""
        return next((value for section in self.sections if (value := section.value(name)) is not None), None)


def read_rtpmap(value: str) -> AudioFormat | None:
    """What ``a=rtpmap:`` says, None if it cannot be read.

    A clock rate of 0 or left out and channels of 0 become None, as devices write what they leave open; channels left
    out are 1 (RFC 8866 section 6.6).
    """
    found = _RTPMAP.fullmatch(value)
    if found is None or int(found["payload_type"]) > 127:
        return None
    rate, channels = int(found["rate"] or 0), int(found["channels"] or 1)
    return AudioFormat(int(found["payload_type"]), found["codec"], rate or None, channels or None)


def _require_text(*texts: str) -> None:
    for text in texts:
        if _UNPRINTABLE.search(text):
            raise ValueError(f"{text!r} holds a line end, NUL or surrogate, which SDP cannot carry")


def _require_tokens(*texts: str) -> None:
    for text in texts:
        if not _TOKEN.fullmatch(text):
            raise ValueError(f"{text!r} is no SDP token: empty, or with white space or control characters")
