#include "dialog/session_timer.hpp"

#include <algorithm>
#include <charconv>

#include "dialog/timers.hpp"
#include "sip/ascii.hpp"
#include "sip/reply_text.hpp"

namespace sr::dialog {
namespace {

constexpr std::uint32_t kLongestSession_s = 86'400;  // longer promises nothing
constexpr std::uint32_t kLongestMargin_s = 32;       // section 10

}  // namespace

SessionDecision decide_session(const CallRequest& request) {
    if (request.session_expires.empty() || !request.supports_timer) return {};
    const std::string_view digits = sip::trim(request.session_expires.substr(0, request.session_expires.find(';')));
    const bool are_digits = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (!are_digits) return {sip::RejectReason::malformed, {}};
    std::uint32_t wanted_s = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), wanted_s);
    if (result.ec != std::errc()) wanted_s = kLongestSession_s;
    if (wanted_s < kShortestSession_s) return {sip::RejectReason::session_too_brief, {}};
    const std::string_view refresher = sip::parameter_of(request.session_expires, "refresher");
    const bool are_we_refresher = sip::is_equal_ignoring_case(refresher, "uas");
    if (are_we_refresher && !request.allows_update) return {};
    return {sip::RejectReason::none, {std::min(wanted_s, kLongestSession_s), are_we_refresher}};
}

std::string session_lines(const SessionTerms& terms) {
    if (terms.interval_s == 0) return {};
    std::string lines = "Session-Expires: " + std::to_string(terms.interval_s);
    // Section 9: Require tells the peer that refreshing is its own affair.
    return lines.append(terms.are_we_refresher ? ";refresher=uas\r\n" : ";refresher=uac\r\nRequire: timer\r\n");
}

base::TimeMs session_end_ms(const SessionTerms& terms, base::TimeMs now_ms) noexcept {
    if (terms.interval_s == 0) return kNever;
    return now_ms + base::TimeMs{1000} * (terms.interval_s - std::min(kLongestMargin_s, terms.interval_s / 3));
}

}  // namespace sr::dialog
