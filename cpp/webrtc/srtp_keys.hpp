// The protection profiles that are spoken and the keys they take (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "webrtc/bytes.hpp"

namespace sr::webrtc {

enum class SrtpProfile : std::uint8_t { aead_aes_128_gcm, aead_aes_256_gcm, aes128_cm_sha1_80 };

struct SrtpProfileTraits {
    std::string_view openssl_name;  // as SSL_CTX_set_tlsext_use_srtp knows it
    std::uint16_t id;               // in the use_srtp extension
    std::size_t key_size;           // octets
    std::size_t salt_size;          // octets
    std::size_t tag_size;           // octets that a packet grows by; an RTCP packet by four more
    bool is_aead;
};

[[nodiscard]] const SrtpProfileTraits& traits_of(SrtpProfile profile) noexcept;
[[nodiscard]] std::optional<SrtpProfile> find_srtp_profile(std::uint16_t id) noexcept;

/// One direction's master key and salt; the first key_size and salt_size octets count. Wiped when it goes.
struct SrtpMaster {
    std::array<std::uint8_t, 32> key{};
    std::array<std::uint8_t, 14> salt{};

    SrtpMaster() = default;
    SrtpMaster(const SrtpMaster&) = default;
    SrtpMaster& operator=(const SrtpMaster&) = default;
    ~SrtpMaster();
};

struct SrtpKeys {
    SrtpProfile profile = SrtpProfile::aead_aes_128_gcm;
    SrtpMaster local;   // what we send is protected with it
    SrtpMaster remote;  // what the peer sends is
};

/// What a label of RFC 3711 section 4.3.2 is for.
enum class SrtpLabel : std::uint8_t {
    rtp_encryption = 0,
    rtp_authentication = 1,
    rtp_salt = 2,
    rtcp_encryption = 3,
    rtcp_authentication = 4,
    rtcp_salt = 5,
};

/// The session key of `label`, as long as `out` (RFC 3711 section 4.3.1 with a key derivation rate of 0, RFC 6188 for
/// 256 bits); false where OpenSSL refuses.
[[nodiscard]] bool derive_srtp_key(SrtpProfile profile, const SrtpMaster& master, SrtpLabel label,
                                   MutableOctets out) noexcept;

}  // namespace sr::webrtc
