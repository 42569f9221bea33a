// The wait between guesses: long for the guesser, short for the guessed at.
#include "auth/failure_backoff.hpp"

#include <doctest/doctest.h>

#include <string>

#include "auth_kit.hpp"

using namespace sr::auth;
using sr::auth::testkit::kNow;
using sr::base::TimeMs;

namespace {

constexpr BackoffPolicy kPolicy{};
constexpr std::uint64_t kSeed = 31;

SourceKey source(std::uint32_t number) { return {{0, 0xFFFF00000000ULL | number}, 0}; }
const SourceKey kOwner = source(1);
const SourceKey kEnemy = source(666);

/// Guesses as often as the wait allows until `end_ms`; how many were looked at.
int guess(FailureBackoff& backoff, const SourceKey& from, std::string_view user, TimeMs now_ms, TimeMs end_ms) {
    int looked_at = 0;
    while (now_ms < end_ms) {
        const TimeMs wait_ms = backoff.wait(from, user, kPolicy, now_ms);
        if (wait_ms == 0) {
            backoff.fail(from, user, kPolicy, now_ms);
            ++looked_at;
        }
        now_ms += wait_ms == 0 ? 1 : wait_ms;
    }
    return looked_at;
}

}  // namespace

TEST_CASE("the first guesses are free, then each doubles the wait, up to a minute") {
    FailureBackoff backoff(kSeed, 512);
    TimeMs now_ms = kNow;
    for (std::uint32_t i = 0; i < kPolicy.free_guesses; ++i) {
        CHECK(backoff.wait(kEnemy, "alice", kPolicy, now_ms) == 0);
        backoff.fail(kEnemy, "alice", kPolicy, now_ms);
    }
    CHECK(backoff.wait(kEnemy, "alice", kPolicy, now_ms) == 0);
    for (const TimeMs wait_ms : {1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000}) {
        backoff.fail(kEnemy, "alice", kPolicy, now_ms);
        CHECK(backoff.wait(kEnemy, "alice", kPolicy, now_ms) == wait_ms);
        CHECK(backoff.wait(kEnemy, "alice", kPolicy, now_ms + wait_ms - 1) == 1);
        now_ms += wait_ms;
        CHECK(backoff.wait(kEnemy, "alice", kPolicy, now_ms) == 0);
    }
}

