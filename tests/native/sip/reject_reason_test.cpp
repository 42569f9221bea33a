#include "sip/reject_reason.hpp"

#include <doctest/doctest.h>

using sr::sip::RejectReason;
using sr::sip::status_line;
using sr::sip::warning_text;

TEST_CASE("RFC 3261 21: every reason has the status that the RFC gives it") {
    const struct {
        RejectReason reason;
        int status;
    } rows[] = {
        {RejectReason::none, 200},
        {RejectReason::malformed, 400},
        {RejectReason::truncated, 400},
        {RejectReason::body_too_short, 400},
        {RejectReason::line_end_invalid, 400},
        {RejectReason::control_character, 400},
        {RejectReason::nesting_invalid, 400},
        {RejectReason::header_missing, 400},
        {RejectReason::length_missing, 400},
        {RejectReason::header_repeated, 400},
        {RejectReason::too_many_headers, 400},
        {RejectReason::number_invalid, 400},
        {RejectReason::branch_invalid, 400},
        {RejectReason::to_scheme_invalid, 400},
        {RejectReason::method_mismatch, 400},
        {RejectReason::star_not_alone, 400},
        {RejectReason::contact_invalid, 400},
        {RejectReason::identity_conflict, 400},
        {RejectReason::identity_missing, 400},
        {RejectReason::field_too_long, 400},
        {RejectReason::credentials_malformed, 400},
        {RejectReason::digest_uri_mismatch, 400},
        {RejectReason::unauthorized, 401},
        {RejectReason::awaiting_approval, 401},
        {RejectReason::not_own_address, 403},
        {RejectReason::network_not_admitted, 403},
        {RejectReason::sender_elsewhere, 403},
        {RejectReason::device_disabled, 403},
        {RejectReason::unknown_domain, 404},
        {RejectReason::unknown_user, 404},
        {RejectReason::unavailable, 480},
        {RejectReason::method_not_allowed, 405},
        {RejectReason::not_acceptable, 406},
        {RejectReason::unsupported_media_type, 415},
        {RejectReason::unsupported_scheme, 416},
        {RejectReason::extension_required, 420},
        {RejectReason::session_too_brief, 422},
        {RejectReason::brief_interval, 423},
        {RejectReason::no_such_dialog, 481},
        {RejectReason::request_merged, 482},
        {RejectReason::too_many_hops, 483},
        {RejectReason::request_pending, 491},
        {RejectReason::out_of_order, 500},
        {RejectReason::update_pending, 500},
        {RejectReason::too_many_contacts, 503},
        {RejectReason::too_many_calls, 503},
        {RejectReason::too_many_messages, 503},
        {RejectReason::watcher_not_admitted, 403},
        {RejectReason::no_common_type, 406},
        {RejectReason::lists_unsupported, 421},
        {RejectReason::bad_event, 489},
        {RejectReason::too_many_subscriptions, 503},
        {RejectReason::shutting_down, 503},
        {RejectReason::too_many_aors, 503},
        {RejectReason::too_many_bindings, 503},
        {RejectReason::memory_full, 503},
        {RejectReason::too_many_requests, 503},
        {RejectReason::too_many_failures, 503},
        {RejectReason::method_unknown, 501},
        {RejectReason::version_unsupported, 505},
        {RejectReason::message_too_large, 513},
        {RejectReason::transfer_declined, 603},
    };
    for (const auto& [reason, status] : rows) {
        CAPTURE(status);
        CHECK(status_line(reason).status == status);
        CHECK_FALSE(status_line(reason).phrase.empty());
    }
}

TEST_CASE("RFC 3261 20.43: a 400 always says in words what is wrong, and the words fit a quoted string") {
    for (int i = 0; i <= static_cast<int>(RejectReason::transfer_declined); ++i) {
        const auto reason = static_cast<RejectReason>(i);
        CAPTURE(i);
        if (status_line(reason).status == 400) CHECK_FALSE(warning_text(reason).empty());
        CHECK(warning_text(reason).find_first_of("\"\\\r\n") == std::string_view::npos);
    }
}

TEST_CASE("RFC 3261 20.43: no words tell a wrong password from a device that waits or a source that is not admitted") {
    for (const auto reason :
         {RejectReason::unauthorized, RejectReason::awaiting_approval, RejectReason::network_not_admitted}) {
        CHECK(warning_text(reason).empty());
    }
}
