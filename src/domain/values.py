"""What a device is, what it can do and how it is reached: frozen values without behaviour of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a device is in the audio graph; the owner's word in config.yaml wins over the device's."""

    SOURCE = "source"
    SINK = "sink"
    PHONE = "phone"
    UNKNOWN = "unknown"


class ProtocolType(StrEnum):
    """How audio reaches a device."""

    SIP = "sip"
    RTP = "rtp"
    WEBRTC = "webrtc"
    SCREAM = "scream"


class Transport(StrEnum):
    """The transport of a flow, spelt as in a SIP URI's ``transport`` parameter."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    WS = "ws"
    WSS = "wss"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One payload type of a media description; ``clock_rate_hz`` is None where the device left it open (rate 0)."""

    payload_type: int
    codec: str
    clock_rate_hz: int | None
    channels: int | None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a REGISTER and its body say of a device. ``problem`` reports a body that could not be read, else None."""

    role: Role = Role.UNKNOWN
    protocol_type: ProtocolType = ProtocolType.SIP
    formats: tuple[AudioFormat, ...] = ()
    rtp_port: int | None = None
    supported_protocols: tuple[str, ...] = ()
    user_agent: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address (no brackets) and a port."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class Flow:
    """The source address, or the connection, that a binding came on (RFC 5626 section 3.1)."""

    transport: Transport
    remote: Endpoint


@dataclass(frozen=True, slots=True)
class Binding:
    """AoR -> Contact for a time (RFC 3261 section 10.3), as it stood when the core reported it.

    ``device_id`` is the key of the device in config.yaml: its UUID in lower case, else the AoR.
    ``target`` is where requests for the device go. Times are wall clock, UTC.
    """

    binding_id: int
    aor: str
    device_id: str
    contact_uri: str
    call_id: str
    cseq: int
    flow: Flow
    target: Endpoint
    expires_at: datetime
    last_heard: datetime
    is_reachable: bool
    rtt_ms: float | None = None
    instance: str | None = None
    reg_id: int | None = None
    q: float | None = None
    path: tuple[str, ...] = ()
    user_agent: str | None = None
    content_type: str | None = None
    body: bytes = b""
