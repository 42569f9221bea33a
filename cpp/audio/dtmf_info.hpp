// Digits as bodies of SIP INFO: application/dtmf-relay and application/dtmf, which no RFC describes and all phones
// send.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sr::audio {

struct InfoDigit {
    char digit = 0;  // as in `event_digit`
    std::uint32_t duration_ms = 250;
    bool operator==(const InfoDigit&) const = default;
};

/// `content_type` without regard to case and without its parameters. Relay: lines `Signal=5` and `Duration=160`, spaces
/// allowed, 10 and 11 for `*` and `#`, 12-15 for A-D. Plain: the digit alone. The duration is held within 40-6000.
/// Nothing for another type, for no digit, and for a flash.
[[nodiscard]] std::optional<InfoDigit> parse_dtmf_info(std::string_view content_type, std::string_view body) noexcept;

}  // namespace sr::audio
