// How many requests a source may send (a token bucket for each), in a table that a flood of invented sources cannot
// use.
//
// Theory of operation. A bucket is one number: the time at which it will be full again (the generic cell rate
// algorithm, ITU-T I.371). A bucket that is full says nothing that a new one would not say, so it alone may be
// forgotten: whoever has spent tokens keeps his debt until it is paid, and no flood can wash it away. An invented
// source pays for its one packet in 1/rate seconds; then its place is free again.
//
// When all places of a set are in debt, further strangers share one bucket of that set until one is free: a flood that
// is large enough slows strangers down, never anybody who has a bucket. Sources that proved themselves (their digest
// was valid, or they answered a ping) are vouched for: they keep their places for a day, in up to six of a set's eight,
// and so their full rate, whoever floods. Do not vouch for what a single datagram could have claimed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "auth/network.hpp"
#include "auth/sharded_sets.hpp"
#include "base/clock.hpp"
#include "base/text_hash.hpp"
#include "sip/flow.hpp"

namespace sr::auth {

/// Who counts as one source: an IPv4 address; of IPv6 the /64, as one host has all of it, but within `neighbours`,
/// where all our own hosts share one /64, each address by itself. Link-local addresses count with their link.
struct SourceKey {
    AddressBits bits;
    std::uint64_t link = 0;

    [[nodiscard]] static SourceKey of(const sip::SocketAddress& address, std::span<const Network> neighbours) noexcept;
    [[nodiscard]] std::uint64_t hash(const base::TextHash& hash) const noexcept;
    bool operator==(const SourceKey&) const = default;
};

struct RateLimit {
    std::uint32_t per_second = 20;
    std::uint32_t burst = 60;  // at once after a pause; both at least 1
};

enum class Pace : std::uint8_t {
    pass,
    refuse,  // over the limit: to be told so, which happens once a second at most
    drop,    // over the limit: no answer is worth its cost
};

class RateLimiter {
  public:
    explicit RateLimiter(std::uint64_t seed, std::size_t sources = kSources) : hash_(seed), sets_(sources) {}

    /// Counts one request. Any thread.
    [[nodiscard]] Pace take(const SourceKey& source, const RateLimit& limit, base::TimeMs now_ms) noexcept;

    /// The source hears us and is wanted. Any thread.
    void vouch(const SourceKey& source, base::TimeMs now_ms) noexcept;

    /// Those that are vouched for and within their rate now.
    [[nodiscard]] std::vector<SourceKey> trusted(const RateLimit& limit, base::TimeMs now_ms);

    [[nodiscard]] std::size_t capacity() const noexcept { return sets_.capacity(); }

  private:
    static constexpr std::size_t kSources = 16'384;  // 0.9 MiB

    struct Bucket {
        SourceKey source;
        std::int64_t full_at_us = 0;
        base::TimeMs vouched_until_ms = 0;
        base::TimeMs told_at_ms = 0;
        bool is_used = false;
    };
    struct Set {
        std::array<Bucket, kWays> buckets;
        std::int64_t strangers_full_at_us = 0;
    };

    static Bucket* find(Set& set, const SourceKey& source) noexcept;
    static Bucket* find_or_make(Set& set, const SourceKey& source, base::TimeMs now_ms) noexcept;

    base::TextHash hash_;
    ShardedSets<Set> sets_;
};

/// The arithmetic of one bucket: whether another token is there, which is then taken.
[[nodiscard]] bool take_token(std::int64_t& full_at_us, const RateLimit& limit, base::TimeMs now_ms) noexcept;

}  // namespace sr::auth
