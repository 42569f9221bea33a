// Writes answers as octets: the header fields copied from the request (RFC 3261 section 8.2.6.2) and the handler's own.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/text_buffer.hpp"
#include "sip/raw_message.hpp"
#include "sip/reply.hpp"
#include "sip/reply_text.hpp"

namespace sr::stack {

using sip::kProduct;
using sip::ReplySource;

/// `tag_key` makes the To tag of a request without one: the same for its retransmissions (RFC 3261 section 8.2.7).
/// Returns the port, as sip::write_copied_fields does.
[[nodiscard]] std::uint16_t write_reply(const sip::RawHeaders& request, const ReplySource& source,
                                        const sip::Reply& reply, std::uint64_t tag_key, base::TextBuffer& out) noexcept;

}  // namespace sr::stack
