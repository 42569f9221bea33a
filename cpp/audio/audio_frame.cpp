#include "audio/audio_frame.hpp"

namespace sr::audio {

void convert_channels(AudioFrame& frame, std::uint8_t channels) noexcept {
    auto& samples = frame.storage;
    if (frame.channels == 1 && channels == 2) {
        for (std::size_t i = kFrameSamples; i-- > 0;) samples[2 * i] = samples[2 * i + 1] = samples[i];
    } else if (frame.channels == 2 && channels == 1) {
        for (std::size_t i = 0; i < kFrameSamples; ++i) {
            samples[i] = static_cast<std::int16_t>((samples[2 * i] + samples[2 * i + 1]) / 2);
        }
    }
    frame.channels = channels;
}

}  // namespace sr::audio
