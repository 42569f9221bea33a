// What the calls tell whoever decides about them, and what they want sent. Values with strings of their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sip/flow.hpp"

namespace sr::dialog {

using CallId = std::uint64_t;

enum class CallEventKind : std::uint8_t { incoming, updated, confirmed, info, ended };

/// Why a call is over.
enum class EndCause : std::uint8_t {
    none,
    hung_up_by_peer,
    cancelled,
    hung_up,
    rejected,
    undecided,
    unanswered,
    not_acknowledged,
    session_expired,
    peer_lost,
    shutdown,
};

[[nodiscard]] std::string_view end_cause_name(EndCause cause) noexcept;

/// One event; the fields that its kind does not name are empty. Text is as received, UTF-8 or not.
struct CallEvent {
    CallEventKind kind = CallEventKind::incoming;
    CallId call_id = 0;
    std::string user;  // incoming: whom it asks for, unescaped
    std::string request_uri;
    std::string caller_uri;
    std::string caller_user;
    std::string caller_name;
    std::string user_agent;
    std::string local_ip;
    sip::Flow flow;
    std::string content_type;         // incoming, info
    std::string body;                 // incoming, updated: the offer; confirmed: the answer; info
    bool is_reinvite = false;         // updated
    EndCause cause = EndCause::none;  // ended, as the next two
    std::uint16_t status = 0;
    std::string reason;
};

/// A message to be sent down a flow; over UDP to `to`. `answers`: the server transaction of which this is the final
/// answer, where whoever sends is to repeat it to repetitions of the request; else empty.
struct Transmission {
    sip::Flow flow;
    sip::SocketAddress to;
    std::string octets;
    std::string answers{};
};

/// What one step brought about, in order. Performed after the step, outside of its lock.
struct Outbox {
    std::vector<Transmission> transmissions;
    std::vector<CallEvent> events;
};

}  // namespace sr::dialog
