// When to look at a binding again. A wheel of buckets, linked through the records themselves: no memory per timer,
// arming and disarming in constant time. An entry may come early, never late: who is woken checks what is due and arms
// again, so a refresh, which only moves the due time away, does not touch the wheel.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/clock.hpp"
#include "location/binding_record.hpp"
#include "location/slab.hpp"

namespace sr::location {

class TimerWheel {
  public:
    TimerWheel() noexcept { heads_.fill(kNoIndex); }

    /// The record wakes at the first advance at or after `due_ms`, or earlier: a round of the wheel is 16 s.
    void arm(Slab<BindingRecord>& records, std::uint32_t index, base::TimeMs due_ms) noexcept;
    /// Does nothing to a record that is not armed.
    void disarm(Slab<BindingRecord>& records, std::uint32_t index) noexcept;

    /// Wakes every record whose bucket's time has begun; `wake(index)` finds it disarmed and may arm or free it, no
    /// other.
    template <class Wake>
    void advance(Slab<BindingRecord>& records, base::TimeMs now_ms, const Wake& wake) {
        const base::TimeMs last = now_ms / kBucketMs;
        const base::TimeMs first = std::max(tick_, last - kBuckets + 1);
        tick_ = std::max(tick_, last);
        for (base::TimeMs tick = first; tick <= last; ++tick) {
            std::uint32_t index = heads_[bucket_of(tick)];
            heads_[bucket_of(tick)] = kNoIndex;
            while (index != kNoIndex) {
                const std::uint32_t following = records[index].timer_after;
                records[index].timer_bucket = BindingRecord::kNoBucket;
                if (following != kNoIndex) __builtin_prefetch(&records[following]);
                wake(index);
                index = following;
            }
        }
    }

  private:
    static constexpr base::TimeMs kBuckets = 256;
    static constexpr base::TimeMs kBucketMs = 64;

    static std::size_t bucket_of(base::TimeMs tick) noexcept { return static_cast<std::size_t>(tick % kBuckets); }

    std::array<std::uint32_t, kBuckets> heads_;
    base::TimeMs tick_ = 0;  // the bucket that the last advance has seen; the next one sees it again
};

}  // namespace sr::location
