"""What a session description says of the device that sent it, and the door to reading and printing such texts.

All functions are pure: no clock, log or socket.
"""

from __future__ import annotations

import re

from domain.values import AudioFormat, Capabilities, ProtocolType, Role
from sip_server.sdp_text import SdpError, parse_sdp, print_sdp, quoted
from sip_server.sdp_values import Direction, MediaDescription, SessionDescription, read_rtpmap

__all__ = ["SdpError", "find_screamrouter_uuid", "parse_sdp", "print_sdp", "read_capabilities"]

SDP_CONTENT_TYPE = "application/sdp"
MAX_FORMATS = 32
"""What one device may bring into config.yaml; a browser offers 8 audio formats."""
MAX_PROTOCOLS = 8
"""Likewise; four are known."""

_ROLE = "x-screamrouter-role"
_UUID = "x-screamrouter-uuid"
_PROTOCOLS = "x-screamrouter-supported-protocols"
_OWN_ATTRIBUTES = "x-screamrouter-"
_PLAIN_RTP = frozenset({"RTP/AVP", "RTP/AVPF", "RTP/SAVP"})
_UUID_TEXT = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_NIL_UUID = "00000000-0000-0000-0000-000000000000"
_PROTOCOL_TEXT = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_MOST_PROBLEMS = 3


def find_screamrouter_uuid(session: SessionDescription) -> str | None:
    """The device's UUID of ``a=x-screamrouter-uuid`` in lower case; None if it is absent, malformed or nil."""
    found = _UUID_TEXT.fullmatch((session.first_value(_UUID) or "").lower())
    return None if found is None or found[1] == _NIL_UUID else found[1]


def read_capabilities(content_type: str | None, body: bytes, user_agent: str | None = None) -> Capabilities:
    """What a REGISTER body says of its device. Never raises: what cannot be read is told in ``problem``.

    An empty body is no problem and says nothing. A body without Content-Type is taken for SDP, the only thing that
    devices send here.

    Role: ``a=x-screamrouter-role`` (session first) if it names source or sink. Else what the audio lines do, or the
    application lines where there is no audio: only sending is a source, only receiving a sink. Both is a phone if there
    is a plain RTP audio line and no ``x-screamrouter-`` attribute at all, since such a device would have told its role.

    Protocol: data channels over DTLS and SAVPF media are webrtc, whatever else is said. Then the protocols the device
    lists, if rtp is not among them: webrtc, scream. Then rtp if plain RTP audio comes from a source, a sink or anyone
    with an ``x-screamrouter-`` attribute, else sip.

    ``rtp_port`` is that of the first plain RTP audio line that has one: the port of a WebRTC line takes no plain RTP.
    """
    if not body.strip():
        return Capabilities(user_agent=user_agent)
    media_type = (content_type or SDP_CONTENT_TYPE).partition(";")[0].strip().lower()
    if media_type != SDP_CONTENT_TYPE:
        problem = f"unsupported Content-Type {quoted(media_type)}, expected {SDP_CONTENT_TYPE}"
        return Capabilities(user_agent=user_agent, problem=problem)
    try:
        session = parse_sdp(body)
    except SdpError as error:
        return Capabilities(user_agent=user_agent, problem=str(error))
    return _describe(session, user_agent)


def _describe(session: SessionDescription, user_agent: str | None) -> Capabilities:
    problems = [*_uuid_problems(session)]
    role = _read_role(session, problems)
    protocols = _read_protocols(session, problems)
    return Capabilities(
        role=role,
        protocol_type=_protocol_type(session, role, protocols),
        formats=_read_formats(session, problems),
        rtp_port=next((media.port for media in session.media if _is_plain_rtp(media) and media.port), None),
        supported_protocols=protocols,
        user_agent=user_agent,
        problem=_sentence(problems),
    )


def _uuid_problems(session: SessionDescription) -> list[str]:
    value = session.first_value(_UUID)
    if value is None or find_screamrouter_uuid(session) is not None:
        return []
    return [f"a={_UUID} is {quoted(value)}, expected a UUID that is not nil"]


