"""The names and the TXT record of ScreamRouter's discovery convention."""

from __future__ import annotations

from typing import Final

from domain.values import Transport

ROUTER_SERVICE: Final = "_screamrouter-sip._udp.local."
"""One octet longer than RFC 6335 section 5.1 allows; devices look for it all the same."""

SERVICE_TYPES: Final[dict[Transport, tuple[str, ...]]] = {
    Transport.UDP: (ROUTER_SERVICE, "_sip._udp.local."),
    Transport.TCP: ("_sip._tcp.local.",),
    Transport.TLS: ("_sips._tcp.local.",),
}
"""What is announced for each transport that the daemon listens on."""

PROTOCOL_VERSION: Final = "2.0"
MAX_LABEL_OCTETS: Final = 63  # RFC 1035 section 2.3.4


def txt_record(router_uuid: str, transport: Transport) -> dict[str, str]:
    """The TXT entries, with the version in both spellings that devices look for."""
    return {
        "version": PROTOCOL_VERSION,
        "srv_version": PROTOCOL_VERSION,
        "router_uuid": router_uuid,
        "transport": transport.value,
    }


def announced_host_name(router_uuid: str) -> str:
    """The host that the SRV records point to, with the trailing dot.

    Not ``<hostname>.local.``: that name belongs to the machine's own responder (Avahi, systemd-resolved), which may
    take address records of ours for a conflict and rename the machine.
    """
    letters = [letter for letter in router_uuid.lower() if letter in "0123456789abcdefghijklmnopqrstuvwxyz"]
    return f"screamrouter-{''.join(letters[:8])}.local."


def instance_label(wanted: str, suffix: str = "") -> str:
    """``wanted`` as one DNS label of at most 63 octets, ``suffix`` appended whole.

    A dot would split the label on the wire and a control character is forbidden (RFC 6763 section 4.1.1): both
    become a hyphen.
    """
    printable = "".join("-" if char == "." or not char.isprintable() else char for char in wanted).strip()
    room = MAX_LABEL_OCTETS - len(suffix.encode())
    return printable.encode()[:room].decode(errors="ignore").rstrip() + suffix


def conflict_suffixes(router_uuid: str) -> tuple[str, ...]:
    """What is appended to the instance name, attempt after attempt (RFC 6762 section 9); the last is unique."""
    return ("", *(f" ({number})" for number in range(2, 10)), f" ({router_uuid[:8]})")
