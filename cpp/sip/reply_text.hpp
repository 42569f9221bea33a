// The header fields that every answer copies from its request (RFC 3261 section 8.2.6.2), as octets.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/text_buffer.hpp"
#include "sip/raw_message.hpp"

namespace sr::sip {

/// The product token of Server and User-Agent (RFC 3261 section 20.35).
inline constexpr std::string_view kProduct = "screamrouter-sip";

/// Where the request came from, as the top Via must say it (RFC 3581 section 4, RFC 3261 section 18.2.1).
struct ReplySource {
    std::string_view ip;
    std::uint16_t port;
};

/// Via, From, To, Call-ID and CSeq; what the request lacks, the answer lacks too. `tag` is added to a To without one.
/// Returns the port an answer over UDP goes to: the source port where the peer asked for rport, else the top Via's
/// sent-by port. (The address is always the packet's source; a maddr is not followed, since it would let anybody aim
/// our answers.)
[[nodiscard]] std::uint16_t write_copied_fields(const RawHeaders& request, const ReplySource& source,
                                                std::string_view tag, base::TextBuffer& out) noexcept;

/// The value of a parameter behind a From, To, Via or Contact value, outside of quotes and brackets; empty where it has
/// none, a null view where the parameter is absent. `name` in any case.
[[nodiscard]] std::string_view parameter_of(std::string_view value, std::string_view name) noexcept;

}  // namespace sr::sip
