#include "audio/tone.hpp"

#include <cmath>
#include <numbers>

namespace sr::audio {

Tone::Tone(double frequency_hz, double amplitude) noexcept
    : step_(2 * std::numbers::pi * frequency_hz / kMixRateHz), amplitude_(amplitude * 32767) {}

void Tone::fill(AudioFrame& frame) noexcept {
    const SampleRoom samples = frame.samples();
    for (std::size_t i = 0; i < samples.size(); i += frame.channels) {
        const auto sample = static_cast<std::int16_t>(std::lround(amplitude_ * std::sin(phase_)));
        for (std::size_t channel = 0; channel < frame.channels; ++channel) samples[i + channel] = sample;
        phase_ += step_;
    }
    phase_ = std::fmod(phase_, 2 * std::numbers::pi);
}

}  // namespace sr::audio
