// What the media threads tell, until Python takes it.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "media/leg_values.hpp"

namespace sr::engine {

class LegEvents final : public media::LegListener {
  public:
    /// `wake` is called after each event, on the thread that told it.
    explicit LegEvents(std::function<void()> wake) : wake_(std::move(wake)) {}

    void on_leg_event(media::LegEvent&& event) noexcept override {
        {
            const std::lock_guard lock(mutex_);
            // Only digits can come without end; what happens to a leg happens a few times in its life.
            if (event.kind == media::LegEventKind::digit && events_.size() >= kMostDigits) return;
            events_.push_back(std::move(event));
        }
        wake_();
    }

    [[nodiscard]] std::vector<media::LegEvent> drain() {
        const std::lock_guard lock(mutex_);
        return std::exchange(events_, {});
    }

  private:
    static constexpr std::size_t kMostDigits = 4096;

    const std::function<void()> wake_;
    std::mutex mutex_;
    std::vector<media::LegEvent> events_;
};

}  // namespace sr::engine
