// When a mix is due: every 20 ms, and within them at the moment that suits those who speak. Asked a little after their
// packets have come, a mix adds a few milliseconds to what they say; at a moment of its own it would add ten more.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>

#include "audio/octets.hpp"

namespace sr::media {

class Beat {
  public:
    /// In the past when it was not at work for a while, 0 before `begin`.
    [[nodiscard]] audio::TimeUs due_us() const noexcept { return due_us_; }

    /// The first 20 ms pass from now on, unless they did already.
    void begin(audio::TimeUs now_us) noexcept;

    /// What was due is done. `spare_us`: how much earlier all who were heard could have been asked; nothing: nobody was
    /// heard. The beat follows them slowly, so that a listener takes it for their clock. What was missed by more than
    /// two frames is left out: later audio is worse than none.
    void advance(audio::TimeUs now_us, std::optional<audio::TimeUs> spare_us) noexcept;

    /// Nobody is heard now; somebody will be who can be asked from `ready_us` on. Of several, the first to say so
    /// counts.
    void meet(audio::TimeUs ready_us) noexcept;

  private:
    static constexpr audio::TimeUs kAnything = std::numeric_limits<audio::TimeUs>::max();

    audio::TimeUs due_us_ = 0;
    audio::TimeUs last_us_ = 0;
    bool is_met_ = false;
    audio::TimeUs least_us_ = kAnything;  // spare, of `heard_` ticks
    std::size_t heard_ = 0;
};

}  // namespace sr::media
