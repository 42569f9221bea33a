"""Rules about the daemon itself and about everybody whom it refused."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from diagnosis.evidence import Finding, ServerFacts, ago, may_be_register, times, unresolved_refusals
from diagnosis.message_text import read_message
from diagnosis.refusals import sentence_of
from domain.exchanges import Exchange

LATE = timedelta(hours=1)
"""How long a refusal counts as one of late."""

_FIRST_HONEST_YEAR = 2024
_SOUGHT_RECEIVE_BUFFER_OCTETS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerEvidence:
    """The daemon at a moment, and all that it remembers, oldest first."""

    now: datetime
    server: ServerFacts
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusalGroup:
    """Refusals of late with one reason. ``is_problem``: one of them may have been a REGISTER."""

    cause: str
    count: int
    last: Exchange
    is_problem: bool


ServerRule = Callable[[ServerEvidence], Finding | None]


def hears_only_this_machine(evidence: ServerEvidence) -> Finding | None:
    """Every socket is bound to a loopback address."""
    listening = evidence.server.listening
    if not listening or not all(ipaddress.ip_address(one.ip).is_loopback for one in listening):
        return None
    return Finding(
        "loopback_only",
        f"The daemon listens on {', '.join(one.ip for one in listening)} only: nobody but this machine reaches it.",
        "Set sip.udp.address in config.yaml to 0.0.0.0 (or this machine's LAN address) and restart the daemon.",
        is_problem=False,
    )


def has_a_small_buffer(evidence: ServerEvidence) -> Finding | None:
    """Bursts of requests would be lost."""
    octets = evidence.server.receive_buffer_octets
    if octets >= _SOUGHT_RECEIVE_BUFFER_OCTETS:
        return None
    return Finding(
        "receive_buffer_small",
        f"The socket's receive buffer holds {octets} octets: when many devices register at once, some go unheard.",
        "Run `sysctl net.core.rmem_max=4194304` (`make install` sets it) and restart the daemon.",
        is_problem=False,
    )


def cannot_keep_state(evidence: ServerEvidence) -> Finding | None:
    """The state directory is not writable."""
    if evidence.server.is_state_writable:
        return None
    return Finding(
        "state_not_writable",
        f"The state directory {evidence.server.state_dir} cannot be written: what the daemon knows is lost with it.",
        "Make it writable for the daemon's user, free space on its disk, or set server.state_dir in config.yaml.",
    )


def has_no_time(evidence: ServerEvidence) -> Finding | None:
    """This machine's clock was never set."""
    if evidence.now.year >= _FIRST_HONEST_YEAR:
        return None
    return Finding(
        "own_clock",
        f"This machine's clock says {evidence.now:%Y-%m-%d %H:%M} UTC.",
        "Set it, or give it a time server: `timedatectl set-ntp true`.",
    )


SERVER_RULES: Sequence[ServerRule] = (hears_only_this_machine, has_a_small_buffer, cannot_keep_state, has_no_time)


def group_refusals(evidence: ServerEvidence) -> list[RefusalGroup]:
    """What was refused of late and has not been followed by a good request, by reason; newest first."""
    groups: dict[str, list[Exchange]] = {}
    for one in unresolved_refusals(evidence.exchanges):
        if one.cause is not None and evidence.now - one.last_at <= LATE:
            groups.setdefault(one.cause, []).append(one)
    made = [
        RefusalGroup(cause, sum(one.count for one in found), found[-1], any(map(may_be_register, found)))
        for cause, found in groups.items()
    ]
    return sorted(made, key=lambda group: group.last.last_at, reverse=True)


def finding_of_group(group: RefusalGroup, now: datetime) -> Finding:
    """A reason's refusals in words."""
    sentence = sentence_of(group.cause)
    method = read_message(group.last.message).method or "a message"
    user = f" for `{group.last.user}`" if group.last.user else ""
    return Finding(
        f"refused.{group.cause}",
        f"Refused {times(group.count)} of late: {sentence.says}. Last: {method}{user} from {group.last.remote.ip}, "
        f"{ago(now, group.last.last_at)}.",
        sentence.remedy,
        is_problem=group.is_problem,
    )


def is_announcement_unseen(announced_port: int, seen_ports: Iterable[int], seconds: float) -> Finding | None:
    """``seen_ports``: the ports under which our own announcement was seen by a browse of ``seconds``."""
    if announced_port in set(seen_ports):
        return None
    return Finding(
        "announcement_unseen",
        f"The daemon announces itself by mDNS, but that was not seen from this machine within {seconds:g} s: devices "
        "that look for it by themselves will not find it.",
        "Is UDP port 5353 open (firewall), multicast allowed on the interface, and another mDNS responder out of the "
        "way? `screamrouter-sip discover` shows what is seen.",
    )
