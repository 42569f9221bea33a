// A binding (RFC 3261 section 10.3) as the location keeps it and everybody else reads it.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "base/clock.hpp"
#include "sip/flow.hpp"
#include "sip/uuid.hpp"

namespace sr::sip {

inline constexpr std::uint16_t kNoQ = std::numeric_limits<std::uint16_t>::max();

/// A view; the strings live as long as the lock under which it was taken.
struct BindingView {
    std::uint64_t id = 0;      // unique in the life of the process, never 0
    std::uint64_t number = 0;  // names it beyond that; rises with each new binding
    std::string_view contact_uri;
    std::string_view call_id;
    std::string_view instance;  // as in RequestedContact
    std::string_view path;
    std::string_view user_agent;
    std::string_view content_type;
    std::string_view body;
    Uuid device;  // nil: the device is known by its address-of-record
    Flow flow;
    SocketAddress target;  // where requests for it go: the flow's source, or the Contact's own address
    base::TimeMs expires_at_ms = 0;
    base::TimeMs last_heard_ms = 0;
    std::uint32_t cseq = 0;
    std::uint32_t reg_id = 0;
    std::uint32_t rtt_us = 0;  // of the last answered ping; 0: none yet
    std::uint16_t q_thousandths = kNoQ;
    bool is_reachable = false;
};

}  // namespace sr::sip
