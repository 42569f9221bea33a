#include "auth/rate_limit.hpp"

#include <algorithm>

namespace sr::auth {
namespace {

constexpr std::size_t kMostVouched = 6;  // of a set: strangers keep two places
constexpr base::TimeMs kVouched_ms = 24 * 3600 * 1000;
constexpr base::TimeMs kVouchedAnew_ms = 60 * 1000;  // a word that was given again and again is kept once in that time
constexpr base::TimeMs kTellAgain_ms = 1000;
constexpr std::int64_t kUsPerMs = 1000;
constexpr std::int64_t kUsPerSecond = 1'000'000;

}  // namespace

SourceKey SourceKey::of(const sip::SocketAddress& address, std::span<const Network> neighbours) noexcept {
    SourceKey key{AddressBits::of(address), 0};
    if (key.bits.is_ipv4()) return key;
    if (key.bits.is_link_local()) {
        key.link = address.scope_id;
    } else if (!is_within(neighbours, key.bits)) {
        key.bits.low = 0;
    }
    return key;
}

std::uint64_t SourceKey::hash(const base::TextHash& hash) const noexcept {
    const std::uint64_t parts[] = {bits.high, bits.low, link};
    return hash({reinterpret_cast<const char*>(parts), sizeof parts});
}

bool take_token(std::int64_t& full_at_us, const RateLimit& limit, base::TimeMs now_ms) noexcept {
    const std::int64_t now_us = now_ms * kUsPerMs;
    const std::int64_t token_us = std::max<std::int64_t>(kUsPerSecond / std::max(limit.per_second, 1U), 1);
    const std::int64_t debt_us = std::max<std::int64_t>(full_at_us - now_us, 0);
    if (debt_us + token_us > token_us * std::max(limit.burst, 1U)) return false;
    full_at_us = now_us + debt_us + token_us;
    return true;
}

RateLimiter::Bucket* RateLimiter::find(Set& set, const SourceKey& source) noexcept {
    const auto found = std::find_if(set.buckets.begin(), set.buckets.end(),
                                    [&](const Bucket& bucket) { return bucket.is_used && bucket.source == source; });
    return found == set.buckets.end() ? nullptr : &*found;
}

/// Nullptr where all places of the set are in debt or vouched for.
RateLimiter::Bucket* RateLimiter::find_or_make(Set& set, const SourceKey& source, base::TimeMs now_ms) noexcept {
    if (Bucket* known = find(set, source); known != nullptr) return known;
    Bucket* oldest = nullptr;
    for (Bucket& bucket : set.buckets) {
        const bool is_free = bucket.full_at_us <= now_ms * kUsPerMs && bucket.vouched_until_ms <= now_ms;
        if (bucket.is_used && !is_free) continue;
        if (oldest == nullptr || bucket.full_at_us < oldest->full_at_us) oldest = &bucket;
    }
    if (oldest != nullptr) *oldest = {.source = source, .is_used = true};
    return oldest;
}

Pace RateLimiter::take(const SourceKey& source, const RateLimit& limit, base::TimeMs now_ms) noexcept {
    return sets_.with_set(source.hash(hash_), [&](Set& set) {
        Bucket* bucket = find_or_make(set, source, now_ms);
        if (bucket == nullptr) return take_token(set.strangers_full_at_us, limit, now_ms) ? Pace::pass : Pace::drop;
        if (take_token(bucket->full_at_us, limit, now_ms)) return Pace::pass;
        if (bucket->told_at_ms != 0 && now_ms - bucket->told_at_ms < kTellAgain_ms) return Pace::drop;
        bucket->told_at_ms = now_ms;
        return Pace::refuse;
    });
}

void RateLimiter::vouch(const SourceKey& source, base::TimeMs now_ms) noexcept {
    sets_.with_set(source.hash(hash_), [&](Set& set) {
        const Bucket* known = find(set, source);
        if (known != nullptr && known->vouched_until_ms > now_ms + kVouched_ms - kVouchedAnew_ms) return;
        const auto vouched = std::count_if(set.buckets.begin(), set.buckets.end(), [&](const Bucket& bucket) {
            return bucket.vouched_until_ms > now_ms && !(bucket.source == source);
        });
        if (static_cast<std::size_t>(vouched) >= kMostVouched) return;
        Bucket* bucket = find_or_make(set, source, now_ms);
        if (bucket != nullptr) bucket->vouched_until_ms = now_ms + kVouched_ms;
    });
}

std::vector<SourceKey> RateLimiter::trusted(const RateLimit& limit, base::TimeMs now_ms) {
    const std::int64_t most_debt_us = kUsPerSecond / std::max(limit.per_second, 1U) * limit.burst / 2;
    std::vector<SourceKey> sources;
    sets_.for_each([&](const Set& set) {
        for (const Bucket& bucket : set.buckets) {
            const bool is_within_rate = bucket.full_at_us - now_ms * kUsPerMs <= most_debt_us;
            if (bucket.is_used && bucket.vouched_until_ms > now_ms && is_within_rate) sources.push_back(bucket.source);
        }
    });
    return sources;
}

}  // namespace sr::auth
