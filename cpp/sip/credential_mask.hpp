// A message as people may see it: what proves an identity is blotted out before the octets are kept anywhere.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace sr::sip {

struct MaskedCopy {
    std::size_t size = 0;
    bool is_cut = false;  // not all of it fitted
};

/// Copies a message into `room` and puts *** in the place of
///   - the values of Authorization, Proxy-Authorization, WWW-Authenticate, Proxy-Authenticate and the two
///     Authentication-Info (RFC 3261 section 22, RFC 7616), but for username, realm, algorithm, qop, nc, stale and uri
///     where these stand in an unmistakable form. No other scheme than Digest shows more than its name. SIP has no
///     compact form of these names;
///   - passwords in URIs (RFC 3261 section 19.1.1) and credentials in their header part;
///   - keys in SDP (`a=crypto`, `a=ice-pwd`, `k=`).
/// For octets of any kind: CR and LF each end a line, folded fields are unfolded where they are masked, and what does
/// not parse beside a credential is masked whole. Everything else is copied as it is.
[[nodiscard]] MaskedCopy copy_masked(std::string_view message, std::span<char> room) noexcept;

}  // namespace sr::sip
