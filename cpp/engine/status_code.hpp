#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace sr::engine {

/// The status of a response that begins with its status line; 0 where it is none.
[[nodiscard]] inline std::uint16_t status_of(std::string_view response) noexcept {
    constexpr std::size_t kVersionOctets = 8;  // "SIP/2.0 "
    std::uint16_t status = 0;
    if (response.size() < kVersionOctets + 3) return status;
    std::from_chars(response.data() + kVersionOctets, response.data() + kVersionOctets + 3, status);
    return status;
}

}  // namespace sr::engine
