"""Rules about a device whose newest REGISTER was refused. At most one of them finds something."""

from __future__ import annotations

from diagnosis.evidence import DeviceEvidence, Finding, ago, times
from diagnosis.message_text import MessageText, find_fault, read_message
from diagnosis.refusals import AUTHENTICATION, ELSEWHERE, OUTSIDE_NETWORKS, sentence_of
from domain.exchanges import Exchange

_MOST_HOSTS_SHOWN = 6
_UNREADABLE = frozenset({"malformed", "method_mismatch", "version_unsupported"})
_REPEATED = 3


def asks_for_unknown_domain(evidence: DeviceEvidence) -> Finding | None:
    """404 for the domain in To or the Request-URI (RFC 3261 section 10.3 step 5)."""
    if (found := _refused_with(evidence, "unknown_domain")) is None:
        return None
    refusal, text = found
    served = evidence.server.served_hosts
    asked = [host for host in (text.asked_host, text.to_host) if host is not None]
    foreign = next((host for host in asked if host.lower().rstrip(".") not in served), None)
    named = f"`{foreign}`" if foreign else "a domain"
    hosts = ", ".join(_useful_hosts(evidence))
    return _finding(
        "unknown_domain",
        evidence,
        refusal,
        f"it asks for {named}, which is not served here",
        f"Set its SIP server (domain, registrar) to one of: {hosts}; or set server.domain in config.yaml to {named}.",
    )


def asks_for_too_short_an_interval(evidence: DeviceEvidence) -> Finding | None:
    """423 Interval Too Brief (RFC 3261 section 10.3 step 7)."""
    if (found := _refused_with(evidence, "brief_interval")) is None:
        return None
    refusal, text = found
    least = evidence.server.min_expires_s
    asked = f"for {text.asked_expires_s} s" if text.asked_expires_s is not None else "for a shorter time"
    return _finding(
        "brief_interval",
        evidence,
        refusal,
        f"it wants to be registered {asked}; at least {least} s is allowed here, and it does not ask again for that",
        f"Set its registration interval (expires) to {least} s or more; or set registrar.below_min in config.yaml to "
        "raise, or registrar.min_expires_s lower.",
    )


def demands_a_missing_extension(evidence: DeviceEvidence) -> Finding | None:
    """420 Bad Extension (RFC 3261 section 8.2.2.3)."""
    if (found := _refused_with(evidence, "extension_required")) is None:
        return None
    refusal, text = found
    lacking = read_message(refusal.answer).get("unsupported") or ", ".join(text.all("require"))
    return _finding(
        "extension_required",
        evidence,
        refusal,
        f"it demands the SIP extension `{lacking}`, which is not there",
        f"Switch off `{lacking}` in the device (its Require header names it).",
    )


def sends_what_cannot_be_read(evidence: DeviceEvidence) -> Finding | None:
    """400, 505 or no answer at all for a message that breaks the grammar."""
    refusal = evidence.current_refusal
    if refusal is None or refusal.cause not in _UNREADABLE:
        return None
    warning = read_message(refusal.answer).warning
    where = find_fault(refusal.message, is_cut=refusal.is_cut) or warning or sentence_of(refusal.cause).says
    return _finding(refusal.cause, evidence, refusal, where, sentence_of(refusal.cause).remedy)


def fails_to_authenticate(evidence: DeviceEvidence) -> Finding | None:
    """Wrong realm, user or password, and not just once."""
    refusal = evidence.current_refusal
    if refusal is None or refusal.cause not in AUTHENTICATION or refusal.count < _REPEATED:
        return None
    sentence = sentence_of(refusal.cause)
    return _finding(refusal.cause, evidence, refusal, sentence.says, sentence.remedy)


def comes_from_outside_the_networks(evidence: DeviceEvidence) -> Finding | None:
    """Its address is in none of the listed networks."""
    if (found := _refused_with(evidence, OUTSIDE_NETWORKS)) is None:
        return None
    refusal, _ = found
    return _finding(
        OUTSIDE_NETWORKS,
        evidence,
        refusal,
        f"its address {refusal.remote.ip} is in none of the networks that may register",
        "Add its network to admission.networks in config.yaml, or connect it to one that is listed.",
    )


def comes_from_outside_its_own_networks(evidence: DeviceEvidence) -> Finding | None:
    """Its owner lets it register from certain networks only. It may itself have been asked for a password instead."""
    if (found := _refused_with(evidence, ELSEWHERE)) is None:
        return None
    refusal, _ = found
    sentence, own = sentence_of(ELSEWHERE), evidence.device.networks if evidence.device else None
    if own is None:
        return _finding(ELSEWHERE, evidence, refusal, sentence.says, sentence.remedy)
    ip = refusal.remote.ip
    return _finding(
        ELSEWHERE,
        evidence,
        refusal,
        f"you let it register from {', '.join(own)} only, and its address is {ip}",
        f"Add {ip} or its network to `networks` in its entry of config.yaml, or connect the device to one that stands "
        "there.",
    )


def is_refused_otherwise(evidence: DeviceEvidence) -> Finding | None:
    """Any other reason of the core's, in the words of the table."""
    refusal = evidence.current_refusal
    if refusal is None or refusal.cause is None or refusal.cause in _SPECIAL | _UNREADABLE:
        return None
    if refusal.cause in AUTHENTICATION and refusal.count >= _REPEATED:
        return None
    sentence = sentence_of(refusal.cause)
    warning = read_message(refusal.answer).warning
    says = f"{sentence.says} ({warning})" if warning else sentence.says
    return _finding(refusal.cause, evidence, refusal, says, sentence.remedy)


_SPECIAL = frozenset({"unknown_domain", "brief_interval", "extension_required", OUTSIDE_NETWORKS, ELSEWHERE})

REFUSAL_RULES = (
    comes_from_outside_the_networks,
    comes_from_outside_its_own_networks,
    asks_for_unknown_domain,
    asks_for_too_short_an_interval,
    demands_a_missing_extension,
    sends_what_cannot_be_read,
    fails_to_authenticate,
    is_refused_otherwise,
)


def _refused_with(evidence: DeviceEvidence, cause: str) -> tuple[Exchange, MessageText] | None:
    refusal = evidence.current_refusal
    return (refusal, read_message(refusal.message)) if refusal is not None and refusal.cause == cause else None


def _finding(cause: str, evidence: DeviceEvidence, refusal: Exchange, why: str, remedy: str) -> Finding:
    answer = read_message(refusal.answer).start_line.removeprefix("SIP/2.0 ")
    how = f"was refused with `{answer}`" if answer else "was not answered"
    count = "" if refusal.count == 1 else f", {times(refusal.count)} so far"
    source = f"{refusal.remote.ip} port {refusal.remote.port}"
    says = f"Its last message ({ago(evidence.now, refusal.last_at)}, from {source}{count}) {how}: {why}."
    return Finding(f"refused.{cause}", says, remedy)


def _useful_hosts(evidence: DeviceEvidence) -> list[str]:
    server = evidence.server
    names = [server.domain, *server.outward_addresses]
    return list(dict.fromkeys(names))[:_MOST_HOSTS_SHOWN]
