// Which way media flows, seen from the one who wrote the description (RFC 8866 section 6.7).
#pragma once

#include <cstdint>
#include <string_view>

namespace sr::sdp {

/// Bit 0: sends; bit 1: receives.
enum class Direction : std::uint8_t { inactive = 0, sendonly = 1, recvonly = 2, sendrecv = 3 };

[[nodiscard]] constexpr Direction direction_of(bool sends, bool receives) noexcept {
    return static_cast<Direction>((sends ? 1U : 0U) | (receives ? 2U : 0U));
}

[[nodiscard]] constexpr bool sends(Direction direction) noexcept {
    return (static_cast<unsigned>(direction) & 1U) != 0;
}

[[nodiscard]] constexpr bool receives(Direction direction) noexcept {
    return (static_cast<unsigned>(direction) & 2U) != 0;
}

/// The same flow seen from the other side.
[[nodiscard]] constexpr Direction reversed(Direction direction) noexcept {
    return direction_of(receives(direction), sends(direction));
}

/// What one side may say to the other's `offered` if it wants `wanted` (RFC 3264 section 6.1).
[[nodiscard]] constexpr Direction answered(Direction offered, Direction wanted) noexcept {
    return direction_of(sends(wanted) && receives(offered), receives(wanted) && sends(offered));
}

/// The attribute's name.
[[nodiscard]] constexpr std::string_view name_of(Direction direction) noexcept {
    switch (direction) {
        case Direction::inactive: return "inactive";
        case Direction::sendonly: return "sendonly";
        case Direction::recvonly: return "recvonly";
        case Direction::sendrecv: return "sendrecv";
    }
    return "inactive";
}

}  // namespace sr::sdp
