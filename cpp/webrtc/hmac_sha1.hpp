// HMAC-SHA1 (RFC 2104) with one key and many messages: STUN's MESSAGE-INTEGRITY and the tags of SRTP.
#pragma once

#include <openssl/sha.h>

#include <array>

#include "webrtc/bytes.hpp"

namespace sr::webrtc {

using Sha1Digest = std::array<std::uint8_t, SHA_DIGEST_LENGTH>;

/// The key's two blocks are hashed once, when it is made; a message then costs no allocation.
class HmacSha1 {
  public:
    explicit HmacSha1(Octets key) noexcept;
    ~HmacSha1();
    HmacSha1(const HmacSha1&) = default;
    HmacSha1& operator=(const HmacSha1&) = default;

    /// Of `first` and `second` as if they were one.
    [[nodiscard]] Sha1Digest digest(Octets first, Octets second = {}) const noexcept;

  private:
    SHA_CTX inner_;
    SHA_CTX outer_;
};

/// In a time that tells nothing of where they differ; of unequal lengths: false.
[[nodiscard]] bool is_equal_in_constant_time(Octets a, Octets b) noexcept;

}  // namespace sr::webrtc
