// Writes answers as octets: the header fields copied from the request (RFC 3261 section 8.2.6.2) and the handler's own.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/text_buffer.hpp"
#include "sip/flow.hpp"
#include "sip/raw_message.hpp"
#include "sip/reply.hpp"

namespace sr::stack {

/// The product token of Server and User-Agent (RFC 3261 section 20.35).
inline constexpr std::string_view kProduct = "screamrouter-sip";

/// Where the request came from, as the top Via must say it (RFC 3581 section 4, RFC 3261 section 18.2.1).
struct ReplySource {
    std::string_view ip;
    std::uint16_t port;
};

/// `tag_key` makes the To tag of a request without one: the same for its retransmissions (RFC 3261 section 8.2.7).
/// Returns the port an answer over UDP goes to: the source port where the peer asked for rport, else the top Via's
/// sent-by port. (The address is always the packet's source; a maddr is not followed, since it would let anybody aim
/// our answers.)
[[nodiscard]] std::uint16_t write_reply(const sip::RawHeaders& request, const ReplySource& source,
                                        const sip::Reply& reply, std::uint64_t tag_key, base::TextBuffer& out) noexcept;

}  // namespace sr::stack
