// Nonces that need no memory (RFC 7616 section 3.3): a time and a number, signed with a key of ours.
//
// Theory of operation. A nonce is 27 octets in base64url: 48 bits of issue time, 40 bits of a running number, 128 bits
// of SipHash-2-4 over both, the realm and the address that asked. So a flood of unauthenticated requests costs a short
// hash each and no memory, and a nonce that comes back proves that its sender receives what we send to that address: a
// failed guess can be held against its source, which no spoofer can do to another.
//
// SipHash is a MAC made for short input from strangers, and takes a ninth of the time of OpenSSL's HMAC-SHA256, which
// would be the dearest step of a refresh: 0.1 us. A nonce need not resist whoever knows the key, as a digest must.
//
// The key is made anew for each life of the process: which nonce-counts were used is forgotten with the process, and a
// key that outlived it would let every one of them be used again. What it costs: after a restart each device is told
// once that its nonce is stale.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "sip/flow.hpp"

namespace sr::auth {

inline constexpr std::size_t kKeyOctets = 16;
inline constexpr std::size_t kNonceLength = 36;  // characters
using NonceText = std::array<char, kNonceLength>;

/// To whom a nonce was given: the port is left out, as NATs and phones change it.
struct NonceScope {
    std::string_view realm;
    sip::SocketAddress source;
};

struct Nonce {
    base::TimeMs issued_ms = 0;
    std::uint64_t number = 0;  // unique among those of one issued_ms
    std::uint64_t tag = 0;     // bits of the signature: spread evenly, and nobody can choose them
};

enum class NonceState : std::uint8_t {
    fresh,
    stale,    // ours, but too old
    foreign,  // of another key, realm or address, or no nonce at all
};

struct ReadNonce {
    NonceState state = NonceState::foreign;
    Nonce nonce;
};

class NonceMint {
  public:
    /// Throws std::runtime_error where OpenSSL has no SipHash.
    explicit NonceMint(std::span<const std::uint8_t, kKeyOctets> key);
    ~NonceMint();
    NonceMint(const NonceMint&) = delete;
    NonceMint& operator=(const NonceMint&) = delete;

    /// Any thread; never twice the same.
    [[nodiscard]] NonceText issue(const NonceScope& scope, base::TimeMs now_ms) noexcept;

    /// Any thread. A nonce from the future is foreign: our clock does not run backwards.
    [[nodiscard]] ReadNonce read(std::string_view text, const NonceScope& scope, base::TimeMs now_ms,
                                 base::TimeMs lifetime_ms) const noexcept;

  private:
    using Octets = std::array<std::uint8_t, 27>;

    /// Fills in the last 16 octets.
    void sign(Octets& octets, const NonceScope& scope) const noexcept;

    std::array<std::uint8_t, kKeyOctets> key_;
    std::uint64_t id_;  // by which a thread knows whose key its context holds
    std::atomic<std::uint64_t> last_number_{0};
};

}  // namespace sr::auth
