// Token buckets, and what a flood of invented sources can do to them: nothing that is worth it.
#include "auth/rate_limit.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "auth_kit.hpp"

using namespace sr::auth;
using sr::auth::testkit::ipv4;
using sr::auth::testkit::ipv6;
using sr::auth::testkit::kNow;
using sr::base::TimeMs;

namespace {

constexpr RateLimit kLimit{.per_second = 10, .burst = 20};
constexpr std::uint64_t kSeed = 4711;

SourceKey source(std::uint32_t number) { return {{0, 0xFFFF00000000ULL | number}, 0}; }

std::size_t passes(RateLimiter& limiter, const SourceKey& from, std::size_t requests, TimeMs now_ms) {
    std::size_t passed = 0;
    for (std::size_t i = 0; i < requests; ++i) passed += limiter.take(from, kLimit, now_ms) == Pace::pass ? 1 : 0;
    return passed;
}

}  // namespace

TEST_CASE("a source has its burst at once, then its rate, and its burst again after a pause") {
    RateLimiter limiter(kSeed, 512);
    CHECK(passes(limiter, source(1), 100, kNow) == 20);
    CHECK(passes(limiter, source(1), 100, kNow + 99) == 0);
    CHECK(passes(limiter, source(1), 100, kNow + 100) == 1);
    CHECK(passes(limiter, source(1), 100, kNow + 1'100) == 10);
    CHECK(passes(limiter, source(1), 100, kNow + 3'100) == 20);
    CHECK(passes(limiter, source(1), 100, kNow + 1'000'000) == 20);
}

TEST_CASE("a limit of nothing is one request a second, and no number overflows it") {
    std::int64_t full_at_us = 0;
    CHECK(take_token(full_at_us, {0, 0}, kNow));
    CHECK_FALSE(take_token(full_at_us, {0, 0}, kNow + 999));
    CHECK(take_token(full_at_us, {0, 0}, kNow + 1'000));
    full_at_us = 0;
    CHECK(take_token(full_at_us, {UINT32_MAX, UINT32_MAX}, kNow));
    full_at_us = 0;
    CHECK(take_token(full_at_us, {1, UINT32_MAX}, kNow));
}

TEST_CASE("who is over the limit is told so once a second, else not answered") {
    RateLimiter limiter(kSeed, 512);
    CHECK(passes(limiter, source(1), 20, kNow) == 20);
    CHECK(limiter.take(source(1), kLimit, kNow) == Pace::refuse);
    CHECK(limiter.take(source(1), kLimit, kNow) == Pace::drop);
    CHECK(limiter.take(source(1), kLimit, kNow + 99) == Pace::drop);
    CHECK(passes(limiter, source(1), 10, kNow + 1'000) == 10);
    CHECK(limiter.take(source(1), kLimit, kNow + 1'000) == Pace::refuse);
    CHECK(limiter.take(source(1), kLimit, kNow + 1'000) == Pace::drop);
}

TEST_CASE("one source's flood is its own matter") {
    RateLimiter limiter(kSeed, 512);
    CHECK(passes(limiter, source(1), 10'000, kNow) == 20);
    CHECK(passes(limiter, source(2), 20, kNow) == 20);
}

TEST_CASE("a flood of invented sources washes no debt away") {
    RateLimiter limiter(kSeed, 512);
    TimeMs now_ms = kNow;
    std::size_t passed = 0;
    for (std::uint32_t round = 0; round < 1'000; ++round, ++now_ms) {
        passed += passes(limiter, source(1), 10, now_ms);
        for (std::uint32_t i = 0; i < 100; ++i) {
            (void)limiter.take(source(1'000 + round * 100 + i), kLimit, now_ms);
        }
    }
    CHECK(passed <= 20 + 10);
    CHECK(passed >= 20);
}

TEST_CASE("who has a bucket keeps it through a flood, who is vouched for keeps it through a night") {
    RateLimiter limiter(kSeed, 512);
    constexpr std::uint32_t kHonest = 50;
    for (std::uint32_t i = 0; i < kHonest; ++i) limiter.vouch(source(i), kNow);
    TimeMs now_ms = kNow + 8 * 3600 * 1000;
    std::size_t passed = 0;
    std::uint32_t stranger = 1'000;
    for (int second = 0; second < 20; ++second, now_ms += 1'000) {
        for (int i = 0; i < 5'000; ++i) (void)limiter.take(source(stranger++), kLimit, now_ms);
        for (std::uint32_t i = 0; i < kHonest; ++i) passed += passes(limiter, source(i), 2, now_ms);
    }
    CHECK(passed == 20 * kHonest * 2);
}

TEST_CASE("when all places are in debt strangers share one bucket, and get places again when the flood ends") {
    RateLimiter limiter(kSeed, 512);
    std::size_t passed = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        passed += limiter.take(source(i), kLimit, kNow) == Pace::pass ? 1 : 0;
    }
    CHECK(passed == limiter.capacity() + limiter.capacity() / kWays * kLimit.burst);
    CHECK(passes(limiter, source(1'000'000), 100, kNow) == 0);
    CHECK(passes(limiter, source(1'000'000), 100, kNow + 100) == 20);
}

TEST_CASE("however many are vouched for, strangers keep two places of eight, and a day later all") {
    RateLimiter limiter(kSeed, 512);
    for (std::uint32_t i = 0; i < 100'000; ++i) limiter.vouch(source(i), kNow);
    std::size_t passed = 0;
    const std::size_t shared = limiter.capacity() / kWays * kLimit.burst;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        passed += limiter.take(source(1'000'000 + i), kLimit, kNow) == Pace::pass ? 1 : 0;
    }
    CHECK(passed == limiter.capacity() / kWays * 2 + shared);
    passed = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        passed += limiter.take(source(2'000'000 + i), kLimit, kNow + 24 * 3600 * 1000) == Pace::pass ? 1 : 0;
    }
    CHECK(passed == limiter.capacity() + shared);
}

TEST_CASE("a source is an IPv4 address, an IPv6 /64 abroad, an IPv6 address at home, and a link's own on a link") {
    const auto key = [](const sr::sip::SocketAddress& address) { return SourceKey::of(address, private_networks()); };
    constexpr std::uint64_t kAbroad = 0x20010DB800000001;
    constexpr std::uint64_t kHome = 0xFD00000000000001;
    constexpr std::uint64_t kLink = 0xFE80ULL << 48;
    sr::sip::SocketAddress other_port = ipv4(192, 168, 1, 20);
    other_port.port = 9;
    CHECK(key(ipv4(192, 168, 1, 20)) == key(other_port));
    CHECK_FALSE(key(ipv4(192, 168, 1, 20)) == key(ipv4(192, 168, 1, 21)));
    CHECK_FALSE(key(ipv4(8, 8, 8, 8)) == key(ipv4(8, 8, 8, 9)));
    CHECK(key(ipv6(0, 0x0000FFFFC0A80114)) == key(ipv4(192, 168, 1, 20)));
    CHECK(key(ipv6(kAbroad, 1)) == key(ipv6(kAbroad, 2)));
    CHECK_FALSE(key(ipv6(kAbroad, 1)) == key(ipv6(kAbroad + 1, 1)));
    CHECK_FALSE(key(ipv6(kHome, 1)) == key(ipv6(kHome, 2)));
    CHECK_FALSE(key(ipv6(kLink, 1, 2)) == key(ipv6(kLink, 2, 2)));
    CHECK_FALSE(key(ipv6(kLink, 1, 2)) == key(ipv6(kLink, 1, 3)));
}

TEST_CASE("trusted are those that were vouched for, but not while they flood, and not for ever") {
    RateLimiter limiter(kSeed, 512);
    for (const std::uint32_t number : {1U, 2U}) limiter.vouch(source(number), kNow);
    static_cast<void>(limiter.take(source(3), kLimit, kNow));
    CHECK(limiter.trusted(kLimit, kNow).size() == 2);
    static_cast<void>(passes(limiter, source(1), 1'000, kNow));
    REQUIRE(limiter.trusted(kLimit, kNow).size() == 1);
    CHECK(limiter.trusted(kLimit, kNow).front() == source(2));
    CHECK(limiter.trusted(kLimit, kNow + 60'000).size() == 2);
    CHECK(limiter.trusted(kLimit, kNow + 25 * 3600 * 1000).empty());
}

TEST_CASE("threads that share a bucket share its tokens") {
    RateLimiter limiter(kSeed, 512);
    std::vector<std::size_t> passed(4);
    std::vector<std::thread> threads;
    for (std::size_t& mine : passed) {
        threads.emplace_back([&] { mine = passes(limiter, source(1), 1'000, kNow); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(passed[0] + passed[1] + passed[2] + passed[3] == 20);
}
