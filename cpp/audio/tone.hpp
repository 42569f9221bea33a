// A sine wave that goes on from frame to frame.
#pragma once

#include "audio/audio_frame.hpp"

namespace sr::audio {

class Tone {
  public:
    /// `amplitude` 0-1 of full scale.
    explicit Tone(double frequency_hz, double amplitude = 0.25) noexcept;

    /// The next 20 ms, the same on all channels that the frame has.
    void fill(AudioFrame& frame) noexcept;

  private:
    double step_;  // radians per sample
    double amplitude_;
    double phase_ = 0;
};

}  // namespace sr::audio
