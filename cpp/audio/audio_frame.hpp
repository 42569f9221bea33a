// Audio as the mixes have it: 20 ms of 16-bit samples at 48 kHz, one or two channels, interleaved.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sr::audio {

inline constexpr std::uint32_t kMixRateHz = 48000;
inline constexpr std::uint32_t kFrameMs = 20;
inline constexpr std::size_t kFrameSamples = 960;  // of each channel
inline constexpr std::size_t kMostChannels = 2;

using Samples = std::span<const std::int16_t>;
using SampleRoom = std::span<std::int16_t>;

struct AudioFrame {
    std::uint8_t channels = 1;
    alignas(32) std::array<std::int16_t, kFrameSamples * kMostChannels> storage{};

    [[nodiscard]] Samples samples() const noexcept { return Samples(storage).first(kFrameSamples * channels); }
    [[nodiscard]] SampleRoom samples() noexcept { return SampleRoom(storage).first(kFrameSamples * channels); }
    void silence() noexcept { storage.fill(0); }
};

/// Mono becomes two equal channels; two become their mean.
void convert_channels(AudioFrame& frame, std::uint8_t channels) noexcept;

}  // namespace sr::audio
