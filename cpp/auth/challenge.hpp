// What a 401 asks for (RFC 7616 section 3.3, RFC 8760 section 2.3).
#pragma once

#include <cstddef>
#include <string_view>

#include "auth/digest.hpp"
#include "base/text_buffer.hpp"

namespace sr::auth {

inline constexpr std::size_t kLongestOwnRealm = 64;

struct Challenge {
    std::string_view realm;
    std::string_view nonce;
    AlgorithmSet algorithms;
    bool is_stale = false;
};

/// Whether a realm may be configured: 1 to kLongestOwnRealm octets of printable text without quotes and backslashes,
/// which phones unescape each in its own way.
[[nodiscard]] bool is_valid_realm(std::string_view realm) noexcept;

/// One WWW-Authenticate line for each algorithm, the strongest first, each ending in CRLF. Where they take more than
/// `most_octets` together, the strongest are left out, one by one, but never the last: it is the one that every phone
/// knows. There is no opaque (the nonce needs no company) and no domain (a registrar has one).
void write_challenges(const Challenge& challenge, std::size_t most_octets, base::TextBuffer& out) noexcept;

/// Of `wanted` what a client that calls itself so can be offered: some are known to give up at the sight of an
/// algorithm that they lack, though one that they have stands below it. The name is whatever the client claims, before
/// anybody knows who it is, so the offer tells nothing. All of `wanted` where nothing else would be left.
[[nodiscard]] AlgorithmSet offered_to(std::string_view user_agent, AlgorithmSet wanted) noexcept;

/// For `most_octets`: the answer to a request whose source nobody knows yet is at most twice as long as the request
/// was, so that nobody gains by sending it in another's name; a usual REGISTER has room for all three challenges.
/// `other_octets` is the answer without challenges.
[[nodiscard]] std::size_t room_for_challenges(std::size_t request_octets, std::size_t other_octets) noexcept;

}  // namespace sr::auth
