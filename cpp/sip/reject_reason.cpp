#include "sip/reject_reason.hpp"

#include <array>
#include <cstddef>

namespace sr::sip {
namespace {

struct Row {
    RejectReason reason;
    StatusLine line;
    std::string_view warning;
};

constexpr std::array kRows{
    Row{RejectReason::none, {200, "OK"}, ""},
    Row{RejectReason::malformed, {400, "Bad Request"}, "the request is unreadable or contradicts itself"},
    Row{RejectReason::truncated, {400, "Bad Request"}, "the message ends before the empty line behind its header"},
    Row{RejectReason::body_too_short, {400, "Bad Request"}, "the body is shorter than Content-Length says"},
    Row{RejectReason::line_end_invalid, {400, "Bad Request"}, "header lines must end in CR LF, both of them"},
    Row{RejectReason::control_character, {400, "Bad Request"}, "a control character stands in the header"},
    Row{RejectReason::nesting_invalid,
        {400, "Bad Request"},
        "a quotation mark or bracket does not end, or stands within another"},
    Row{RejectReason::header_missing, {400, "Bad Request"}, "From, To or Call-ID is missing"},
    Row{RejectReason::length_missing,
        {400, "Bad Request"},
        "Content-Length must be given over TCP and TLS: without it nobody can tell where the message ends"},
    Row{RejectReason::header_repeated, {400, "Bad Request"}, "a header field that may stand once stands twice"},
    Row{RejectReason::too_many_headers,
        {400, "Bad Request"},
        "the message has more header lines than this server reads"},
    Row{RejectReason::number_invalid,
        {400, "Bad Request"},
        "CSeq, Max-Forwards, Content-Length or Expires is no number or out of its range"},
    Row{RejectReason::branch_invalid, {400, "Bad Request"}, "the branch in Via is the magic cookie and nothing else"},
    Row{RejectReason::to_scheme_invalid, {400, "Bad Request"}, "To must be a SIP or SIPS URI to be registered"},
    Row{RejectReason::method_mismatch, {400, "Bad Request"}, "CSeq names another method than the request line"},
    Row{RejectReason::star_not_alone,
        {400, "Bad Request"},
        "Contact: * must be the only Contact and needs the header Expires: 0"},
    Row{RejectReason::contact_invalid, {400, "Bad Request"}, "a Contact is no SIP or SIPS URI with a host"},
    Row{RejectReason::identity_conflict, {400, "Bad Request"}, "the request names two different device UUIDs"},
    Row{RejectReason::identity_missing,
        {400, "Bad Request"},
        "To is screamrouter but no device UUID is given in +sip.instance, a=x-screamrouter-uuid or From"},
    Row{RejectReason::field_too_long, {400, "Bad Request"}, "a field is longer than this server allows"},
    Row{RejectReason::credentials_malformed, {400, "Bad Request"}, "the Authorization header cannot be read"},
    Row{RejectReason::digest_uri_mismatch,
        {400, "Bad Request"},
        "the uri of the Authorization header is not the URI of the request line"},
    Row{RejectReason::unauthorized, {401, "Unauthorized"}, ""},
    Row{RejectReason::awaiting_approval, {401, "Unauthorized"}, ""},
    Row{RejectReason::not_own_address,
        {403, "Forbidden"},
        "these credentials are good, but not for the address-of-record in To"},
    Row{RejectReason::network_not_admitted, {403, "Forbidden"}, ""},
    Row{RejectReason::device_elsewhere, {403, "Forbidden"}, ""},
    Row{RejectReason::sender_elsewhere,
        {403, "Forbidden"},
        "messages are taken from devices that are registered here, from the address that they registered from"},
    Row{RejectReason::device_disabled, {403, "Forbidden"}, "the owner has disabled this device"},
    Row{RejectReason::watcher_not_admitted, {403, "Forbidden"}, "this may not be watched from there"},
    Row{RejectReason::unknown_domain,
        {404, "Not Found"},
        "this server does not serve that domain; use its configured domain, its host name or its address"},
    Row{RejectReason::unknown_user, {404, "Not Found"}, "nobody of that name is registered here"},
    Row{RejectReason::unavailable, {480, "Temporarily Unavailable"}, "that user cannot be called here now"},
    Row{RejectReason::method_not_allowed, {405, "Method Not Allowed"}, ""},
    Row{RejectReason::not_acceptable,
        {406, "Not Acceptable"},
        "answers here are application/sdp, which Accept leaves out"},
    Row{RejectReason::no_common_type, {406, "Not Acceptable"}, "Accept leaves out every type of this event package"},
    Row{RejectReason::unsupported_media_type,
        {415, "Unsupported Media Type"},
        "only application/sdp without an encoding is read here"},
    Row{RejectReason::unsupported_scheme, {416, "Unsupported URI Scheme"}, "only sip and sips URIs are served"},
    Row{RejectReason::extension_required, {420, "Bad Extension"}, ""},
    Row{RejectReason::lists_unsupported,
        {421, "Extension Required"},
        "this is a list, which only clients that support eventlist can watch"},
    Row{RejectReason::session_too_brief, {422, "Session Interval Too Small"}, ""},
    Row{RejectReason::brief_interval, {423, "Interval Too Brief"}, ""},
    Row{RejectReason::no_such_dialog, {481, "Call/Transaction Does Not Exist"}, ""},
    Row{RejectReason::request_merged, {482, "Loop Detected"}, "this request has come before, on another way"},
    Row{RejectReason::too_many_hops, {483, "Too Many Hops"}, ""},
    Row{RejectReason::bad_event, {489, "Bad Event"}, ""},
    Row{RejectReason::request_pending, {491, "Request Pending"}, ""},
    Row{RejectReason::out_of_order,
        {500, "Server Internal Error"},
        "CSeq is not above the last one of this Call-ID; the request is late or repeats another"},
    Row{RejectReason::update_pending,
        {500, "Server Internal Error"},
        "another offer of this call still waits for its answer"},
    Row{RejectReason::too_many_contacts,
        {503, "Service Unavailable"},
        "this address-of-record already has as many contacts as registrar.max_contacts allows"},
    Row{RejectReason::too_many_calls, {503, "Service Unavailable"}, "as many calls as limits.max_calls allows are up"},
    Row{RejectReason::too_many_messages,
        {503, "Service Unavailable"},
        "as many messages as this server carries at once are under way"},
    Row{RejectReason::too_many_subscriptions,
        {503, "Service Unavailable"},
        "as many subscriptions as allowed are held"},
    Row{RejectReason::shutting_down, {503, "Service Unavailable"}, "the server is going down"},
    Row{RejectReason::too_many_aors,
        {503, "Service Unavailable"},
        "as many addresses-of-record are registered as limits.max_aors allows"},
    Row{RejectReason::too_many_bindings,
        {503, "Service Unavailable"},
        "as many contacts are registered here as limits.max_bindings allows"},
    Row{RejectReason::memory_full,
        {503, "Service Unavailable"},
        "the registrations hold as much memory as limits.max_memory_mb allows"},
    Row{RejectReason::too_many_requests,
        {503, "Service Unavailable"},
        "requests come faster than this server takes them"},
    Row{RejectReason::too_many_failures,
        {503, "Service Unavailable"},
        "too many wrong credentials; wait, then try again"},
    Row{RejectReason::method_unknown, {501, "Not Implemented"}, ""},
    Row{RejectReason::version_unsupported, {505, "Version Not Supported"}, "only SIP/2.0 is spoken here"},
    Row{RejectReason::message_too_large, {513, "Message Too Large"}, ""},
    Row{RejectReason::transfer_declined, {603, "Decline"}, "calls are not transferred here"},
};

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        if (static_cast<std::size_t>(kRows[i].reason) != i) return false;
    }
    return true;
}
static_assert(is_in_order(), "a row stands at its reason's own number");
static_assert(kRows.size() == static_cast<std::size_t>(RejectReason::transfer_declined) + 1);

const Row& row_of(RejectReason reason) noexcept { return kRows[static_cast<std::size_t>(reason)]; }

}  // namespace

StatusLine status_line(RejectReason reason) noexcept { return row_of(reason).line; }

std::string_view warning_text(RejectReason reason) noexcept { return row_of(reason).warning; }

}  // namespace sr::sip
