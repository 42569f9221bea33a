#include "audio/resampler.hpp"

#include <speex/speex_resampler.h>

#include <algorithm>

namespace sr::audio {

namespace {
constexpr int kQuality = 3;  // of 0-10, the library's for telephony: 0.4 ms a second
}

void Resampler::Destroy::operator()(SpeexResamplerState_* state) const noexcept { speex_resampler_destroy(state); }

std::unique_ptr<Resampler> Resampler::make(std::uint32_t from_hz, std::uint32_t to_hz, std::uint8_t channels) {
    State state;
    if (from_hz != to_hz) {
        int error = RESAMPLER_ERR_SUCCESS;
        state.reset(speex_resampler_init(channels, from_hz, to_hz, kQuality, &error));
        if (!state) return nullptr;
    }
    return std::unique_ptr<Resampler>(new Resampler(std::move(state), channels));
}

std::size_t Resampler::process(Samples in, SampleRoom out) noexcept {
    if (!state_) {
        const std::size_t count = std::min(in.size(), out.size());
        std::copy_n(in.begin(), count, out.begin());
        return count;
    }
    auto taken = static_cast<spx_uint32_t>(in.size() / channels_);
    auto made = static_cast<spx_uint32_t>(out.size() / channels_);
    speex_resampler_process_interleaved_int(state_.get(), in.data(), &taken, out.data(), &made);
    return std::size_t{made} * channels_;
}

}  // namespace sr::audio
