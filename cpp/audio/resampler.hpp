// Between the rate of the mixes and that of a codec.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "audio/audio_frame.hpp"

struct SpeexResamplerState_;

namespace sr::audio {

/// Keeps its phase from call to call: what goes in in pieces comes out as one signal, 1-3 ms later.
class Resampler {
  public:
    /// Null when memory is gone.
    [[nodiscard]] static std::unique_ptr<Resampler> make(std::uint32_t from_hz, std::uint32_t to_hz,
                                                         std::uint8_t channels);

    /// Interleaved; returns the samples written, of all channels. `out` holds what `in` makes, and one sample more of
    /// each channel where the rates do not divide.
    [[nodiscard]] std::size_t process(Samples in, SampleRoom out) noexcept;

  private:
    struct Destroy {
        void operator()(SpeexResamplerState_* state) const noexcept;
    };
    using State = std::unique_ptr<SpeexResamplerState_, Destroy>;

    Resampler(State state, std::uint8_t channels) noexcept : state_(std::move(state)), channels_(channels) {}

    State state_;  // null where the rates are equal
    std::uint8_t channels_;
};

}  // namespace sr::audio
