// An answer before it is written: what a handler decides, without the header fields that are copied from the request.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/text_buffer.hpp"
#include "sip/reject_reason.hpp"

namespace sr::sip {

inline constexpr std::size_t kMostReplyHeaderOctets = 24 * 1024;

class Reply {
    std::array<char, kMostReplyHeaderOctets> room_{};

  public:
    Reply() noexcept : headers(room_) {}
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;

    /// Ready for another request: 200 OK without header fields.
    void clear() noexcept {
        refuse(RejectReason::none);
        is_withheld = false;
        headers.clear();
    }

    void refuse(RejectReason why) noexcept {
        reason = why;
        line = status_line(why);
    }

    RejectReason reason = RejectReason::none;
    bool is_withheld = false;  // nothing is sent
    StatusLine line{200, "OK"};
    /// Whole header lines, each ending in CRLF.
    base::TextBuffer headers;
};

}  // namespace sr::sip
