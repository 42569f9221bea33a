"""Rules about one device: each looks at the evidence and finds one thing, or nothing."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from email.utils import parsedate_to_datetime

from diagnosis.evidence import DeviceEvidence, Finding, ago, last_register, times
from diagnosis.message_text import MessageText, read_message, sdp_addresses
from diagnosis.refusal_rules import REFUSAL_RULES
from domain.exchanges import Exchange
from domain.values import Binding

Rule = Callable[[DeviceEvidence], Finding | None]

_CONTACT_ADDRESS = re.compile(r"sips?:(?:[^@>;?\s]*@)?(\[[^\]]*\]|[^:;>?\s]+)(?::(\d+))?", re.IGNORECASE)
_CLOCK_TOLERANCE = timedelta(minutes=5)
_NO_BODY = ""


def is_disabled(evidence: DeviceEvidence) -> Finding | None:
    """The owner has switched it off."""
    device = evidence.device
    if device is None or device.is_enabled:
        return None
    return Finding(
        "disabled",
        "config.yaml has `enabled: false` for it: you have switched it off.",
        f"Set enabled: true under devices, {device.key}.",
    )


def has_no_entry(evidence: DeviceEvidence) -> Finding | None:
    """Registered, but its entry in config.yaml was deleted, and a refresh does not bring it back."""
    device = evidence.device
    if device is None or device.is_listed or not evidence.bindings:
        return None
    return Finding(
        "entry_deleted",
        "It is registered, but its entry was deleted from config.yaml, and a mere refresh does not bring it back.",
        f"Restart the device, or write its key ({device.key}) under devices in config.yaml; the daemon fills it in.",
    )


def shares_its_identity(evidence: DeviceEvidence) -> Finding | None:
    """The same UUID from two addresses in turns: each registration replaces the other device's (RFC 5626)."""
    served = [one for one in evidence.requests if one.cause is None]
    claims = [one for one in served if (text := read_message(one.message)).method == "REGISTER" and text.uuid]
    for later in reversed(claims):
        uuid = read_message(later.message).uuid
        for other in claims:
            is_other = other.remote.ip != later.remote.ip and read_message(other.message).uuid == uuid
            if is_other and _alternate(other, later):
                return Finding(
                    "shared_identity",
                    f"Two devices call themselves {uuid}: one at {other.remote.ip} ({times(other.count)}, last "
                    f"{ago(evidence.now, other.last_at)}) and one at {later.remote.ip} ({times(later.count)}, last "
                    f"{ago(evidence.now, later.last_at)}). Each throws the other out.",
                    "Give one of them a UUID of its own: reset it to factory settings, or delete the copied "
                    "configuration from it.",
                )
    return None


def _alternate(one: Exchange, other: Exchange) -> bool:
    """Whether the two were heard in turns; a device that moved to another address was not."""
    return one.first_at <= other.last_at and other.first_at <= one.last_at


def names_another_port(evidence: DeviceEvidence) -> Finding | None:
    """Silent, and its Contact names another address or port than it sends from: NAT, or a wrong setting."""
    binding = _silent(evidence)
    if binding is None or (contact := _CONTACT_ADDRESS.search(binding.contact_uri)) is None:
        return None
    host, port, flow = contact[1].strip("[]"), int(contact[2] or 5060), binding.flow.remote
    is_same_host = not _is_address(host) or host == flow.ip
    if is_same_host and port == flow.port:
        return None
    target = f"{binding.target.ip} port {binding.target.port}"
    return Finding(
        "contact_elsewhere",
        f"It is registered but does not answer: its Contact names {host} port {port}, while it sends from {flow.ip} "
        f"port {flow.port}. It is asked at {target}.",
        "Switch on `rport` (symmetric signalling) in it, give it a fixed SIP port, or take the NAT router or firewall "
        "between it and this machine away.",
    )


def answers_no_ping(evidence: DeviceEvidence) -> Finding | None:
    """Registered, but nothing is heard from it, and nothing shows why."""
    binding = _silent(evidence)
    if binding is None or names_another_port(evidence) is not None:
        return None
    return Finding(
        "silent",
        f"It is registered but has not been heard for more than {evidence.server.liveness_timeout_s:g} s (last: "
        f"{ago(evidence.now, binding.last_heard)}): it does not answer the OPTIONS that are sent to "
        f"{binding.target.ip} port {binding.target.port}.",
        "Is it switched on and connected? Switch off its Wi-Fi power saving, and let its firewall pass UDP from "
        f"port {evidence.server.port} of this machine.",
    )


def has_unregistered(evidence: DeviceEvidence) -> Finding | None:
    """Its last REGISTER took the registration back."""
    found = _last_of_absent(evidence)
    if found is None or not _takes_back(found[1]):
        return None
    return Finding(
        "unregistered",
        f"It took its registration back itself ({ago(evidence.now, found[0].last_at)}).",
        "Switch its account on again, or restart it.",
    )


def has_expired(evidence: DeviceEvidence) -> Finding | None:
    """It was registered and did not refresh."""
    found = _last_of_absent(evidence)
    if found is None or _takes_back(found[1]):
        return None
    return Finding(
        "expired",
        f"It registered {ago(evidence.now, found[0].last_at)} from {found[0].remote.ip} and has not refreshed since, "
        "so its registration has run out or another device's has replaced it.",
        "Is it switched on, and still in this network? If it is, restart it.",
    )


