// RFC 7616 section 3.3: nonces that need no memory.
#include "auth/nonce.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "auth_kit.hpp"

using namespace sr::auth;
using namespace sr::auth::testkit;

namespace {

constexpr sr::base::TimeMs kLifetime = 60'000;

std::string issue(NonceMint& mint, const NonceScope& scope, sr::base::TimeMs now_ms = kNow) {
    const NonceText text = mint.issue(scope, now_ms);
    return {text.data(), text.size()};
}

NonceState state(const NonceMint& mint, std::string_view text, const NonceScope& scope,
                 sr::base::TimeMs now_ms = kNow) {
    return mint.read(text, scope, now_ms, kLifetime).state;
}

const NonceScope kScope{kRealm, ipv4(192, 168, 1, 20)};

}  // namespace

TEST_CASE("a nonce is fresh for its lifetime, then stale, and never from the future") {
    NonceMint mint(key(1));
    const std::string text = issue(mint, kScope);
    CHECK(state(mint, text, kScope, kNow) == NonceState::fresh);
    CHECK(state(mint, text, kScope, kNow + kLifetime) == NonceState::fresh);
    CHECK(state(mint, text, kScope, kNow + kLifetime + 1) == NonceState::stale);
    CHECK(state(mint, text, kScope, kNow - 1) == NonceState::foreign);
}

TEST_CASE("a nonce of another key, realm or address is foreign; another port of the address is not") {
    NonceMint mint(key(1));
    NonceMint other(key(2));
    const std::string text = issue(mint, kScope);
    CHECK(state(other, text, kScope) == NonceState::foreign);
    CHECK(state(mint, text, {"other.local", kScope.source}) == NonceState::foreign);
    CHECK(state(mint, text, {kRealm, ipv4(192, 168, 1, 21)}) == NonceState::foreign);
    CHECK(state(mint, issue(mint, {kRealm, ipv6(0xFE80ULL << 48, 1, 2)}), {kRealm, ipv6(0xFE80ULL << 48, 1, 3)}) ==
          NonceState::foreign);
    NonceScope moved = kScope;
    moved.source.port = 40000;
    CHECK(state(mint, text, moved) == NonceState::fresh);
    // The thread's context changes hands between mints and keeps none of the other's key.
    CHECK(state(mint, text, kScope) == NonceState::fresh);
    CHECK(state(other, issue(other, kScope), kScope) == NonceState::fresh);
}

TEST_CASE("mints of one key understand each other") {
    NonceMint mint(key(1));
    const NonceMint twin(key(1));
    CHECK(state(twin, issue(mint, kScope), kScope) == NonceState::fresh);
}

TEST_CASE("a nonce changed in any octet is foreign, and so is what is no nonce at all") {
    using namespace std::string_view_literals;
    NonceMint mint(key(1));
    const std::string text = issue(mint, kScope);
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string other = text;
        other[i] = other[i] == 'A' ? 'B' : 'A';
        CHECK(state(mint, other, kScope) == NonceState::foreign);
        other[i] = '=';
        CHECK(state(mint, other, kScope) == NonceState::foreign);
        CHECK(state(mint, std::string_view(text).substr(0, i), kScope) == NonceState::foreign);
    }
    CHECK(state(mint, text + "A", kScope) == NonceState::foreign);
    CHECK(state(mint, "dcd98b7102dd2f0e8b11d0f600bfb0c093"sv, kScope) == NonceState::foreign);
    CHECK(state(mint, std::string(kNonceLength, '\xFF'), kScope) == NonceState::foreign);
    CHECK(state(mint, std::string(kNonceLength, '\0'), kScope) == NonceState::foreign);
}

TEST_CASE("a nonce needs no escape in a quoted string or a header") {
    NonceMint mint(key(1));
    for (int i = 0; i < 100; ++i) {
        const std::string text = issue(mint, kScope, kNow + i);
        CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
              std::string::npos);
    }
}

TEST_CASE("no nonce is given out twice, whatever the time and however many threads ask") {
    NonceMint mint(key(1));
    constexpr std::size_t kEach = 2'000;
    std::vector<std::vector<std::string>> issued(4);
    std::vector<std::thread> threads;
    for (auto& mine : issued) {
        threads.emplace_back([&mint, &mine] {
            for (std::size_t i = 0; i < kEach; ++i) mine.push_back(issue(mint, kScope));
        });
    }
    for (std::thread& thread : threads) thread.join();
    std::set<std::string> all;
    for (const auto& mine : issued) all.insert(mine.begin(), mine.end());
    CHECK(all.size() == 4 * kEach);
    CHECK(std::all_of(all.begin(), all.end(),
                      [&](const std::string& text) { return state(mint, text, kScope) == NonceState::fresh; }));
}
