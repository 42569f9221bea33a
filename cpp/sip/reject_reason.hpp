// Why a request is refused, and what the peer is told: one enumeration, one table.
#pragma once

#include <cstdint>
#include <string_view>

namespace sr::sip {

enum class RejectReason : std::uint8_t {
    none,
    malformed,          // 400, unreadable or self-contradictory
    truncated,          // 400, no empty line behind the header fields
    body_too_short,     // 400, less body than Content-Length (section 18.3)
    line_end_invalid,   // 400, a CR or LF alone
    control_character,  // 400, in the header
    nesting_invalid,    // 400, a quote, bracket or comment that does not end or stands within another
    header_missing,     // 400, no From, To or Call-ID
    length_missing,     // 400, no Content-Length on a stream (section 18.3)
    header_repeated,    // 400, a field twice that may stand once
    too_many_headers,   // 400, beyond sip::kMostHeaderLines
    number_invalid,     // 400, CSeq, Max-Forwards, Content-Length or Expires that is no number or too large
    branch_invalid,     // 400, the magic cookie alone (RFC 4475 section 3.2.1)
    to_scheme_invalid,  // 400, a REGISTER for what is no SIP or SIPS URI (RFC 4475 section 3.3.4)
    method_mismatch,    // 400, CSeq names another method (RFC 3261 section 8.1.1.5)
    star_not_alone,     // 400, Contact: * beside another Contact, or with Expires other than 0 (section 10.3 step 6)
    contact_invalid,    // 400, a Contact that is no SIP or SIPS URI
    identity_conflict,  // 400, two identities that contradict each other
    identity_missing,   // 400, To: screamrouter without any UUID
    field_too_long,     // 400, a Contact, Call-ID or Path beyond the configured length
    credentials_malformed,   // 400, an Authorization of the Digest scheme that cannot be read
    digest_uri_mismatch,     // 400, its digest-uri is not the Request-URI (RFC 7616 section 3.4.6)
    unauthorized,            // 401, no credentials or wrong ones (RFC 3261 section 22.2)
    awaiting_approval,       // 401, the owner has not let the device in yet; outside it looks like any other 401
    not_own_address,         // 403, a device that authenticated for another's address-of-record (section 10.3 step 4)
    network_not_admitted,    // 403, the source is in none of admission.networks
    device_elsewhere,        // 403, the owner lets this device come from other networks only
    sender_elsewhere,        // 403, a MESSAGE of somebody who is not registered from where it comes
    device_disabled,         // 403, the owner disabled a device that has no credentials
    watcher_not_admitted,    // 403, a SUBSCRIBE to what its sender may not watch
    unknown_domain,          // 404, the address-of-record is not ours (section 10.3 step 5)
    unknown_user,            // 404, a request for somebody who is not registered
    unavailable,             // 480, a registered user that cannot be called here
    method_not_allowed,      // 405
    not_acceptable,          // 406, Accept leaves out session descriptions (section 21.4.7)
    no_common_type,          // 406, a SUBSCRIBE whose Accept has none of the package's types
    unsupported_media_type,  // 415, a body of a call that is no session description, or encoded
    unsupported_scheme,      // 416
    extension_required,      // 420, Require names what we do not have
    lists_unsupported,       // 421, a SUBSCRIBE to a list from who does not know lists (RFC 4662 section 4.1)
    session_too_brief,       // 422, Session-Expires below 90 s (RFC 4028 section 9)
    brief_interval,          // 423, below registrar.min_expires_s
    no_such_dialog,          // 481
    request_merged,          // 482, the same request on two ways (section 8.2.2.2)
    too_many_hops,           // 483, Max-Forwards is used up (section 16.3)
    bad_event,               // 489, no or an unknown event package (RFC 6665 section 4.2.1.1)
    request_pending,         // 491, an offer within a call before the last one is settled (section 14.2)
    out_of_order,            // 500, CSeq not above the binding's (section 10.3 step 7)
    update_pending,          // 500 with Retry-After, an offer while one waits (section 14.2, RFC 3311 section 5.2)
    too_many_contacts,       // 503, beyond registrar.max_contacts
    too_many_calls,          // 503, as many calls as limits.max_calls are up
    too_many_messages,       // 503, as many MESSAGEs as fit are under way
    too_many_subscriptions,  // 503, as many subscriptions as allowed are held
    shutting_down,           // 503, the daemon ends
    too_many_aors,           // 503, beyond limits.max_aors
    too_many_bindings,       // 503, beyond limits.max_bindings
    memory_full,             // 503, beyond limits.max_memory_mb
    too_many_requests,       // 503, the source is beyond its rate
    too_many_failures,       // 503, the source or the user waits after failed guesses
    method_unknown,          // 501
    version_unsupported,     // 505
    message_too_large,       // 513
    transfer_declined,       // 603, REFER within a call
};

/// The status line's part of a refusal.
struct StatusLine {
    std::uint16_t status;
    std::string_view phrase;
};

/// The one table; `none` is 200 OK.
[[nodiscard]] StatusLine status_line(RejectReason reason) noexcept;

/// A sentence for the Warning header (RFC 3261 section 20.43, code 399), without quotes; empty where the status says it
/// all.
[[nodiscard]] std::string_view warning_text(RejectReason reason) noexcept;

}  // namespace sr::sip
