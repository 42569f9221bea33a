// RFC 7616 section 3.4, nc: what was used, what comes late, what is replayed.
#include "auth/replay_window.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "auth_kit.hpp"

using namespace sr::auth;
using sr::auth::testkit::kNow;
using sr::base::TimeMs;

namespace {

constexpr RequestMark kMark{"response", "call-1", 2, "content"};
constexpr std::uint64_t kSeed = 99;

/// Every nonce in the same set, so that a set fills.
Nonce nonce(std::uint64_t number, TimeMs issued_ms = kNow) { return {issued_ms, number, 5}; }

/// A request of its own for every count.
NonceUse use(ReplayWindow& window, const Nonce& of, std::uint32_t nc, std::uint32_t cseq = 0) {
    RequestMark mark = kMark;
    mark.cseq = cseq == 0 ? nc + 1000 : cseq;
    return window.use(of, nc, mark, kNow);
}

}  // namespace

TEST_CASE("counts that rise are accepted, with gaps, to the last one that there is") {
    ReplayWindow window(kSeed, 512);
    for (const std::uint32_t nc : {1U, 2U, 3U, 10U, 73U, 74U, 138U, 1000U, 0x7FFFFFFFU, 0x80000000U, 0xFFFFFFFFU}) {
        CAPTURE(nc);
        CHECK(use(window, nonce(1), nc) == NonceUse::accepted);
        CHECK(use(window, nonce(1), nc, 7) == NonceUse::replayed);
    }
}

TEST_CASE("a count that was overtaken passes once, as far back as 63") {
    ReplayWindow window(kSeed, 512);
    CHECK(use(window, nonce(1), 100) == NonceUse::accepted);
    for (const std::uint32_t nc : {99U, 98U, 37U}) {
        CAPTURE(nc);
        CHECK(use(window, nonce(1), nc) == NonceUse::accepted);
        CHECK(use(window, nonce(1), nc, 7) == NonceUse::replayed);
    }
    CHECK(use(window, nonce(1), 36) == NonceUse::replayed);
    CHECK(use(window, nonce(1), 1) == NonceUse::replayed);
    CHECK(use(window, nonce(1), 101) == NonceUse::accepted);
    CHECK(use(window, nonce(1), 37, 8) == NonceUse::replayed);
    CHECK(use(window, nonce(1), 38) == NonceUse::accepted);
}

TEST_CASE("whatever the order of 400 counts, none is accepted twice and all within the window are accepted") {
    for (const std::uint32_t stride : {1U, 3U, 7U, 11U}) {
        ReplayWindow window(kSeed, 512);
        std::vector<int> accepted(401);
        for (std::uint32_t i = 0; i < 800; ++i) {
            const std::uint32_t block = i / 2 / 20 * 20;
            const std::uint32_t nc = block + i / 2 * stride % 20 + 1;  // shuffled within twenty, each twice
            if (use(window, nonce(1), nc, i + 1) == NonceUse::accepted) ++accepted[nc];
        }
        for (std::uint32_t nc = 1; nc <= 400; ++nc) CHECK(accepted[nc] == 1);
    }
}

TEST_CASE("RFC 3261 17.1.2.2: a retransmission is known by all that it repeats, for 32 seconds") {
    ReplayWindow window(kSeed, 512);
    REQUIRE(window.use(nonce(1), 1, kMark, kNow) == NonceUse::accepted);
    CHECK(window.use(nonce(1), 1, kMark, kNow) == NonceUse::retransmitted);
    CHECK(window.use(nonce(1), 1, kMark, kNow + kRetransmission_ms) == NonceUse::retransmitted);
    CHECK(window.use(nonce(1), 1, kMark, kNow + kRetransmission_ms + 1) == NonceUse::replayed);
    const RequestMark others[] = {{"Response", "call-1", 2, "content"}, {"response", "call-2", 2, "content"},
                                  {"response", "call-1", 3, "content"}, {"response", "call-1", 2, "content!"},
                                  {"response", "call-1", 2, ""},        {"responsec", "all-1", 2, "content"}};
    for (const RequestMark& other : others) CHECK(window.use(nonce(1), 1, other, kNow) == NonceUse::replayed);
}

TEST_CASE("a retransmission that the next request overtook is known, one that two overtook is not") {
    ReplayWindow window(kSeed, 512);
    CHECK(use(window, nonce(1), 1) == NonceUse::accepted);
    CHECK(use(window, nonce(1), 2) == NonceUse::accepted);
    CHECK(use(window, nonce(1), 1) == NonceUse::retransmitted);
    CHECK(use(window, nonce(1), 3) == NonceUse::accepted);
    CHECK(use(window, nonce(1), 2) == NonceUse::retransmitted);
    CHECK(use(window, nonce(1), 1) == NonceUse::replayed);
}

