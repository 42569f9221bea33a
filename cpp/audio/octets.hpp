// Octets as they stand in a packet, and the time at which packets come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sr::audio {

/// Microseconds on the monotonic clock: the jitter of a LAN is below a millisecond.
using TimeUs = std::int64_t;

using Octets = std::span<const std::uint8_t>;
using OctetRoom = std::span<std::uint8_t>;

/// Network order; the caller has checked that the octets are there.
[[nodiscard]] constexpr std::uint16_t read_u16(Octets octets, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(octets[at] << 8 | octets[at + 1]);
}
[[nodiscard]] constexpr std::uint32_t read_u24(Octets octets, std::size_t at) noexcept {
    return static_cast<std::uint32_t>(octets[at] << 16 | octets[at + 1] << 8 | octets[at + 2]);
}
[[nodiscard]] constexpr std::uint32_t read_u32(Octets octets, std::size_t at) noexcept {
    return static_cast<std::uint32_t>(octets[at]) << 24 | read_u24(octets, at + 1);
}

constexpr void write_u16(OctetRoom octets, std::size_t at, std::uint16_t value) noexcept {
    octets[at] = static_cast<std::uint8_t>(value >> 8);
    octets[at + 1] = static_cast<std::uint8_t>(value);
}
constexpr void write_u32(OctetRoom octets, std::size_t at, std::uint32_t value) noexcept {
    write_u16(octets, at, static_cast<std::uint16_t>(value >> 16));
    write_u16(octets, at + 2, static_cast<std::uint16_t>(value));
}

}  // namespace sr::audio
