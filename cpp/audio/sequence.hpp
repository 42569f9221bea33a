// Arithmetic of numbers that wrap: sequence numbers and timestamps (RFC 3550, RFC 1982).
#pragma once

#include <cstdint>

namespace sr::audio {

/// How far `to` lies after `from`; negative where it lies before.
[[nodiscard]] constexpr std::int32_t sequence_distance(std::uint16_t from, std::uint16_t to) noexcept {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(to - from));
}
[[nodiscard]] constexpr std::int32_t timestamp_distance(std::uint32_t from, std::uint32_t to) noexcept {
    return static_cast<std::int32_t>(to - from);
}

/// The whole number that is nearest to `reference` among those that end in `value`.
[[nodiscard]] constexpr std::int64_t unwrap_sequence(std::int64_t reference, std::uint16_t value) noexcept {
    return reference + sequence_distance(static_cast<std::uint16_t>(reference), value);
}
[[nodiscard]] constexpr std::int64_t unwrap_timestamp(std::int64_t reference, std::uint32_t value) noexcept {
    return reference + timestamp_distance(static_cast<std::uint32_t>(reference), value);
}

}  // namespace sr::audio
