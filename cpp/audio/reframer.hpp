// Samples in pieces of one length, taken out in pieces of another.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "audio/audio_frame.hpp"

namespace sr::audio {

/// Allocates when it is made and never after.
class Reframer {
  public:
    /// Holds pieces of `most_in` and `piece` samples (of all channels) at once.
    Reframer(std::size_t most_in, std::size_t piece) : piece_(piece), samples_(most_in + piece) {}

    /// Where up to `most_in` samples may be put, after all whole pieces were taken out; `grow` takes them over.
    [[nodiscard]] SampleRoom room() noexcept { return SampleRoom(samples_).subspan(size_); }
    void grow(std::size_t samples) noexcept { size_ += samples; }

    [[nodiscard]] bool has_piece() const noexcept { return size_ >= piece_; }
    [[nodiscard]] Samples piece() const noexcept { return Samples(samples_).first(piece_); }
    void drop_piece() noexcept {
        std::copy(samples_.begin() + static_cast<std::ptrdiff_t>(piece_),
                  samples_.begin() + static_cast<std::ptrdiff_t>(size_), samples_.begin());
        size_ -= piece_;
    }

  private:
    std::size_t piece_;
    std::size_t size_ = 0;
    std::vector<std::int16_t> samples_;
};

}  // namespace sr::audio
