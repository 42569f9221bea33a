#include "audio/concealment.hpp"

#include <algorithm>

namespace sr::audio {

const std::int16_t* Concealment::next_sample() noexcept {
    // Backwards first, from the sample before the last one.
    constexpr std::size_t kPeriod = 2 * (kFrameSamples - 1);
    const std::size_t step = ++concealed_ % kPeriod;
    const std::size_t index = step < kFrameSamples ? kFrameSamples - 1 - step : step - (kFrameSamples - 1);
    return heard_.data() + index * channels_;
}

void Concealment::conceal(SampleRoom room) noexcept {
    for (std::size_t i = 0; i < room.size(); i += channels_) {
        if (concealed_ >= kFadeSamples) {
            std::fill(room.begin() + static_cast<std::ptrdiff_t>(i), room.end(), std::int16_t{0});
            return;
        }
        const auto gain = static_cast<std::int32_t>(kFadeSamples - concealed_);
        const std::int16_t* sample = next_sample();
        for (std::size_t channel = 0; channel < channels_; ++channel) {
            room[i + channel] =
                static_cast<std::int16_t>(sample[channel] * gain / static_cast<std::int32_t>(kFadeSamples));
        }
    }
}

void Concealment::hear(SampleRoom decoded) noexcept {
    const std::size_t most = std::min(decoded.size(), kBlendSamples * channels_);
    if (concealed_ != 0) {
        std::array<std::int16_t, kBlendSamples * kMostChannels> before;
        conceal(SampleRoom(before).first(most));
        for (std::size_t i = 0; i < most; ++i) {
            const auto done = static_cast<std::int32_t>(i), all = static_cast<std::int32_t>(most);
            decoded[i] = static_cast<std::int16_t>((decoded[i] * done + before[i] * (all - done)) / all);
        }
    }
    concealed_ = 0;
    const SampleRoom kept = SampleRoom(heard_).first(kFrameSamples * channels_);
    const std::size_t fresh = std::min(decoded.size(), kept.size());
    std::copy(kept.begin() + static_cast<std::ptrdiff_t>(fresh), kept.end(), kept.begin());
    std::copy(decoded.end() - static_cast<std::ptrdiff_t>(fresh), decoded.end(),
              kept.end() - static_cast<std::ptrdiff_t>(fresh));
}

}  // namespace sr::audio
