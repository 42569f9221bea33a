// Session timers (RFC 4028), decided for one request. We ask for none of our own: who is silent is noticed by his
// audio.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "dialog/call_request.hpp"
#include "sip/reject_reason.hpp"

namespace sr::dialog {

inline constexpr std::uint32_t kShortestSession_s = 90;  // section 4: nobody may go below

struct SessionTerms {
    std::uint32_t interval_s = 0;  // 0: no timer
    bool are_we_refresher = false;
};

struct SessionDecision {
    sip::RejectReason reason = sip::RejectReason::none;
    SessionTerms terms;
};

/// What a 2xx to this INVITE or UPDATE grants (sections 9 and 10): the peer refreshes wherever it may choose. A peer
/// that wants us to, but does not take UPDATE, gets no timer.
[[nodiscard]] SessionDecision decide_session(const CallRequest& request);

/// The lines of the 2xx; empty without a timer.
[[nodiscard]] std::string session_lines(const SessionTerms& terms);

/// When the call is given up unless it is refreshed (section 10).
[[nodiscard]] base::TimeMs session_end_ms(const SessionTerms& terms, base::TimeMs now_ms) noexcept;

}  // namespace sr::dialog
