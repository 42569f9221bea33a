// EVP allocates for every message, whichever way it is used; these functions are deprecated, but copy 96 octets.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "webrtc/hmac_sha1.hpp"

#include <openssl/crypto.h>

#include <algorithm>

namespace sr::webrtc {
namespace {

using Block = std::array<std::uint8_t, SHA_CBLOCK>;

/// The state after the key's block with `pad` on it (RFC 2104 section 2).
SHA_CTX begin(const Block& key, std::uint8_t pad) noexcept {
    Block block = key;
    for (std::uint8_t& octet : block) octet ^= pad;
    SHA_CTX state;
    SHA1_Init(&state);
    SHA1_Update(&state, block.data(), block.size());
    OPENSSL_cleanse(block.data(), block.size());
    return state;
}

}  // namespace

HmacSha1::HmacSha1(Octets key) noexcept {
    Block block{};
    if (key.size() > block.size()) {
        SHA1(key.data(), key.size(), block.data());
    } else {
        std::copy(key.begin(), key.end(), block.begin());
    }
    inner_ = begin(block, 0x36);
    outer_ = begin(block, 0x5C);
    OPENSSL_cleanse(block.data(), block.size());
}

HmacSha1::~HmacSha1() {
    OPENSSL_cleanse(&inner_, sizeof inner_);
    OPENSSL_cleanse(&outer_, sizeof outer_);
}

Sha1Digest HmacSha1::digest(Octets first, Octets second) const noexcept {
    Sha1Digest digest;
    SHA_CTX state = inner_;
    SHA1_Update(&state, first.data(), first.size());
    SHA1_Update(&state, second.data(), second.size());
    SHA1_Final(digest.data(), &state);
    state = outer_;
    SHA1_Update(&state, digest.data(), digest.size());
    SHA1_Final(digest.data(), &state);
    return digest;
}

bool is_equal_in_constant_time(Octets a, Octets b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace sr::webrtc
