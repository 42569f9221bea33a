"""Two writers, one entry: which field has which master, and what a change of the daemon's may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from configuration.config_document import DeviceEntry, is_uuid
from domain.values import AudioFormat, Capabilities, ProtocolType, Role

MAX_FORMATS = 64
MAX_TEXT = 256


class Master(StrEnum):
    """Whose word counts for a field."""

    OWNER = "owner"
    DAEMON = "daemon"


MASTERS: Mapping[str, Master] = MappingProxyType(
    {
        "name": Master.OWNER,
        "role": Master.OWNER,
        "enabled": Master.OWNER,
        "networks": Master.OWNER,
        "do_not_disturb": Master.OWNER,
        "watchers": Master.OWNER,
        "pending": Master.DAEMON,
        "uuid": Master.DAEMON,
        "user_agent": Master.DAEMON,
        "protocol_type": Master.DAEMON,
        "sip_contact_uri": Master.DAEMON,
        "ip": Master.DAEMON,
        "port": Master.DAEMON,
        "online": Master.DAEMON,
        "last_seen": Master.DAEMON,
        "formats": Master.DAEMON,
        "rtp_port": Master.DAEMON,
        "supported_protocols": Master.DAEMON,
        "mac": Master.DAEMON,
    }
)
"""Every field of a device, in the order in which a new entry has them. The daemon fills an owner's field only while the
owner has said nothing: no name, or the name it gave itself to a device of unknown role; no role, or ``unknown``."""


@dataclass(frozen=True, slots=True)
class EntryChange:
    """What the daemon has to say of one device. ``fields`` are its own; ``role`` is the device's claim.

    ``defaults`` are daemon's fields that are set only where there is no value, ``initial`` fields of a new entry only.
    ``creates``: a device that is not in the file gets an entry, since it came; else a missing entry stays missing.
    """

    fields: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    role: Role = Role.UNKNOWN
    creates: bool = False
    initial: Mapping[str, Any] = field(default_factory=dict)

    def followed_by(self, later: EntryChange) -> EntryChange:
        """Both changes as one."""
        return EntryChange(
            {**self.fields, **later.fields},
            {**self.defaults, **later.defaults},
            self.role if later.role is Role.UNKNOWN else later.role,
            self.creates or later.creates,
            {**self.initial, **later.initial},
        )


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device that is there: how it is reached and when it was last heard."""

    contact_uri: str
    ip: str
    port: int
    last_heard: datetime


def registration_change(device_id: str, sighting: Sighting, role: Role, capabilities: Capabilities) -> EntryChange:
    """What a registration writes. Capabilities that say nothing erase nothing."""
    fields: dict[str, Any] = {"uuid": device_id} if is_uuid(device_id) else {}
    defaults: dict[str, Any] = {}
    if capabilities.user_agent is not None:
        fields["user_agent"] = _text(capabilities.user_agent)
    told = fields if says_something(capabilities) else defaults
    told["protocol_type"] = str(capabilities.protocol_type)
    fields |= {
        "sip_contact_uri": _text(sighting.contact_uri, 1024),
        "ip": sighting.ip,
        "port": sighting.port,
        "online": True,
        "last_seen": time_text(sighting.last_heard),
    }
    if told is fields:
        fields["formats"] = [_format(audio_format) for audio_format in capabilities.formats[:MAX_FORMATS]]
        fields["rtp_port"] = capabilities.rtp_port
        fields["supported_protocols"] = [_text(name) for name in capabilities.supported_protocols[:MAX_FORMATS]]
    return EntryChange(fields, defaults, role, creates=True)


def pending_change(device_id: str, ip: str, user_agent: str, mac: str | None) -> EntryChange:
    """What is written of a device that the core parks until its owner lets it in."""
    fields: dict[str, Any] = {"uuid": device_id} if is_uuid(device_id) else {}
    fields |= {"ip": ip, "mac": mac, "user_agent": _text(user_agent) or None}
    return EntryChange(fields, creates=True, initial={"enabled": False, "pending": True})


def approval_change() -> EntryChange:
    """What lets a device in."""
    return EntryChange({"enabled": True, "pending": False})


def rejection_change() -> EntryChange:
    """What keeps a device out for good."""
    return EntryChange({"enabled": False, "pending": False})


def offline_change(last_heard: datetime | None) -> EntryChange:
    """What going offline writes; the time stays as it is when it is not known."""
    seen = {} if last_heard is None else {"last_seen": time_text(last_heard)}
    return EntryChange({"online": False, **seen})


def says_something(capabilities: Capabilities) -> bool:
    """True if a body told what the device can do."""
    return bool(
        capabilities.formats
        or capabilities.rtp_port is not None
        or capabilities.supported_protocols
        or capabilities.protocol_type is not ProtocolType.SIP
    )


def fields_to_set(device_id: str, entry: DeviceEntry | None, change: EntryChange) -> dict[str, Any] | None:
    """The fields that ``change`` sets in ``entry`` as its owner left it; None if it may not create a missing one."""
    if entry is None and not change.creates:
        return None
    present = DeviceEntry() if entry is None else entry
    fields = {name: value for name, value in change.defaults.items() if getattr(present, name) is None}
    fields |= change.fields
    role = present.role or Role.UNKNOWN
    if role is Role.UNKNOWN and change.creates:
        role = change.role
        fields["role"] = str(role)
    if change.creates and present.name in (None, default_name(device_id, Role.UNKNOWN)):
        name = default_name(device_id, role)
        if present.name != name:
            fields["name"] = name
    if entry is None:
        fields = {"enabled": True, **change.initial, **fields}
        fields = {name: value for name, value in fields.items() if value not in (None, [])}
    elif not present.formats and fields.get("formats") == []:
        del fields["formats"]
    if entry is not None and not present.supported_protocols and fields.get("supported_protocols") == []:
        del fields["supported_protocols"]
    return {name: fields[name] for name in MASTERS if name in fields}


def changed_entry(entry: DeviceEntry | None, fields: Mapping[str, Any]) -> DeviceEntry:
    """``entry`` with ``fields``; raise pydantic's ``ValidationError`` where they break the schema."""
    before = {} if entry is None else entry.model_dump(exclude_unset=True)
    return DeviceEntry.model_validate({**before, **fields})


def default_name(device_id: str, role: Role) -> str:
    """A new device's name: its role and the beginning of its UUID, or the user of its address."""
    if is_uuid(device_id):
        return f"{role}_{device_id[:8]}"
    user = device_id.rpartition("@")[0].rpartition(":")[2] or device_id
    return _text(user, 128)


def time_text(moment: datetime) -> str:
    """ISO 8601 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _format(audio_format: AudioFormat) -> dict[str, Any]:
    return {
        "payload_type": audio_format.payload_type,
        "codec": _text(audio_format.codec, 64),
        "rate": audio_format.clock_rate_hz,
        "channels": audio_format.channels,
    }


def _text(text: str, longest: int = MAX_TEXT) -> str:
    """A peer's text as UTF-8 can hold it, cut to a sensible length."""
    return text[:longest].encode("utf-8", "replace").decode("utf-8")
