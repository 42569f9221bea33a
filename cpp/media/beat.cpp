#include "media/beat.hpp"

#include <algorithm>
#include <utility>

#include "audio/audio_frame.hpp"

namespace sr::media {
namespace {

constexpr audio::TimeUs kFrameUs = audio::kFrameMs * 1000;
constexpr audio::TimeUs kMostMissedUs = 2 * kFrameUs;
/// A thread is not always woken at once, and neither is the one that reads the packets.
constexpr audio::TimeUs kMarginUs = 1'000;
/// Once in half a second, this follows any clock that audio is made with and is heard by nobody.
constexpr audio::TimeUs kStepUs = 1'000;
constexpr std::size_t kTicksOfStep = 25;

}  // namespace

void Beat::begin(audio::TimeUs now_us) noexcept {
    if (due_us_ != 0) return;
    last_us_ = now_us;
    due_us_ = now_us + kFrameUs;
}

void Beat::advance(audio::TimeUs now_us, std::optional<audio::TimeUs> spare_us) noexcept {
    last_us_ = due_us_;
    is_met_ = false;
    due_us_ += kFrameUs;
    const audio::TimeUs missed_us = now_us - due_us_;
    if (missed_us >= kMostMissedUs) due_us_ += (missed_us / kFrameUs + 1) * kFrameUs;
    if (!spare_us) {
        heard_ = 0;
        least_us_ = kAnything;
        return;
    }
    least_us_ = std::min(least_us_, *spare_us);
    if (++heard_ < kTicksOfStep) return;
    heard_ = 0;
    const audio::TimeUs least_us = std::exchange(least_us_, kAnything);
    if (least_us > kMarginUs + kStepUs) due_us_ -= kStepUs;
    if (least_us < kMarginUs - kStepUs) due_us_ += kStepUs;
}

void Beat::meet(audio::TimeUs ready_us) noexcept {
    if (std::exchange(is_met_, true)) return;
    due_us_ = std::clamp(ready_us + kMarginUs, last_us_, due_us_ + kFrameUs);
}

}  // namespace sr::media
