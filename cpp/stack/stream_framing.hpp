// Where a message ends on a byte stream (RFC 3261 section 18.3), without a socket or a clock.
//
// Theory of operation. Octets are appended as they come; `next` takes one thing after the other from the front:
//
//   CR LF                nothing; two of them are a keep-alive (RFC 5626 section 3.5.1)
//   header ... CR LF CR LF  Content-Length octets  ->  a message
//   a header that says no length, two lengths or none that is a number, or goes beyond the limit  ->  broken, for good:
//   nobody can tell where the next message would begin
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "sip/reject_reason.hpp"

namespace sr::stack {

inline constexpr std::size_t kMostMessageOctets = 65'535;  // as much as a datagram could carry
inline constexpr std::size_t kMostHeaderOctets = 32 * 1024;
inline constexpr base::TimeMs kMessageTimeMs = 10'000;  // from a message's first octet to its last
inline constexpr base::TimeMs kNothingBegun = INT64_MAX;

enum class FrameKind : std::uint8_t {
    none,        // more octets are needed
    keep_alive,  // to be answered by CR LF
    message,
    broken,  // `octets` is the header as far as it came, `fault` what is wrong with it
};

/// A view that lives until the next call.
struct Frame {
    FrameKind kind = FrameKind::none;
    std::string_view octets{};
    sip::RejectReason fault = sip::RejectReason::none;
};

class StreamFraming {
  public:
    void append(std::string_view octets, base::TimeMs now_ms);

    /// To be called until it says `none` or `broken`.
    [[nodiscard]] Frame next();

    /// Since when a message is begun that is not whole; kNothingBegun where there is none.
    [[nodiscard]] base::TimeMs half_since_ms() const noexcept {
        return size() == 0 || is_broken_ ? kNothingBegun : begun_ms_;
    }

    /// Octets held.
    [[nodiscard]] std::size_t size() const noexcept { return buffer_.size() - at_; }

  private:
    [[nodiscard]] bool skip_line_ends() noexcept;
    [[nodiscard]] Frame read_header();
    [[nodiscard]] Frame break_off(std::string_view header, sip::RejectReason fault) noexcept;
    void forget_taken();

    std::string buffer_;
    std::size_t at_ = 0;        // of the first octet not taken
    std::size_t searched_ = 0;  // up to here, from at_ on, no header ends
    std::size_t whole_ = 0;     // of the message at at_, once its header is there
    base::TimeMs begun_ms_ = 0;
    base::TimeMs appended_ms_ = 0;
    unsigned line_ends_ = 0;  // CR LF since the last message or keep-alive
    bool is_broken_ = false;
};

/// What a header's Content-Length says.
struct BodyLength {
    std::size_t octets = 0;
    sip::RejectReason fault = sip::RejectReason::none;  // length_missing, header_repeated, number_invalid
};

/// `header` is whole, its empty line included. Both names count, folded lines (section 7.3.1) too.
[[nodiscard]] BodyLength read_body_length(std::string_view header) noexcept;

}  // namespace sr::stack
