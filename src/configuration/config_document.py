"""The schema of config.yaml: one frozen document.

Descriptions say what is allowed; messages and the reference use them. Values are typed strictly (``"60"`` is no
number): YAML has types, and a guess that is wrong is worse than a question.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from configuration.config_access import (
    ALLOWED_NETWORK,
    AdmissionSection,
    AuthenticationSection,
    LimitsSection,
    Networks,
)
from configuration.config_http import HttpSection
from configuration.config_media import MediaSection
from configuration.config_presence import Addresses, PresenceSection
from configuration.config_section import IpText, Section, absolute_path, as_list, no_repeats, refuse_key
from domain.values import ProtocolType, Role

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LONGEST_REALM = 64
"""What the core takes; the domain is the realm, too."""
_DOMAIN = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")


def is_uuid(text: str) -> bool:
    """True for the 36-character spelling of a UUID, in either case."""
    return _UUID.fullmatch(text) is not None


def fold_device_id(text: str) -> str:
    """A device's key as the daemon compares it: a UUID in lower case, anything else as it is."""
    return text.lower() if is_uuid(text) else text


def _host_or_domain(text: str) -> str:
    if len(text) > _LONGEST_REALM:
        raise PydanticCustomError("domain", "is too long for a realm of passwords")
    if _DOMAIN.fullmatch(text) is None:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise PydanticCustomError("domain", "is no domain name") from None
    return text


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _empty_is_none(value: Any) -> Any:
    return {} if value is None else value


def _empty_entries(value: Any) -> Any:
    if value is None:
        return {}
    if isinstance(value, dict):
        return {key: {} if entry is None else entry for key, entry in value.items()}
    return value


def _empty_is_list(value: Any) -> Any:
    return [] if value is None else value


StrictFloat = Annotated[float, Strict(), Field(allow_inf_nan=False)]


class ServerSection(Section):
    """Who we are."""

    name: Annotated[
        StrictStr,
        Field(min_length=1, max_length=63, description="text, 1 to 63 characters"),
    ] = "ScreamRouter"
    domain: Annotated[
        StrictStr,
        AfterValidator(_host_or_domain),
        Field(description="a domain name such as screamrouter.local, or an IP address, at most 64 characters"),
    ] = "screamrouter.local"
    state_dir: Annotated[
        StrictStr | None,
        AfterValidator(absolute_path),
        Field(description="an absolute path, or one that begins with ~; empty: chosen by the system"),
    ] = None

    def state_path(self, environment: Mapping[str, str] = os.environ) -> Path:
        """Where the daemon keeps its own state: as configured, else systemd's StateDirectory, else the user's."""
        if self.state_dir is not None:
            return Path(self.state_dir).expanduser()
        if given := environment.get("STATE_DIRECTORY"):
            return Path(given.split(":")[0])
        home = environment.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(home).expanduser() / "screamrouter-sip"


class UdpSection(Section):
    """The UDP sockets."""

    address: Annotated[
        tuple[IpText, ...],
        BeforeValidator(as_list, json_schema_input_type=IpText | tuple[IpText, ...]),
        AfterValidator(no_repeats),
        Field(min_length=1, max_length=64, description="a numeric IP address or a list of them, each once"),
    ] = ("0.0.0.0", "::")
    port: Annotated[StrictInt, Field(ge=0, le=65535, description="a whole number, 0 to 65535; 0 takes a free one")] = (
        5060
    )


_StreamAddresses = Annotated[
    tuple[IpText, ...],
    BeforeValidator(as_list, json_schema_input_type=IpText | tuple[IpText, ...]),
    AfterValidator(no_repeats),
    Field(max_length=64, description="a numeric IP address or a list of them, each once; empty: those of sip.udp"),
]


class TcpSection(Section):
    """The TCP sockets."""

    enabled: Annotated[StrictBool, Field(description="true or false")] = True
    address: _StreamAddresses = ()
    port: Annotated[
        StrictInt | None,
        Field(ge=0, le=65535, description="a whole number, 0 to 65535; 0 takes a free one; empty: that of sip.udp"),
    ] = None


class TlsSection(Section):
    """The TLS sockets."""

    enabled: Annotated[StrictBool, Field(description="true or false")] = True
    address: _StreamAddresses = ()
    port: Annotated[StrictInt, Field(ge=0, le=65535, description="a whole number, 0 to 65535; 0 takes a free one")] = (
        5061
    )