def never_registers(evidence: DeviceEvidence) -> Finding | None:
    """It speaks SIP to us, but no REGISTER has come."""
    requests = evidence.requests
    if evidence.bindings or not requests or evidence.current_refusal is not None:
        return None
    if last_register(requests) is not None:
        return None
    methods = sorted({read_message(one.message).method for one in requests} - {""})
    return Finding(
        "no_register",
        f"It sends {', '.join(methods) or 'something'} (last {ago(evidence.now, requests[-1].last_at)}) but has never "
        "asked to be registered.",
        "Switch registration on in the device's account.",
    )


def is_never_heard(evidence: DeviceEvidence) -> Finding | None:
    """Nothing at all has come from it since the daemon started, as far as the daemon remembers."""
    if evidence.bindings or evidence.requests:
        return None
    server, device = evidence.server, evidence.device
    before = ""
    if device is not None and device.last_seen is not None:
        before = f" It was last heard {ago(evidence.now, device.last_seen)}."
    where = " or ".join(server.outward_addresses) or "this machine's address"
    says = (
        f"Nothing has come from it since the daemon started ({ago(evidence.now, server.started_at)}), or so long ago "
        f"that it is forgotten.{before}"
    )
    if server.is_announcing:
        finds = "A device that looks for them by mDNS needs nothing typed in."
    else:
        finds = "mDNS is off (discovery.enabled), so they must be typed in."
    return Finding(
        "never_heard",
        says,
        f"Is it on, and in this network? Its SIP server must be {where}, port {server.port}, transport UDP (TCP and "
        f"TLS are not served). {finds} A firewall here must let UDP port {server.port} in.",
    )


def offers_a_useless_address(evidence: DeviceEvidence) -> Finding | None:
    """The SDP of its REGISTER names an address at which no audio can reach it."""
    source = max(evidence.bindings, key=lambda one: one.last_heard, default=None)
    body = source.body.decode("utf-8", "replace") if source else _last_body(evidence)
    sender = source.flow.remote.ip if source else None
    for address in sdp_addresses(body):
        if (fault := _fault_of_address(address, sender, evidence.server.networks)) is not None:
            return Finding(
                "sdp_address",
                f"Its session description wants audio at {address}, {fault}.",
                "Set its own address (local IP, media address) to the one it has in this network, or to automatic; "
                "switch off its VPN, container network or STUN server.",
            )
    return None


def has_a_wrong_clock(evidence: DeviceEvidence) -> Finding | None:
    """Its Date header is far from ours (RFC 3261 section 20.17)."""
    for one in reversed(evidence.requests):
        date = read_message(one.message).get("date")
        if date is None:
            continue
        try:
            told = parsedate_to_datetime(date)
        except ValueError:
            return None
        if told.tzinfo is None or abs(told - one.last_at) <= _CLOCK_TOLERANCE:
            return None
        return Finding(
            "clock",
            f"Its clock says {date}, but here it was {one.last_at:%Y-%m-%d %H:%M:%S} UTC.",
            "Give the device (or this machine) a time server (NTP): certificates and passwords depend on the time.",
        )
    return None


DEVICE_RULES: Sequence[Rule] = (
    is_disabled,
    *REFUSAL_RULES,
    shares_its_identity,
    has_no_entry,
    names_another_port,
    answers_no_ping,
    has_unregistered,
    has_expired,
    never_registers,
    is_never_heard,
    offers_a_useless_address,
    has_a_wrong_clock,
)

ABSENCES = frozenset({"unregistered", "expired", "never_heard", "silent"})
"""Rules that say no more than that a device is off: nothing to worry about unless somebody asks for that device."""


def _silent(evidence: DeviceEvidence) -> Binding | None:
    """The binding heard last of a device that is registered and offline."""
    if evidence.is_online:
        return None
    return max(evidence.bindings, key=lambda one: one.last_heard, default=None)


def _last_of_absent(evidence: DeviceEvidence) -> tuple[Exchange, MessageText] | None:
    """The last REGISTER that was served to a device without a binding, unless a refusal explains its absence."""
    if evidence.bindings or evidence.current_refusal is not None:
        return None
    return last_register(evidence.requests)


def _takes_back(text: MessageText) -> bool:
    return bool(text.all("contact")) and text.asked_expires_s == 0


def _last_body(evidence: DeviceEvidence) -> str:
    found = last_register(evidence.requests)
    return found[1].body if found else _NO_BODY


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _fault_of_address(address: str, sender: str | None, networks: Sequence[str]) -> str | None:
    """Why audio sent there cannot arrive; None for a name, or an address that may be good."""
    if not _is_address(address) or address == sender:
        return None
    ip = ipaddress.ip_address(address)
    if ip.is_unspecified:
        return "which is no address at all"
    if ip.is_loopback:
        return "which is the device itself (loopback)"
    known = [ipaddress.ip_network(network) for network in networks]
    if any(network.version == ip.version and ip in network for network in known) or not known:
        return None
    return "which is in none of this machine's networks" + (f", while it sends from {sender}" if sender else "")
