#include "audio/g711.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace sr::audio {

namespace {

// Both laws: sign, three bits of segment, four bits within it. The standard's values have 14 bits (mu) and 13 bits (A);
// ours stand at the top of 16 bits.
constexpr std::int32_t kUlawBias = 33 << 2;
constexpr std::int32_t kUlawHighest = 8158 << 2;  // the virtual decision value of the highest interval is 8159
constexpr std::uint8_t kAlawInversion = 0x55;     // every second bit

constexpr std::int16_t ulaw_value(std::uint8_t code) noexcept {
    const auto bits = static_cast<std::uint8_t>(~code);
    const std::int32_t magnitude = (((bits & 0x0F) << 3) + kUlawBias) << (bits >> 4 & 7);
    return static_cast<std::int16_t>((bits & 0x80) != 0 ? kUlawBias - magnitude : magnitude - kUlawBias);
}

constexpr std::int16_t alaw_value(std::uint8_t code) noexcept {
    const auto bits = static_cast<std::uint8_t>(code ^ kAlawInversion);
    const std::int32_t segment = bits >> 4 & 7;
    const std::int32_t middle = ((bits & 0x0F) << 4) + 8;
    const std::int32_t magnitude = segment == 0 ? middle : (middle + 0x100) << (segment - 1);
    return static_cast<std::int16_t>((bits & 0x80) != 0 ? magnitude : -magnitude);
}

template <class Value>
constexpr std::array<std::int16_t, 256> make_table(Value value) noexcept {
    std::array<std::int16_t, 256> table{};
    for (std::size_t code = 0; code < table.size(); ++code) table[code] = value(static_cast<std::uint8_t>(code));
    return table;
}

constexpr auto kUlawValues = make_table(ulaw_value);
constexpr auto kAlawValues = make_table(alaw_value);

/// 0 for what lies below `1 << first_bits`, one more for each doubling.
constexpr std::int32_t segment_of(std::int32_t magnitude, int first_bits) noexcept {
    return std::max(0, static_cast<int>(std::bit_width(static_cast<std::uint32_t>(magnitude))) - first_bits);
}

}  // namespace

std::int16_t decode_ulaw(std::uint8_t code) noexcept { return kUlawValues[code]; }

std::int16_t decode_alaw(std::uint8_t code) noexcept { return kAlawValues[code]; }

std::uint8_t encode_ulaw(std::int16_t sample) noexcept {
    const std::int32_t value = sample;
    const std::int32_t biased = std::min(value < 0 ? -value : value, kUlawHighest) + kUlawBias;
    const std::int32_t segment = segment_of(biased, 8);
    const std::int32_t bits = (value < 0 ? 0x80 : 0) | segment << 4 | (biased >> (segment + 3) & 0x0F);
    return static_cast<std::uint8_t>(~bits);
}

std::uint8_t encode_alaw(std::int16_t sample) noexcept {
    const std::int32_t value = sample;
    const std::int32_t magnitude = value < 0 ? -value - 1 : value;  // the intervals of both signs meet at zero
    const std::int32_t segment = segment_of(magnitude, 8);
    const std::int32_t bits = segment << 4 | (magnitude >> (segment == 0 ? 4 : segment + 3) & 0x0F);
    return static_cast<std::uint8_t>((value < 0 ? bits : bits | 0x80) ^ kAlawInversion);
}

}  // namespace sr::audio