class SipSection(Section):
    """Where SIP is spoken."""

    udp: Annotated[UdpSection, BeforeValidator(_empty_is_none, json_schema_input_type=UdpSection | None)] = UdpSection()
    tcp: Annotated[TcpSection, BeforeValidator(_empty_is_none, json_schema_input_type=TcpSection | None)] = TcpSection()
    tls: Annotated[TlsSection, BeforeValidator(_empty_is_none, json_schema_input_type=TlsSection | None)] = TlsSection()


class RegistrarSection(Section):
    """How long registrations last, and how many contacts an address may have (RFC 3261 section 10)."""

    min_expires_s: Annotated[StrictInt, Field(ge=1, le=604_800, description="whole seconds, 1 to 604800")] = 60
    default_expires_s: Annotated[StrictInt, Field(ge=1, le=604_800, description="whole seconds, 1 to 604800")] = 3600
    max_expires_s: Annotated[StrictInt, Field(ge=1, le=604_800, description="whole seconds, 1 to 604800")] = 7200
    below_min: Annotated[Literal["raise", "reject"], Field(description="raise or reject")] = "raise"
    max_contacts: Annotated[StrictInt, Field(ge=1, le=32, description="a whole number, 1 to 32")] = 10
    save_interval_s: Annotated[StrictFloat, Field(ge=0.05, le=60, description="seconds, 0.05 to 60")] = 0.5

    @model_validator(mode="after")
    def _in_order(self) -> RegistrarSection:
        if self.min_expires_s > self.max_expires_s:
            refuse_key("max_expires_s", f"is less than min_expires_s ({self.min_expires_s})", "min_expires_s")
        if not self.min_expires_s <= self.default_expires_s <= self.max_expires_s:
            refuse_key(
                "default_expires_s",
                f"is not between min_expires_s ({self.min_expires_s}) and max_expires_s ({self.max_expires_s})",
                "min_expires_s",
                "max_expires_s",
            )
        return self


class LivenessSection(Section):
    """When a silent device counts as offline."""

    ping_interval_s: Annotated[StrictFloat, Field(ge=0.05, le=3600, description="seconds, 0.05 to 3600")] = 10.0
    timeout_s: Annotated[
        StrictFloat, Field(ge=0.05, le=86_400, description="seconds, 0.05 to 86400, more than ping_interval_s")
    ] = 30.0

    @model_validator(mode="after")
    def _in_order(self) -> LivenessSection:
        if self.timeout_s <= self.ping_interval_s:
            refuse_key("timeout_s", f"is not more than ping_interval_s ({self.ping_interval_s:g})", "ping_interval_s")
        return self


class DiscoverySection(Section):
    """The announcement by mDNS."""

    enabled: Annotated[StrictBool, Field(description="true or false")] = True
    interfaces: Annotated[
        tuple[Annotated[StrictStr, Field(min_length=1, max_length=64)], ...],
        AfterValidator(no_repeats),
        Field(description="a list of interface names or own IP addresses, each once; empty: all"),
    ] = ()


