// OPTIONS pings (RFC 3261 section 11) without transactions: the Via branch carries all that the answer must bring back.
#pragma once

#include <optional>
#include <string_view>

#include "base/text_buffer.hpp"
#include "sip/flow.hpp"
#include "stack/request_handler.hpp"

namespace sr::stack {

struct PingRequest {
    PingToken token;
    std::string_view contact_uri;  // the Request-URI
    std::string_view path;         // becomes the Route (RFC 3327 section 5.1); empty: none
    std::string_view local_ip;     // no brackets
    std::uint16_t local_port = 0;
    std::string_view domain;
    sip::Transport transport = sip::Transport::udp;
};

void write_ping(const PingRequest& ping, base::TextBuffer& out) noexcept;

/// The token in an answer's top Via branch; nullopt when the branch is none of ours.
[[nodiscard]] std::optional<PingToken> read_ping_token(std::string_view branch) noexcept;

}  // namespace sr::stack
