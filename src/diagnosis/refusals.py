"""What each reason of the core's for a refusal means to the owner, and what to change. Keyed by the reason's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class RefusalSentence:
    """``says``: what is wrong, as the end of "was refused: ..."; ``remedy``: what to do, a whole sentence."""

    says: str
    remedy: str


SENTENCES: Mapping[str, RefusalSentence] = MappingProxyType(
    {
        "malformed": RefusalSentence(
            "the message is unreadable or contradicts itself",
            "Look at the place named; update the device's firmware, or report the message (--messages) to its maker.",
        ),
        "method_mismatch": RefusalSentence(
            "its CSeq header names another method than its first line",
            "That is a fault of the device: update its firmware, or report the message (--messages) to its maker.",
        ),
        "star_not_alone": RefusalSentence(
            "it wants to remove all its registrations by `Contact: *` but names something else beside it, or lacks "
            "`Expires: 0`",
            "That is a fault of the device: restart it, and update its firmware if that does not help.",
        ),
        "contact_invalid": RefusalSentence(
            "its Contact header is no SIP address with a host, so nobody could call it back",
            "Give the device an IP address (DHCP), or set its local address or host name; then restart it.",
        ),
        "identity_conflict": RefusalSentence(
            "it names two different UUIDs of itself",
            "Make +sip.instance, a=x-screamrouter-uuid and the user name of the device say the same UUID.",
        ),
        "identity_missing": RefusalSentence(
            "it registers under the shared name `screamrouter` but names no UUID",
            "Give it a user name of its own, or let it send its UUID as +sip.instance or a=x-screamrouter-uuid.",
        ),
        "field_too_long": RefusalSentence(
            "its Contact, Call-ID, Path or user name is longer than is taken here",
            "Shorten its user name or the parameters of its Contact; a Call-ID that long is a fault of the device.",
        ),
        "unknown_domain": RefusalSentence(
            "it asks for a domain that is not served here",
            "Set its SIP server or domain to the one that is served, or server.domain in config.yaml to the device's.",
        ),
        "unknown_user": RefusalSentence(
            "it names nobody in To, or asks for somebody who is not registered",
            "Give the device a SIP user name; if it asks for another device, see why that one is not registered.",
        ),
        "not_acceptable": RefusalSentence(
            "it calls but takes no SDP as an answer",
            "Let the device accept application/sdp; that is a fault of the device otherwise.",
        ),
        "unsupported_media_type": RefusalSentence(
            "it calls with a description that is no plain SDP",
            "Switch off compressed or encrypted message bodies (S/MIME) in the device.",
        ),
        "session_too_brief": RefusalSentence(
            "it wants its calls refreshed more often than is allowed",
            "Set the session timer of the device to 90 seconds or more, or switch it off.",
        ),
        "request_merged": RefusalSentence(
            "the same call came in on two ways",
            "A proxy between the device and here sends it twice: register the device here directly.",
        ),
        "request_pending": RefusalSentence(
            "it changes a call before its last change was settled",
            "Nothing: the device tries again by itself.",
        ),
        "update_pending": RefusalSentence(
            "it changes a call while an earlier change still waits",
            "Nothing: the device tries again by itself.",
        ),
        "too_many_calls": RefusalSentence(
            "as many calls as allowed are up already",
            "Raise limits.max_calls in config.yaml, or see who calls so often (`screamrouter-sip doctor`).",
        ),
        "watcher_not_admitted": RefusalSentence(
            "it wants to watch what is not for it to see",
            "Register it here, or let it in by the rule of config.yaml that says who may watch whom.",
        ),
        "no_common_type": RefusalSentence(
            "it watches, but reads no kind of document in which that is told",
            "Switch its presence or busy lamps to the usual kind (PIDF, dialog-info).",
        ),
        "lists_unsupported": RefusalSentence(
            "it watches a list, but does not say that it knows lists (RFC 4662)",
            "Let it watch each device by itself, or switch on its support for lists (eventlist).",
        ),
        "bad_event": RefusalSentence(
            "it watches a kind of event that is not told here",
            "Switch off that subscription in the device; registering works without it.",
        ),
        "sender_elsewhere": RefusalSentence(
            "it sends text messages without being registered from where it sends them",
            "Let it register here first; one account on two devices needs both of them registered.",
        ),
        "too_many_hops": RefusalSentence(
            "its request has passed as many servers as it may",
            "Look for two servers that send the same request to each other: an outbound proxy that names this one.",
        ),
        "too_many_messages": RefusalSentence(
            "as many text messages as fit are under way",
            "See who sends so many (`screamrouter-sip doctor`); each is given up after half a minute.",
        ),
        "too_many_subscriptions": RefusalSentence(
            "as many subscriptions as allowed are held already",
            "See who watches so much (`screamrouter-sip doctor`); devices come back by themselves.",
        ),
        "shutting_down": RefusalSentence(
            "the server was just going down",
            "Nothing: try again when the server is up.",
        ),
        "transfer_declined": RefusalSentence(
            "it wants to transfer a call, which is not served",
            "Hang up and call the other party instead.",
        ),
        "unavailable": RefusalSentence(
            "it calls a device that cannot be called now",
            "See whether the device that it calls is registered and heard (`screamrouter-sip devices`).",
        ),
        "method_not_allowed": RefusalSentence(
            "it asks for a service that does not exist here",
            "Switch off what it asks for (message waiting, presence, busy lamps); registering works without that.",
        ),
        "unsupported_scheme": RefusalSentence(
            "it uses an address that is neither sip: nor sips:",
            "Write its account as sip:NAME@DOMAIN.",
        ),
        "extension_required": RefusalSentence(
            "it demands a SIP extension that is not there",
            "Switch off that extension in the device (often called outbound, GRUU, 100rel or session timers).",
        ),
        "brief_interval": RefusalSentence(
            "it wants to be registered for a shorter time than is allowed",
            "Set its registration interval to registrar.min_expires_s or more, or registrar.below_min to raise.",
        ),
        "no_such_dialog": RefusalSentence(
            "it speaks of a call or subscription that does not exist, perhaps since before a restart",
            "Nothing: the device gives it up by itself. If it does not, restart it.",
        ),
        "out_of_order": RefusalSentence(
            "its counter (CSeq) went back: a late packet, a device that restarted with an old Call-ID, or two devices "
            "that share one configuration",
            "Wait a minute; if it goes on, restart the device. Two devices need a user name or UUID each.",
        ),
        "too_many_contacts": RefusalSentence(
            "as many devices as allowed are registered under its address already",
            "Give each device a user name of its own, or raise registrar.max_contacts in config.yaml.",
        ),
        "too_many_aors": RefusalSentence(
            "as many addresses as allowed are registered already",
            "Look with `screamrouter-sip devices` whose they are and shut out what is not yours; if all are, raise "
            "limits.max_aors in config.yaml.",
        ),
        "too_many_bindings": RefusalSentence(
            "as many registrations as allowed are there already",
            "Look with `screamrouter-sip devices` whose they are and shut out what is not yours; if all are, raise "
            "limits.max_bindings in config.yaml.",
        ),
        "memory_full": RefusalSentence(
            "the registrations take up as much memory as allowed already",
            "Look with `screamrouter-sip devices` whose they are and shut out what is not yours; if all are, raise "
            "limits.max_memory_mb in config.yaml.",
        ),
        "method_unknown": RefusalSentence(
            "it uses a SIP method that nobody knows",
            "That is a fault of the sender: update the device's firmware, or find out who sends it.",
        ),
        "version_unsupported": RefusalSentence(
            "it speaks another version than SIP/2.0",
            "Update the device's firmware: SIP/2.0 has been the version since 1999.",
        ),
        "message_too_large": RefusalSentence(
            "its message is longer than 3,999 octets",
            "Take codecs or headers out of the device's configuration, so that its REGISTER gets shorter.",
        ),
        "truncated": RefusalSentence(
            "the message ends before its header does",
            "Report the message (--messages) to the device's maker; a broken network link cuts messages, too.",
        ),
        "body_too_short": RefusalSentence(
            "its body is shorter than its Content-Length says",
            "Let it send shorter messages (fewer codecs): something on the way cuts long ones; or update its firmware.",
        ),
        "line_end_invalid": RefusalSentence(
            "its lines do not end as SIP wants it (CR LF)",
            "That is a fault of the device: update its firmware, or report the message (--messages) to its maker.",
        ),
        "control_character": RefusalSentence(
            "a control character stands in its header",
            "Look at the names that were typed into the device; type them anew without pasting.",
        ),
        "nesting_invalid": RefusalSentence(
            "a quotation mark or bracket in its header does not end",
            "Take quotation marks and brackets out of the names that were typed into the device.",
        ),
        "header_missing": RefusalSentence(
            "it lacks one of the headers From, To and Call-ID",
            "That is a fault of the sender: update the device's firmware, or find out who sends it.",
        ),
        "length_missing": RefusalSentence(
            "it came over TCP or TLS without a Content-Length",
            "That is a fault of the sender: update the device's firmware, or let it use UDP.",
        ),
        "header_repeated": RefusalSentence(
            "a header that may stand once stands twice",
            "That is a fault of the sender: update the device's firmware, or find out who sends it.",
        ),
        "too_many_headers": RefusalSentence(
            "it has more header lines than are read here",
            "That is a fault of the sender: update the device's firmware, or find out who sends it.",
        ),
        "number_invalid": RefusalSentence(
            "a number in its header is none, or too large",
            "Look at its registration interval; else it is a fault of the device: update its firmware.",
        ),
        "branch_invalid": RefusalSentence(
            "the branch in its Via names no transaction",
            "That is a fault of the sender: update the device's firmware, or find out who sends it.",
        ),
        "to_scheme_invalid": RefusalSentence(
            "it registers an address that is neither sip: nor sips:",
            "Write its account as sip:NAME@DOMAIN.",
        ),
        "credentials_malformed": RefusalSentence(
            "its Authorization header cannot be read",
            "That is a fault of the device: update its firmware, or report the message (--messages) to its maker.",
        ),
        "digest_uri_mismatch": RefusalSentence(
            "its credentials are for another address than the one it asks",
            "Set the same server in all fields of the device's account (registrar, proxy, domain).",
        ),
        "unauthorized": RefusalSentence(
            "it sends no password, or a wrong one, or a name that nobody has",
            "Type user name and password anew in the device and leave its realm empty, or give it a new password with "
            "`screamrouter-sip passwd`.",
        ),
        "awaiting_approval": RefusalSentence(
            "it waits for you to let it in",
            "Let it in with `screamrouter-sip devices approve`, or set enabled: true in its entry of config.yaml.",
        ),
        "not_own_address": RefusalSentence(
            "its password is right, but for another address than the one it registers",
            "Set its user name and its authentication name (often `auth ID`) to the same device.",
        ),
        "network_not_admitted": RefusalSentence(
            "it is in a network that is not admitted",
            "Add its network to admission.networks in config.yaml, if it is yours.",
        ),
        "device_elsewhere": RefusalSentence(
            "you let it register from certain networks only, and it is in none of them",
            "Add its network to `networks` in its entry of config.yaml, or connect it to one that stands there.",
        ),
        "device_disabled": RefusalSentence(
            "you have disabled it",
            "Set enabled: true in its entry of config.yaml to let it in again.",
        ),
        "too_many_requests": RefusalSentence(
            "it sends more requests than one address may",
            "Look why it is so busy: a wrong registration interval, or several devices behind one address; else raise "
            "limits.requests_per_s.",
        ),
        "too_many_failures": RefusalSentence(
            "it has guessed wrong passwords again and again, and must wait",
            "Correct its password and wait a minute.",
        ),
    }
)
"""Exactly the names of ``engine.core_engine.reject_reasons``."""

UNKNOWN_REASON = RefusalSentence(
    "for a reason that this version of the doctor does not know",
    "Look at the answer's Warning header (--messages); update the command and restart the daemon.",
)

AUTHENTICATION = frozenset({"unauthorized", "too_many_failures", "not_own_address"})
"""Refusals that are usual once, when a device with a password comes for the first time, and a fault when repeated."""

ELSEWHERE = "device_elsewhere"
OUTSIDE_NETWORKS = "network_not_admitted"


def sentence_of(cause: str) -> RefusalSentence:
    """The owner's sentence for a reason's name, whatever name it is."""
    return SENTENCES.get(cause, UNKNOWN_REASON)