class LogSection(Section):
    """What is logged."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="debug, info, warning or error")
    ] = "info"


class FormatEntry(Section):
    """One audio format a device offers; what the device left open is null."""

    payload_type: Annotated[StrictInt, Field(ge=0, le=255, description="a whole number, 0 to 127")]
    codec: Annotated[StrictStr, Field(max_length=64, description="a codec's name, such as L16")]
    rate: Annotated[StrictInt | None, Field(ge=0, description="samples per second, or null")] = None
    channels: Annotated[StrictInt | None, Field(ge=0, description="a whole number, or null")] = None


class DeviceEntry(Section):
    """One device: the first six are the owner's, the rest is written by the daemon."""

    name: Annotated[StrictStr | None, Field(max_length=128, description="text, at most 128 characters")] = None
    role: Annotated[Role | None, Field(description="source, sink, phone or unknown")] = None
    enabled: Annotated[StrictBool, Field(description="true or false; false refuses the device")] = True
    networks: Annotated[
        Networks | None,
        Field(
            min_length=1, max_length=64, description=f"where it may register from, else from nowhere: {ALLOWED_NETWORK}"
        ),
    ] = None
    do_not_disturb: Annotated[StrictBool, Field(description="true or false; true: it wants no calls")] = False
    watchers: Annotated[
        Addresses | None,
        Field(max_length=1000, description="who may watch it, a list of addresses; else as presence.watchers says"),
    ] = None
    pending: Annotated[StrictBool, Field(description="true or false; true: it waits for you to let it in")] = False
    uuid: Annotated[StrictStr | None, Field(max_length=64, description="a UUID")] = None
    protocol_type: Annotated[ProtocolType | None, Field(description="sip, rtp, webrtc or scream")] = None
    sip_contact_uri: Annotated[StrictStr | None, Field(description="a SIP URI")] = None
    ip: Annotated[StrictStr | None, Field(description="an IP address")] = None
    port: Annotated[StrictInt | None, Field(ge=0, le=65535, description="a whole number, 0 to 65535")] = None
    online: Annotated[StrictBool, Field(description="true or false")] = False
    last_seen: Annotated[
        datetime | None, AfterValidator(_utc), Field(description="a UTC time such as 2025-01-31T12:00:00Z")
    ] = None
    formats: Annotated[tuple[FormatEntry, ...], Field(description="a list of audio formats")] = ()
    rtp_port: Annotated[StrictInt | None, Field(ge=0, le=65535, description="a whole number, 0 to 65535")] = None
    supported_protocols: Annotated[tuple[StrictStr, ...], Field(description="a list of protocol names")] = ()
    user_agent: Annotated[StrictStr | None, Field(description="text")] = None
    mac: Annotated[StrictStr | None, Field(max_length=17, description="a hardware address")] = None


class RouteEntry(Section):
    """Audio that goes from one device to another."""

    source: Annotated[StrictStr, Field(min_length=1, description="a device's key under devices")]
    sink: Annotated[StrictStr, Field(min_length=1, description="a device's key under devices")]
    volume: Annotated[StrictFloat, Field(ge=0, le=4, description="a factor, 0 to 4; 1 leaves the level as it is")] = 1.0


class ConfigDocument(Section):
    """config.yaml as a whole. A section that is absent or empty has its defaults."""

    server: Annotated[ServerSection, BeforeValidator(_empty_is_none, json_schema_input_type=ServerSection | None)] = (
        ServerSection()
    )
    sip: Annotated[SipSection, BeforeValidator(_empty_is_none, json_schema_input_type=SipSection | None)] = SipSection()
    registrar: Annotated[
        RegistrarSection, BeforeValidator(_empty_is_none, json_schema_input_type=RegistrarSection | None)
    ] = RegistrarSection()
    liveness: Annotated[
        LivenessSection, BeforeValidator(_empty_is_none, json_schema_input_type=LivenessSection | None)
    ] = LivenessSection()
    admission: Annotated[
        AdmissionSection, BeforeValidator(_empty_is_none, json_schema_input_type=AdmissionSection | None)
    ] = AdmissionSection()
    authentication: Annotated[
        AuthenticationSection, BeforeValidator(_empty_is_none, json_schema_input_type=AuthenticationSection | None)
    ] = AuthenticationSection()
    limits: Annotated[LimitsSection, BeforeValidator(_empty_is_none, json_schema_input_type=LimitsSection | None)] = (
        LimitsSection()
    )
    media: Annotated[MediaSection, BeforeValidator(_empty_is_none, json_schema_input_type=MediaSection | None)] = (
        MediaSection()
    )
    presence: Annotated[
        PresenceSection, BeforeValidator(_empty_is_none, json_schema_input_type=PresenceSection | None)
    ] = PresenceSection()
    http: Annotated[HttpSection, BeforeValidator(_empty_is_none, json_schema_input_type=HttpSection | None)] = (
        HttpSection()
    )
    discovery: Annotated[
        DiscoverySection, BeforeValidator(_empty_is_none, json_schema_input_type=DiscoverySection | None)
    ] = DiscoverySection()
    log: Annotated[LogSection, BeforeValidator(_empty_is_none, json_schema_input_type=LogSection | None)] = LogSection()
    devices: Annotated[
        Mapping[Annotated[StrictStr, Field(min_length=1, max_length=255)], DeviceEntry],
        BeforeValidator(_empty_entries, json_schema_input_type=Mapping[str, DeviceEntry | None] | None),
        Field(description="a device's key and below it the device's settings"),
    ] = Field(default_factory=dict)
    routes: Annotated[
        tuple[RouteEntry, ...],
        BeforeValidator(_empty_is_list, json_schema_input_type=tuple[RouteEntry, ...] | None),
        Field(description="a list of routes"),
    ] = ()