TEST_CASE("without qop a nonce serves one request and its retransmissions") {
    ReplayWindow window(kSeed, 512);
    REQUIRE(window.use(nonce(1), std::nullopt, kMark, kNow) == NonceUse::accepted);
    CHECK(window.use(nonce(1), std::nullopt, kMark, kNow + 4'000) == NonceUse::retransmitted);
    CHECK(window.use(nonce(1), std::nullopt, {"response", "call-1", 3, "content"}, kNow) == NonceUse::replayed);
    CHECK(use(window, nonce(1), 1) == NonceUse::replayed);
    CHECK(use(window, nonce(1), 0xFFFFFFFF) == NonceUse::replayed);
    CHECK(window.use(nonce(2), std::nullopt, kMark, kNow) == NonceUse::accepted);
}

TEST_CASE("a nonce that served with qop does not serve without") {
    ReplayWindow window(kSeed, 512);
    REQUIRE(use(window, nonce(1), 1) == NonceUse::accepted);
    CHECK(window.use(nonce(1), std::nullopt, kMark, kNow) == NonceUse::replayed);
}

TEST_CASE("when a set is full the oldest nonce is forgotten, and forgotten is never accepted") {
    ReplayWindow window(kSeed, 512);
    for (std::uint64_t i = 0; i < kNonceWays; ++i) {
        CHECK(use(window, nonce(i, kNow + static_cast<TimeMs>(i)), 1) == NonceUse::accepted);
    }
    CHECK(use(window, nonce(100, kNow + 100), 1) == NonceUse::accepted);
    CHECK(use(window, nonce(0, kNow), 1, 7) == NonceUse::forgotten);
    CHECK(use(window, nonce(0, kNow), 2) == NonceUse::forgotten);
    CHECK(use(window, nonce(50, kNow), 1) == NonceUse::forgotten);  // never used, but nobody can know
    for (std::uint64_t i = 1; i < kNonceWays; ++i) {
        CHECK(use(window, nonce(i, kNow + static_cast<TimeMs>(i)), 1, 7) == NonceUse::replayed);
        CHECK(use(window, nonce(i, kNow + static_cast<TimeMs>(i)), 2) == NonceUse::accepted);
    }
}

TEST_CASE("a nonce older than all of a full set is forgotten, and pushes none of them out") {
    ReplayWindow window(kSeed, 512);
    for (std::uint64_t i = 0; i < kNonceWays; ++i) CHECK(use(window, nonce(i, kNow), 1) == NonceUse::accepted);
    CHECK(use(window, nonce(90, kNow - 1), 1) == NonceUse::forgotten);
    CHECK(use(window, nonce(91, kNow), 1) == NonceUse::forgotten);
    for (std::uint64_t i = 0; i < kNonceWays; ++i) CHECK(use(window, nonce(i, kNow), 2) == NonceUse::accepted);
}

TEST_CASE("a full set says nothing about the others") {
    ReplayWindow window(kSeed, 512);
    for (std::uint64_t i = 0; i < 100; ++i) {
        CHECK(use(window, nonce(i, kNow + static_cast<TimeMs>(i)), 1) == NonceUse::accepted);
    }
    CHECK(use(window, {kNow - 1000, 7, 6}, 1) == NonceUse::accepted);
}

TEST_CASE("the table of 65,536 nonces holds most of as many, and replays none of them") {
    ReplayWindow window(kSeed);
    REQUIRE(window.capacity() == 65'536);
    const sr::base::TextHash spread(1);
    std::vector<Nonce> all;
    for (std::uint64_t i = 0; i < 65'536; ++i) {
        const char* octets = reinterpret_cast<const char*>(&i);
        all.push_back({kNow + static_cast<TimeMs>(i), i, spread({octets, sizeof i})});
        REQUIRE(use(window, all.back(), 1) == NonceUse::accepted);
    }
    std::size_t held = 0;
    for (const Nonce& one : all) {
        const NonceUse again = use(window, one, 1, 7);
        CHECK((again == NonceUse::replayed || again == NonceUse::forgotten));
        held += again == NonceUse::replayed ? 1 : 0;
    }
    CHECK(held > 52'000);
}

TEST_CASE("of threads that use the same counts at once exactly one has each") {
    ReplayWindow window(kSeed, 512);
    constexpr std::uint32_t kCounts = 3'000;
    std::vector<std::atomic<int>> accepted(kCounts + 1);
    std::vector<std::thread> threads;
    for (std::uint32_t thread = 1; thread <= 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (std::uint32_t nc = 1; nc <= kCounts; ++nc) {
                if (use(window, {kNow, nc, nc}, 1, thread) == NonceUse::accepted) ++accepted[nc];
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    int most = 0;
    for (std::uint32_t nc = 1; nc <= kCounts; ++nc) most = std::max(most, accepted[nc].load());
    CHECK(most == 1);
}
