"""Answers to offers of plain RTP audio (RFC 3264 section 6). Pure: the same arguments give the same answer.

Answers with ICE and DTLS are the core's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.values import AudioFormat
from sip_server.sdp_values import Attribute, Connection, Direction, Line, MediaDescription, Origin, SessionDescription

CodecPredicate = Callable[[AudioFormat], bool]
"""Whether an offered format is to be accepted."""

AUXILIARY_CODECS = frozenset({"telephone-event", "cn", "red"})
"""Formats that go beside a codec and carry no speech alone; in lower case."""

_HOLD_ADDRESSES = frozenset({"0.0.0.0", "::"})


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec to accept; the name in any case, None matches every rate or number of channels."""

    name: str
    clock_rate_hz: int | None = None
    channels: int | None = None

    def matches(self, offered: AudioFormat) -> bool:
        """Whether an offered format is this codec; what the offer left open matches only None."""
        return (
            self.name.lower() == offered.codec.lower()
            and self.clock_rate_hz in {None, offered.clock_rate_hz}
            and self.channels in {None, offered.channels}
        )


def accept_codecs(*codecs: Codec) -> CodecPredicate:
    """The predicate for ``answer_sdp`` that accepts what is one of these."""
    return lambda offered: any(codec.matches(offered) for codec in codecs)


def answer_sdp(
    offer: SessionDescription,
    *,
    origin: Origin,
    port_for: Callable[[int], int],
    accepts: CodecPredicate,
    direction: Direction = Direction.SENDRECV,
) -> SessionDescription:
    """The answer to ``offer``: its ``m=`` lines in its order, and its payload types with their numbers in its order.

    ``origin`` says this side's address, for media too; make it with ``Origin.at``, with a higher version for each new
    answer of a session. ``port_for(index)`` is asked once for every audio line over RTP/AVP that the offer has not
    closed and in which ``accepts`` takes a codec; 0 from it refuses that line. All other lines are refused with port 0;
    if all are, the INVITE is to be answered with 488. ``direction`` is what this side wants; each line gets what the
    offer leaves of it, and no direction stands at the session level.
    """
    media = []
    for index, offered in enumerate(offer.media):
        formats = _accepted_formats(offered, accepts)
        port = port_for(index) if formats else 0
        answered = answer_direction(_offered_direction(offer, offered), direction)
        media.append(_accept(offered, formats, port, answered) if port else _refuse(offered))
    times = tuple(line for line in offer.lines if line.letter == "t")
    return SessionDescription(
        origin=origin,
        connections=(Connection(origin.address, origin.address_type, origin.network_type),),
        lines=times or (Line("t", "0 0"),),  # section 6: the answer's t= lines are those of the offer
        media=tuple(media),
    )


def answer_direction(offered: Direction, wanted: Direction) -> Direction:
    """What an answerer who wants ``wanted`` may say to ``offered`` (RFC 3264 section 6.1)."""
    return Direction.of(sends=wanted.sends and offered.receives, receives=wanted.receives and offered.sends)


def _offered_direction(offer: SessionDescription, offered: MediaDescription) -> Direction:
    """The direction of one line; a null address is the older way to ask that nothing be sent (section 8.4)."""
    direction = offer.direction_of(offered)
    connection = offer.connection_of(offered)
    if connection is not None and connection.address in _HOLD_ADDRESSES:
        return Direction.of(sends=direction.sends, receives=False)
    return direction


def _accepted_formats(offered: MediaDescription, accepts: CodecPredicate) -> tuple[AudioFormat, ...]:
    """Empty unless a codec that carries speech is among them."""
    if offered.kind.lower() != "audio" or offered.proto.upper() != "RTP/AVP" or offered.port == 0:
        return ()
    formats = tuple(fmt for fmt in offered.audio_formats if accepts(fmt))
    carries_speech = any(fmt.codec.lower() not in AUXILIARY_CODECS for fmt in formats)
    return formats if carries_speech else ()


def _accept(
    offered: MediaDescription, formats: tuple[AudioFormat, ...], port: int, direction: Direction
) -> MediaDescription:
    """The accepted line. Format parameters and packet time are the offer's: this side sends as it would receive."""
    attributes = [Attribute("mid", offered.mid)] if offered.mid is not None else []
    for fmt in formats:
        attributes += _format_attributes(offered, fmt)
    attributes += [Attribute("ptime", value) for value in offered.values("ptime")[:1]]
    return MediaDescription(
        kind=offered.kind,
        port=port,
        proto=offered.proto,
        formats=tuple(str(fmt.payload_type) for fmt in formats),
        attributes=(*attributes, Attribute(direction.value)),
    )


def _format_attributes(offered: MediaDescription, fmt: AudioFormat) -> list[Attribute]:
    """The rtpmap of an accepted format, written even where the payload type is static, and its fmtp lines."""
    channels = f"/{fmt.channels}" if fmt.channels is not None and fmt.channels > 1 else ""
    parameters = [p.parameters for p in offered.fmtps if p.media_format == str(fmt.payload_type)]
    return [
        Attribute("rtpmap", f"{fmt.payload_type} {fmt.codec}/{fmt.clock_rate_hz or 0}{channels}"),
        *(Attribute("fmtp", f"{fmt.payload_type} {value}") for value in parameters),
    ]


def _refuse(offered: MediaDescription) -> MediaDescription:
    """The line with port 0; its formats stay, since there must be one."""
    mid = (Attribute("mid", offered.mid),) if offered.mid is not None else ()
    return MediaDescription(kind=offered.kind, port=0, proto=offered.proto, formats=offered.formats, attributes=mid)
