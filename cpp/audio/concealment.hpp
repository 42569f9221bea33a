// What is heard in the place of lost audio, for codecs that have no concealment of their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "audio/audio_frame.hpp"

namespace sr::audio {

/// Repeats the last 20 ms back and forth, so that the signal has no step, and fades them out within 100 ms.
class Concealment {
  public:
    explicit Concealment(std::uint8_t channels) noexcept : channels_(channels) {}

    /// What was decoded; its beginning is blended with the concealment before it.
    void hear(SampleRoom decoded) noexcept;
    /// Fills `room` with what may follow.
    void conceal(SampleRoom room) noexcept;

  private:
    static constexpr std::size_t kBlendSamples = 240;  // 5 ms
    static constexpr std::size_t kFadeSamples = 5 * kFrameSamples;

    [[nodiscard]] const std::int16_t* next_sample() noexcept;

    std::uint8_t channels_;
    std::size_t concealed_ = 0;  // samples of each channel since the last decoded one
    std::array<std::int16_t, kFrameSamples * kMostChannels> heard_{};
};

}  // namespace sr::audio
