// The input is taken for a nonce, and laid over one of ours.
#include "auth/nonce.hpp"

#include <algorithm>

#include "fuzz_kit.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    using auth::NonceState;
    constexpr base::TimeMs kNow = 1'000'000;
    constexpr base::TimeMs kLifetime = 60'000;
    static constexpr std::array<std::uint8_t, auth::kKeyOctets> kKey{1, 2, 3};
    static constexpr std::array<std::uint8_t, auth::kKeyOctets> kOtherKey{3, 2, 1};
    static auth::NonceMint mint(kKey);
    const auth::NonceScope scope{"home", *sip::SocketAddress::parse("192.0.2.7", 5060)};
    const auto state_of = [&](std::string_view text, const auth::NonceScope& asked, base::TimeMs now_ms) {
        return mint.read(text, asked, now_ms, kLifetime).state;
    };
    // Another one, which has issued nothing: libFuzzer learns what `mint` issues from the comparisons below.
    static const auth::NonceMint other(kOtherKey);
    require(other.read(input, scope, kNow, kLifetime).state == NonceState::foreign, "nobody guesses a nonce");
    const auth::NonceText issued = mint.issue(scope, kNow);
    const std::string_view ours(issued.data(), issued.size());
    require(state_of(ours, scope, kNow + kLifetime) == NonceState::fresh, "ours is known while it is fresh");
    require(state_of(ours, scope, kNow + kLifetime + 1) == NonceState::stale, "and when it is stale");
    require(state_of(ours, {input, scope.source}, kNow) == NonceState::foreign || input == scope.realm,
            "it is for one realm");
    auth::NonceText changed = issued;
    for (std::size_t i = 0; i < std::min(changed.size(), input.size()); ++i) {
        changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ static_cast<unsigned char>(input[i]));
    }
    require(changed == issued || state_of({changed.data(), changed.size()}, scope, kNow) == NonceState::foreign,
            "no bit of a nonce may change");
    require(state_of(ours.substr(0, input.size() % issued.size()), scope, kNow) == NonceState::foreign,
            "nor may it be shorter");
}

}  // namespace sr::fuzz
