#include "webrtc/srtp_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

#include "webrtc/evp.hpp"

namespace sr::webrtc {
namespace {

// In the order of SrtpProfile.
constexpr std::array<SrtpProfileTraits, 3> kTraits{
    SrtpProfileTraits{"SRTP_AEAD_AES_128_GCM", 0x0007, 16, 12, 16, true},
    SrtpProfileTraits{"SRTP_AEAD_AES_256_GCM", 0x0008, 32, 12, 16, true},
    SrtpProfileTraits{"SRTP_AES128_CM_SHA1_80", 0x0001, 16, 14, 10, false},
};

constexpr std::size_t kLabelAt = 7;  // the octet of the 14 of the salt that the label is xored into

}  // namespace

const SrtpProfileTraits& traits_of(SrtpProfile profile) noexcept { return kTraits[static_cast<std::size_t>(profile)]; }

std::optional<SrtpProfile> find_srtp_profile(std::uint16_t id) noexcept {
    for (std::size_t i = 0; i < kTraits.size(); ++i) {
        if (kTraits[i].id == id) return static_cast<SrtpProfile>(i);
    }
    return std::nullopt;
}

namespace {

/// Fetched once: to look it up costs more than to use it, and a session derives twelve keys.
const EVP_CIPHER* counter_mode(std::size_t key_size) noexcept {
    static const EVP_CIPHER* const short_key = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
    static const EVP_CIPHER* const long_key = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
    return key_size == 32 ? long_key : short_key;
}

}  // namespace

SrtpMaster::~SrtpMaster() {
    OPENSSL_cleanse(key.data(), key.size());
    OPENSSL_cleanse(salt.data(), salt.size());
}

bool derive_srtp_key(SrtpProfile profile, const SrtpMaster& master, SrtpLabel label, MutableOctets out) noexcept {
    const SrtpProfileTraits& traits = traits_of(profile);
    // x * 2^16 of RFC 3711 section 4.3.3; the 96-bit salt of GCM stands at the left of the 112 bits (RFC 7714 section
    // 11).
    std::array<std::uint8_t, 16> iv{};
    std::copy_n(master.salt.begin(), traits.salt_size, iv.begin());
    iv[kLabelAt] ^= static_cast<std::uint8_t>(label);

    const CipherContext context(EVP_CIPHER_CTX_new());
    int written = 0;
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    return context != nullptr &&
           EVP_EncryptInit_ex2(context.get(), counter_mode(traits.key_size), master.key.data(), iv.data(), nullptr) ==
               1 &&
           EVP_EncryptUpdate(context.get(), out.data(), &written, out.data(), static_cast<int>(out.size())) == 1;
}

}  // namespace sr::webrtc
