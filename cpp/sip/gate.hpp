// The gate: one pass over a message's octets that says whether anybody may read it, and finds what an answer copies.
// It asks for less than the grammar of RFC 3261 section 25.1 and for all that the parser behind it takes on trust:
// where a line, a quoted string or a bracket ends, how large a number is, which fields stand once.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "sip/raw_message.hpp"
#include "sip/reject_reason.hpp"

namespace sr::sip {

inline constexpr std::size_t kMostHeaderLines = 128;  // the longest header in RFC 4475 has 44
inline constexpr std::size_t kMostLineOctets = 4096;  // of one header field, folded lines included

inline constexpr std::size_t kMostAuthorizations = 8;

/// What the gate found. Views into the message.
struct Inspection {
    RawHeaders headers;  // as far as they could be found, also of a faulty message
    std::string_view method;
    std::string_view request_uri;  // as written
    std::array<std::string_view, kMostAuthorizations> authorization_values;
    std::size_t authorization_count = 0;      // further ones are not looked at
    std::string_view expires;                 // the Expires field as written, empty where there is none
    RejectReason fault = RejectReason::none;  // the first one
    bool is_response = false;
    bool has_sip_scheme = true;            // of the Request-URI: sip or sips
    bool has_unknown_credentials = false;  // an Authorization of another scheme than Digest

    [[nodiscard]] std::span<const std::string_view> authorizations() const noexcept {
        return {authorization_values.data(), authorization_count};
    }

    /// Whether its sender is told of a fault: never of one in a response or an ACK, nor when no answer would find its
    /// way (RFC 3261 sections 17.1.1.3, 17.1.3, 18.1.2).
    [[nodiscard]] bool is_answerable() const noexcept;
};

/// Reads all of `message`, one whole datagram, into `result`, which may be used again and again.
void inspect(std::string_view message, Inspection& result) noexcept;

}  // namespace sr::sip
