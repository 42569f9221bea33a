"""What the REST answers look like. Nothing here is a secret; fields that are not named do not leave the daemon."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class FormatAnswer(BaseModel):
    """An audio format that a device offers."""

    payload_type: int
    codec: str
    clock_rate_hz: int | None
    channels: int | None


class DeviceAnswer(BaseModel):
    """A device as `screamrouter-sip devices` shows it; ``availability`` is that of its address in
    `/api/presence` while the device itself is there.
    """

    uuid: str
    name: str
    role: str
    enabled: bool
    pending: bool
    online: bool
    protocol_type: str
    sip_contact_uri: str | None
    ip: str | None
    port: int | None
    last_seen: datetime | None
    rtt_ms: float | None
    formats: list[FormatAnswer]
    rtp_port: int | None
    supported_protocols: list[str]
    user_agent: str | None
    mac: str | None
    availability: str | None = None


class StatusAnswer(BaseModel):
    """The daemon itself. ``calls_served``: whether SIP over WebSocket is; ``statistics``: the core's counters."""

    name: str
    domain: str
    version: str
    started: datetime
    sip_port: int | None
    statistics: dict[str, int]


class CallAnswer(BaseModel):
    """A call that is up; ``domain.call_reports.CallReport``."""

    call_id: str
    caller: str
    target: str
    state: str
    began: datetime | None
    codec: str | None
    octets_received: int
    octets_sent: int
    packets_lost: int
    jitter_ms: float | None
    rtt_ms: float | None
    level_received_dbov: float | None
    kind: str | None
    remote: str | None
    is_forwarded: bool
    packets_discarded: int
    buffer_ms: float | None
    digits: str
