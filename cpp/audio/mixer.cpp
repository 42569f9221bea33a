#include "audio/mixer.hpp"

#include <algorithm>

namespace sr::audio {

namespace {

std::int16_t saturate(std::int32_t sum) noexcept { return static_cast<std::int16_t>(std::clamp(sum, -32768, 32767)); }

}  // namespace

void Mix::clear() noexcept {
    // What lies beyond the first half is written before it is read.
    std::fill_n(sums_.begin(), kFrameSamples, 0);
    speakers_ = 0;
    is_stereo_ = false;
}

void Mix::add(const AudioFrame& frame, Gain gain) noexcept {
    const Samples samples = frame.samples();
    ++speakers_;
    if (frame.channels == 2 && !is_stereo_) {
        for (std::size_t i = kFrameSamples; i-- > 0;) sums_[2 * i] = sums_[2 * i + 1] = sums_[i];
        is_stereo_ = true;
    }
    if (frame.channels == 1 && is_stereo_) {
        for (std::size_t i = 0; i < kFrameSamples; ++i) {
            const std::int32_t sample = gain.apply(samples[i]);
            sums_[2 * i] += sample;
            sums_[2 * i + 1] += sample;
        }
    } else {
        for (std::size_t i = 0; i < samples.size(); ++i) sums_[i] += gain.apply(samples[i]);
    }
}

void Mix::write(AudioFrame& out, std::uint8_t channels) const noexcept {
    out.channels = channels;
    const SampleRoom room = out.samples();
    if ((channels == 2) == is_stereo_) {
        for (std::size_t i = 0; i < room.size(); ++i) room[i] = saturate(sums_[i]);
    } else if (channels == 2) {
        for (std::size_t i = 0; i < kFrameSamples; ++i) room[2 * i] = room[2 * i + 1] = saturate(sums_[i]);
    } else {
        for (std::size_t i = 0; i < kFrameSamples; ++i) room[i] = saturate((sums_[2 * i] + sums_[2 * i + 1]) / 2);
    }
}

void Mix::write_without(const AudioFrame& frame, Gain gain, AudioFrame& out, std::uint8_t channels) const noexcept {
    // The mix without the speaker has as many channels as the mix with it.
    const Samples own = frame.samples();
    const std::size_t left_step = frame.channels;
    const std::size_t right_offset = left_step - 1;
    out.channels = channels;
    const SampleRoom room = out.samples();
    if (!is_stereo_) {
        for (std::size_t i = 0; i < kFrameSamples; ++i) {
            const std::int16_t sample = saturate(sums_[i] - gain.apply(own[i]));
            for (std::size_t channel = 0; channel < channels; ++channel) room[channels * i + channel] = sample;
        }
        return;
    }
    for (std::size_t i = 0; i < kFrameSamples; ++i) {
        const std::int32_t left = sums_[2 * i] - gain.apply(own[left_step * i]);
        const std::int32_t right = sums_[2 * i + 1] - gain.apply(own[left_step * i + right_offset]);
        if (channels == 2) {
            room[2 * i] = saturate(left);
            room[2 * i + 1] = saturate(right);
        } else {
            room[i] = saturate((left + right) / 2);
        }
    }
}

}  // namespace sr::audio
