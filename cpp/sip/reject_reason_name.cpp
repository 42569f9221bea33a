#include "sip/reject_reason_name.hpp"

#include <cstdint>

namespace sr::sip {

// NOLINTNEXTLINE(readability-function-size): a line a reason
std::string_view reason_name(RejectReason reason) noexcept {
    switch (reason) {  // without a default: the compiler names the reason that lacks its name
        case RejectReason::none: return "none";
        case RejectReason::malformed: return "malformed";
        case RejectReason::truncated: return "truncated";
        case RejectReason::body_too_short: return "body_too_short";
        case RejectReason::line_end_invalid: return "line_end_invalid";
        case RejectReason::control_character: return "control_character";
        case RejectReason::nesting_invalid: return "nesting_invalid";
        case RejectReason::header_missing: return "header_missing";
        case RejectReason::length_missing: return "length_missing";
        case RejectReason::header_repeated: return "header_repeated";
        case RejectReason::too_many_headers: return "too_many_headers";
        case RejectReason::number_invalid: return "number_invalid";
        case RejectReason::branch_invalid: return "branch_invalid";
        case RejectReason::to_scheme_invalid: return "to_scheme_invalid";
        case RejectReason::method_mismatch: return "method_mismatch";
        case RejectReason::star_not_alone: return "star_not_alone";
        case RejectReason::contact_invalid: return "contact_invalid";
        case RejectReason::identity_conflict: return "identity_conflict";
        case RejectReason::identity_missing: return "identity_missing";
        case RejectReason::field_too_long: return "field_too_long";
        case RejectReason::credentials_malformed: return "credentials_malformed";
        case RejectReason::digest_uri_mismatch: return "digest_uri_mismatch";
        case RejectReason::unauthorized: return "unauthorized";
        case RejectReason::awaiting_approval: return "awaiting_approval";
        case RejectReason::not_own_address: return "not_own_address";
        case RejectReason::network_not_admitted: return "network_not_admitted";
        case RejectReason::device_elsewhere: return "device_elsewhere";
        case RejectReason::sender_elsewhere: return "sender_elsewhere";
        case RejectReason::device_disabled: return "device_disabled";
        case RejectReason::watcher_not_admitted: return "watcher_not_admitted";
        case RejectReason::unknown_domain: return "unknown_domain";
        case RejectReason::unknown_user: return "unknown_user";
        case RejectReason::unavailable: return "unavailable";
        case RejectReason::method_not_allowed: return "method_not_allowed";
        case RejectReason::not_acceptable: return "not_acceptable";
        case RejectReason::no_common_type: return "no_common_type";
        case RejectReason::unsupported_media_type: return "unsupported_media_type";
        case RejectReason::unsupported_scheme: return "unsupported_scheme";
        case RejectReason::extension_required: return "extension_required";
        case RejectReason::lists_unsupported: return "lists_unsupported";
        case RejectReason::session_too_brief: return "session_too_brief";
        case RejectReason::brief_interval: return "brief_interval";
        case RejectReason::no_such_dialog: return "no_such_dialog";
        case RejectReason::request_merged: return "request_merged";
        case RejectReason::too_many_hops: return "too_many_hops";
        case RejectReason::bad_event: return "bad_event";
        case RejectReason::request_pending: return "request_pending";
        case RejectReason::out_of_order: return "out_of_order";
        case RejectReason::update_pending: return "update_pending";
        case RejectReason::too_many_contacts: return "too_many_contacts";
        case RejectReason::too_many_calls: return "too_many_calls";
        case RejectReason::too_many_messages: return "too_many_messages";
        case RejectReason::too_many_subscriptions: return "too_many_subscriptions";
        case RejectReason::shutting_down: return "shutting_down";
        case RejectReason::too_many_aors: return "too_many_aors";
        case RejectReason::too_many_bindings: return "too_many_bindings";
        case RejectReason::memory_full: return "memory_full";
        case RejectReason::too_many_requests: return "too_many_requests";
        case RejectReason::too_many_failures: return "too_many_failures";
        case RejectReason::method_unknown: return "method_unknown";
        case RejectReason::version_unsupported: return "version_unsupported";
        case RejectReason::message_too_large: return "message_too_large";
        case RejectReason::transfer_declined: return "transfer_declined";
    }
    return {};
}

std::vector<RejectReason> all_reject_reasons() {
    std::vector<RejectReason> reasons;
    for (std::uint8_t number = 1; !reason_name(static_cast<RejectReason>(number)).empty(); ++number) {
        reasons.push_back(static_cast<RejectReason>(number));
    }
    return reasons;
}

}  // namespace sr::sip
