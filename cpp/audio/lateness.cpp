#include "audio/lateness.hpp"

#include <algorithm>
#include <limits>

namespace sr::audio {

namespace {

constexpr TimeUs kSecondUs = 1'000'000;
constexpr TimeUs kNever = std::numeric_limits<TimeUs>::max();
constexpr std::size_t kOneOf = 100;  // packets may be later than the percentile

}  // namespace

void Lateness::clear() noexcept {
    rebase();
    counts_.fill(0);
    packets_ = next_ = 0;
    percentile_us_ = 0;
}

void Lateness::rebase() noexcept {
    lowest_of_second_.fill(kNever);
    has_second_ = false;
}

TimeUs Lateness::add(TimeUs transit_us, TimeUs arrival_us) noexcept {
    find_lowest(transit_us, arrival_us);
    follow_lowest();
    count(transit_us);
    find_percentile();
    return transit_us - lowest_us_;
}

void Lateness::find_lowest(TimeUs transit_us, TimeUs arrival_us) noexcept {
    const std::int64_t second = arrival_us / kSecondUs;
    if (!has_second_) {
        second_ = second;
        first_bucket_us_ = transit_us;
        has_second_ = true;
    }
    const auto size = static_cast<std::int64_t>(kSeconds);
    for (std::int64_t passed = std::max(second_ + 1, second - size + 1); passed <= second; ++passed) {
        lowest_of_second_[static_cast<std::size_t>(passed % size)] = kNever;
    }
    second_ = std::max(second_, second);
    TimeUs& lowest = lowest_of_second_[static_cast<std::size_t>(second_ % size)];
    lowest = std::min(lowest, transit_us);
    lowest_us_ = std::ranges::min(lowest_of_second_);
}

// What was counted against another lowest transit moves with it: a route that became longer is not jitter.
void Lateness::follow_lowest() noexcept {
    const TimeUs moved_us = lowest_us_ - first_bucket_us_;
    const TimeUs buckets = moved_us >= 0 ? moved_us / kBucketUs : -((-moved_us + kBucketUs - 1) / kBucketUs);
    if (buckets == 0) return;
    first_bucket_us_ += buckets * kBucketUs;
    counts_.fill(0);
    for (std::size_t i = 0; i < packets_; ++i) {
        recent_[i] = static_cast<std::uint8_t>(std::clamp<TimeUs>(recent_[i] - buckets, 0, kBuckets - 1));
        ++counts_[recent_[i]];
    }
}

void Lateness::count(TimeUs transit_us) noexcept {
    if (packets_ == kPackets) {
        --counts_[recent_[next_]];
    } else {
        ++packets_;
    }
    const TimeUs bucket = (transit_us - first_bucket_us_) / kBucketUs;
    recent_[next_] = static_cast<std::uint8_t>(std::min<TimeUs>(bucket, kBuckets - 1));
    ++counts_[recent_[next_]];
    next_ = (next_ + 1) % kPackets;
}

void Lateness::find_percentile() noexcept {
    std::size_t later = 0;
    std::size_t bucket = kBuckets;
    while (bucket > 0 && later + counts_[bucket - 1] <= packets_ / kOneOf) later += counts_[--bucket];
    const auto end_us = first_bucket_us_ + static_cast<TimeUs>(bucket) * kBucketUs;
    percentile_us_ = std::max<TimeUs>(0, end_us - lowest_us_);
}

}  // namespace sr::audio
