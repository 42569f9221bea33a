// What several speak at once. Sums are kept in 32 bits, so that one speaker can be taken out of them again exactly.
#pragma once

#include <array>
#include <cstdint>

#include "audio/audio_frame.hpp"

namespace sr::audio {

/// A volume factor of 0-4 as a fixed-point number, so that what is added can be subtracted bit for bit.
class Gain {
  public:
    constexpr Gain() noexcept = default;
    /// Held within 0-4; what is no number counts as 1.
    constexpr explicit Gain(double factor) noexcept : q12_(to_q12(factor)) {}

    [[nodiscard]] constexpr std::int32_t apply(std::int16_t sample) const noexcept { return sample * q12_ >> 12; }
    [[nodiscard]] constexpr bool is_unity() const noexcept { return q12_ == 1 << 12; }
    [[nodiscard]] constexpr bool is_zero() const noexcept { return q12_ == 0; }
    constexpr bool operator==(const Gain&) const noexcept = default;

  private:
    static constexpr std::int32_t to_q12(double factor) noexcept {
        if (!(factor == factor)) return 1 << 12;
        const double held = factor < 0 ? 0 : factor > 4 ? 4 : factor;
        return (static_cast<std::int32_t>(held * 8192) + 1) / 2;
    }
    std::int32_t q12_ = 1 << 12;
};

/// The sum of one tick. Mono speakers stand in the middle; at most 8,191 speakers at the highest gain.
class Mix {
  public:
    void clear() noexcept;
    void add(const AudioFrame& frame, Gain gain) noexcept;

    /// All speakers, saturated to 16 bits, with `channels` 1 or 2.
    void write(AudioFrame& out, std::uint8_t channels) const noexcept;
    /// All but one, who was added with the same frame and gain: what this speaker hears.
    void write_without(const AudioFrame& frame, Gain gain, AudioFrame& out, std::uint8_t channels) const noexcept;

    [[nodiscard]] std::uint32_t speakers() const noexcept { return speakers_; }

  private:
    std::uint32_t speakers_ = 0;
    bool is_stereo_ = false;  // until a stereo speaker comes, only the first half is used
    alignas(32) std::array<std::int32_t, kFrameSamples * kMostChannels> sums_{};
};

}  // namespace sr::audio