TEST_CASE("a guesser who goes from user to user waits all the same") {
    FailureBackoff backoff(kSeed, 512);
    for (int i = 0; i < 6; ++i) backoff.fail(kEnemy, "user" + std::to_string(i), kPolicy, kNow);
    CHECK(backoff.wait(kEnemy, "somebody else", kPolicy, kNow) == 2'000);
}

TEST_CASE("who fails no more is forgiven after a quarter of an hour") {
    FailureBackoff backoff(kSeed, 512);
    for (int i = 0; i < 20; ++i) backoff.fail(kEnemy, "alice", kPolicy, kNow);
    const TimeMs later_ms = kNow + kPolicy.forgiven_after_ms + 1;
    CHECK(backoff.wait(kEnemy, "alice", kPolicy, later_ms) == 0);
    backoff.fail(kEnemy, "alice", kPolicy, later_ms);
    CHECK(backoff.wait(kEnemy, "alice", kPolicy, later_ms) == 0);
}

TEST_CASE("a day of guesses from one source is fewer than two thousand") {
    FailureBackoff backoff(kSeed, 512);
    CHECK(guess(backoff, kEnemy, "alice", kNow, kNow + 24 * 3600 * 1000) < 2'000);
}

TEST_CASE("the owner at his usual address notices nothing of a siege") {
    FailureBackoff backoff(kSeed, 512);
    backoff.succeed(kOwner, "alice", kNow);
    for (std::uint32_t enemy = 1'000; enemy < 1'200; ++enemy) {
        for (int i = 0; i < 5; ++i) backoff.fail(source(enemy), "alice", kPolicy, kNow);
    }
    CHECK(backoff.wait(kOwner, "alice", kPolicy, kNow) == 0);
    CHECK(backoff.wait(kOwner, "alice", kPolicy, kNow + 1) == 0);
}

TEST_CASE("the owner at a new address gets in though one guesser never stops") {
    FailureBackoff backoff(kSeed, 512);
    guess(backoff, kEnemy, "alice", kNow, kNow + 600'000);
    CHECK(backoff.wait(source(2), "alice", kPolicy, kNow + 600'000) == 0);
}

TEST_CASE("many sources together guess at one user four times and once a second, and each no more than a few times") {
    FailureBackoff backoff(kSeed, 4'096);
    int looked_at = 0;
    std::uint32_t enemy = 1'000;
    for (TimeMs now_ms = kNow; now_ms < kNow + 60'000; now_ms += 10) {
        const SourceKey from = source(enemy++);  // a new address for each try
        if (backoff.wait(from, "alice", kPolicy, now_ms) != 0) continue;
        backoff.fail(from, "alice", kPolicy, now_ms);
        ++looked_at;
    }
    CHECK(looked_at <= 60 + 4 + 5 + 1);
}

TEST_CASE("an address that failed waits with the user, for a few seconds at most") {
    FailureBackoff backoff(kSeed, 512);
    for (std::uint32_t i = 0; i < 30; ++i) backoff.fail(source(1'000 + i), "alice", kPolicy, kNow);
    backoff.fail(kOwner, "alice", kPolicy, kNow);
    CHECK(backoff.wait(kOwner, "alice", kPolicy, kNow) == kPolicy.longest_user_wait_ms);
    CHECK(backoff.wait(kOwner, "alice", kPolicy, kNow + kPolicy.longest_user_wait_ms) == 0);
    CHECK(backoff.wait(kOwner, "bob", kPolicy, kNow) == 0);
}

TEST_CASE("one valid account buys no guesses at another") {
    FailureBackoff backoff(kSeed, 512);
    int looked_at = 0;
    for (TimeMs now_ms = kNow; now_ms < kNow + 60'000; now_ms += 100) {
        backoff.succeed(kEnemy, "mallory", now_ms);
        if (backoff.wait(kEnemy, "alice", kPolicy, now_ms) != 0) continue;
        backoff.fail(kEnemy, "alice", kPolicy, now_ms);
        ++looked_at;
    }
    CHECK(looked_at <= 12);
    CHECK(backoff.wait(kEnemy, "mallory", kPolicy, kNow + 60'000) == 0);
}

TEST_CASE("a device behind a source that fails for another is not held back") {
    FailureBackoff backoff(kSeed, 512);
    backoff.succeed(kOwner, "alice", kNow);
    for (int i = 0; i < 20; ++i) backoff.fail(kOwner, "bob", kPolicy, kNow);
    CHECK(backoff.wait(kOwner, "alice", kPolicy, kNow) == 0);
    CHECK(backoff.wait(kOwner, "bob", kPolicy, kNow) > 0);
}

TEST_CASE("where a device was known, guesses at it count as anywhere after the free ones") {
    FailureBackoff backoff(kSeed, 512);
    backoff.succeed(kOwner, "alice", kNow);
    CHECK(guess(backoff, kOwner, "alice", kNow, kNow + 60'000) <= 12);
    backoff.succeed(kOwner, "alice", kNow + 60'000);
    CHECK(backoff.wait(kOwner, "alice", kPolicy, kNow + 60'000) == 0);
}

TEST_CASE("failures push out no pair that was known, however many there are") {
    FailureBackoff backoff(kSeed, 512);
    for (std::uint32_t i = 0; i < 20; ++i) backoff.succeed(source(i), "alice", kNow);
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        backoff.fail(source(10'000 + i), "user" + std::to_string(i), kPolicy, kNow + 1'000);
    }
    for (std::uint32_t i = 0; i < 100; ++i) backoff.fail(source(50'000 + i), "alice", kPolicy, kNow + 1'000);
    for (std::uint32_t i = 0; i < 20; ++i) CHECK(backoff.wait(source(i), "alice", kPolicy, kNow + 1'000) == 0);
}

TEST_CASE("a policy without a first wait waits a millisecond, and takes no time to say so") {
    FailureBackoff backoff(kSeed, 512);
    const BackoffPolicy impatient{.free_guesses = 0, .first_wait_ms = 0};
    backoff.fail(kEnemy, "alice", impatient, kNow);
    CHECK(backoff.wait(kEnemy, "alice", impatient, kNow) == 1);
}
