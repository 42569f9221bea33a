#include "location/timer_wheel.hpp"

namespace sr::location {

void TimerWheel::arm(Slab<BindingRecord>& records, std::uint32_t index, base::TimeMs due_ms) noexcept {
    disarm(records, index);
    const base::TimeMs tick = std::clamp(due_ms / kBucketMs, tick_, tick_ + kBuckets - 1);
    BindingRecord& record = records[index];
    std::uint32_t& head = heads_[bucket_of(tick)];
    record.timer_bucket = static_cast<std::uint16_t>(bucket_of(tick));
    record.timer_before = kNoIndex;
    record.timer_after = head;
    if (head != kNoIndex) records[head].timer_before = index;
    head = index;
}

void TimerWheel::disarm(Slab<BindingRecord>& records, std::uint32_t index) noexcept {
    BindingRecord& record = records[index];
    if (record.timer_bucket == BindingRecord::kNoBucket) return;
    if (record.timer_before == kNoIndex) {
        heads_[record.timer_bucket] = record.timer_after;
    } else {
        records[record.timer_before].timer_after = record.timer_after;
    }
    if (record.timer_after != kNoIndex) records[record.timer_after].timer_before = record.timer_before;
    record.timer_bucket = BindingRecord::kNoBucket;
}

}  // namespace sr::location
