// How loud audio is, as RFC 6464 counts it.
#pragma once

#include <cstdint>

#include "audio/audio_frame.hpp"

namespace sr::audio {

inline constexpr std::uint8_t kSilentLevel = 127;

/// The root mean square in decibels below overload: 0 is a full-scale square wave, 3 a full-scale sine, 127 silence.
[[nodiscard]] std::uint8_t level_below_overload_db(Samples samples) noexcept;

}  // namespace sr::audio