def _read_role(session: SessionDescription, problems: list[str]) -> Role:
    told = session.first_value(_ROLE)
    if told is not None:
        if told.lower() in {Role.SOURCE, Role.SINK}:
            return Role(told.lower())
        problems.append(f"a={_ROLE} is {quoted(told)}, expected source or sink")
    audio = _media_of_kind(session, "audio")
    directions = [session.direction_of(media) for media in audio or _media_of_kind(session, "application")]
    sends, receives = any(d.sends for d in directions), any(d.receives for d in directions)
    match Direction.of(sends=sends, receives=receives):
        case Direction.SENDONLY:
            return Role.SOURCE
        case Direction.RECVONLY:
            return Role.SINK
        case Direction.SENDRECV if any(map(_is_plain_rtp, audio)) and not _speaks_screamrouter(session):
            return Role.PHONE
        case _:
            return Role.UNKNOWN


def _read_protocols(session: SessionDescription, problems: list[str]) -> tuple[str, ...]:
    names = [name.strip().lower() for name in (session.first_value(_PROTOCOLS) or "").split(",")]
    wanted = tuple(dict.fromkeys(name for name in names if name))
    readable = tuple(name for name in wanted if _PROTOCOL_TEXT.fullmatch(name))
    odd = next((name for name in wanted if not _PROTOCOL_TEXT.fullmatch(name)), None)
    if odd is not None:
        problems.append(f"a={_PROTOCOLS} lists {quoted(odd)}, expected names of letters and digits")
    if len(readable) > MAX_PROTOCOLS:
        problems.append(f"a={_PROTOCOLS} lists {len(readable)} names, of which {MAX_PROTOCOLS} are kept")
    return readable[:MAX_PROTOCOLS]


def _read_formats(session: SessionDescription, problems: list[str]) -> tuple[AudioFormat, ...]:
    found: dict[AudioFormat, None] = {}
    for media in _media_of_kind(session, "audio"):
        formats = media.audio_formats
        found |= dict.fromkeys(formats)
        bad_maps = [value for value in media.values("rtpmap") if read_rtpmap(value) is None]
        problems += [
            f"a=rtpmap:{quoted(value)} cannot be read, expected <payload type> <codec>/<clock rate>"
            for value in bad_maps
        ]
        known = {str(fmt.payload_type) for fmt in formats}
        unknown = [token for token in media.formats if token not in known]
        if unknown and not bad_maps:
            problems.append(f"m=audio has format {quoted(unknown[0])}, expected an a=rtpmap line that names it")
    if len(found) > MAX_FORMATS:
        problems.append(f"the m=audio lines have {len(found)} formats, of which {MAX_FORMATS} are kept")
    return tuple(found)[:MAX_FORMATS]


def _protocol_type(session: SessionDescription, role: Role, protocols: tuple[str, ...]) -> ProtocolType:
    if any(map(_is_webrtc, session.media)):
        return ProtocolType.WEBRTC
    for listed in (ProtocolType.WEBRTC, ProtocolType.SCREAM):
        if listed in protocols and ProtocolType.RTP not in protocols:
            return listed
    if any(map(_is_plain_rtp, session.media)) and (_speaks_screamrouter(session) or role in {Role.SOURCE, Role.SINK}):
        return ProtocolType.RTP
    return ProtocolType.SIP


def _media_of_kind(session: SessionDescription, kind: str) -> tuple[MediaDescription, ...]:
    return tuple(media for media in session.media if media.kind.lower() == kind)


def _is_plain_rtp(media: MediaDescription) -> bool:
    return media.kind.lower() == "audio" and media.proto.upper() in _PLAIN_RTP


def _is_webrtc(media: MediaDescription) -> bool:
    """Data channels in the old form and in that of RFC 8841, or media with feedback over SRTP."""
    proto = media.proto.upper()
    has_data_channel = media.kind.lower() == "application" and proto.endswith("DTLS/SCTP")
    return has_data_channel or proto.endswith("SAVPF")


def _speaks_screamrouter(session: SessionDescription) -> bool:
    return any(a.name.startswith(_OWN_ATTRIBUTES) for section in session.sections for a in section.attributes)


def _sentence(problems: list[str]) -> str | None:
    if not problems:
        return None
    more = len(problems) - _MOST_PROBLEMS
    return "; ".join(problems[:_MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
