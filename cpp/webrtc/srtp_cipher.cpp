#include "webrtc/srtp_cipher.hpp"

#include <openssl/crypto.h>

#include <algorithm>

namespace sr::webrtc {
namespace {

/// Fetched once and never freed: sessions come and go on several threads until the process ends.
const EVP_CIPHER* implementation(SrtpProfile profile) noexcept {
    static const std::array<EVP_CIPHER*, 3> all{
        EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr),
        EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr),
        EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr),
    };
    return all[static_cast<std::size_t>(profile)];
}

}  // namespace

SrtpSessionKeys::~SrtpSessionKeys() { OPENSSL_cleanse(this, sizeof *this); }

std::optional<SrtpSessionKeys> derive_session_keys(SrtpProfile profile, const SrtpMaster& master,
                                                   SrtpKind kind) noexcept {
    const SrtpProfileTraits& traits = traits_of(profile);
    const bool is_rtp = kind == SrtpKind::rtp;
    SrtpSessionKeys keys;
    const auto derive = [&](SrtpLabel rtp, SrtpLabel rtcp, MutableOctets out) {
        return derive_srtp_key(profile, master, is_rtp ? rtp : rtcp, out);
    };
    const MutableOctets encryption = std::span(keys.encryption).first(traits.key_size);
    const MutableOctets salt = std::span(keys.salt).first(traits.salt_size);
    if (!derive(SrtpLabel::rtp_encryption, SrtpLabel::rtcp_encryption, encryption) ||
        !derive(SrtpLabel::rtp_authentication, SrtpLabel::rtcp_authentication, keys.authentication) ||
        !derive(SrtpLabel::rtp_salt, SrtpLabel::rtcp_salt, salt)) {
        return std::nullopt;
    }
    return keys;
}

std::optional<SrtpCipher> SrtpCipher::make(SrtpProfile profile, const SrtpSessionKeys& keys, SrtpDirection direction,
                                           SrtpKind kind) {
    const SrtpProfileTraits& traits = traits_of(profile);
    SrtpCipher cipher;
    cipher.kind_ = kind;
    cipher.tag_size_ = traits.tag_size;
    cipher.salt_ = keys.salt;
    cipher.context_.reset(EVP_CIPHER_CTX_new());
    if (!traits.is_aead) cipher.hmac_.emplace(keys.authentication);
    // Counter mode is its own reverse; OpenSSL's GCM wants to know.
    const int is_encrypting = !traits.is_aead || direction == SrtpDirection::protect ? 1 : 0;
    if (cipher.context_ == nullptr || implementation(profile) == nullptr ||
        EVP_CipherInit_ex2(cipher.context_.get(), implementation(profile), keys.encryption.data(), nullptr,
                           is_encrypting, nullptr) != 1) {
        return std::nullopt;
    }
    return cipher;
}

bool SrtpCipher::begin(const SrtpPosition& position) noexcept {
    std::array<std::uint8_t, 16> iv{};
    if (is_aead()) {
        // Two octets of zero, the SSRC and 48 bits of the index; RTCP's has 31, so that the fields fall together.
        write_u32(&iv[2], position.ssrc);
        write_u16(&iv[6], static_cast<std::uint16_t>(position.index >> 32));
        write_u32(&iv[8], static_cast<std::uint32_t>(position.index));
    } else {
        // SSRC * 2^64 xor index * 2^16; the last two octets count the blocks.
        write_u32(&iv[4], position.ssrc);
        write_u64(&iv[8], position.index << 16);
    }
    for (std::size_t i = 0; i < salt_.size(); ++i) iv[i] ^= salt_[i];
    return EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, iv.data(), -1, nullptr) == 1;
}

bool SrtpCipher::seal(const SrtpPosition& position, MutableOctets message, std::size_t clear, Octets trailer,
                      std::uint8_t* tag) noexcept {
    if (!begin(position)) return false;
    if (is_aead()) {
        return transform_aead(message, clear, trailer) && EVP_CipherFinal_ex(context_.get(), tag, &written_) == 1 &&
               EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_size_), tag) == 1;
    }
    const MutableOctets payload = message.subspan(clear);
    if (!update(payload.data(), payload)) return false;
    const Sha1Digest digest = hmac_->digest(message, trailer);
    std::copy_n(digest.begin(), tag_size_, tag);
    return true;
}

bool SrtpCipher::open(const SrtpPosition& position, MutableOctets message, std::size_t clear, Octets trailer,
                      Octets tag) noexcept {
    if (is_aead()) {
        std::array<std::uint8_t, 16> expected;  // OpenSSL takes it by a pointer that may be written through
        std::copy_n(tag.begin(), expected.size(), expected.begin());
        return begin(position) &&
               EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(expected.size()),
                                   expected.data()) == 1 &&
               transform_aead(message, clear, trailer) &&
               EVP_CipherFinal_ex(context_.get(), expected.data(), &written_) == 1;
    }
    const Sha1Digest digest = hmac_->digest(message, trailer);
    if (!is_equal_in_constant_time(Octets(digest).first(tag_size_), tag)) return false;
    const MutableOctets payload = message.subspan(clear);
    return begin(position) && update(payload.data(), payload);
}

bool SrtpCipher::transform_aead(MutableOctets message, std::size_t clear, Octets trailer) noexcept {
    // The rollover counter is in RTP's nonce and therefore not in its associated data (RFC 7714 section 8.2).
    const Octets associated = kind_ == SrtpKind::rtcp ? trailer : Octets();
    const MutableOctets payload = message.subspan(clear);
    return update(nullptr, message.first(clear)) && update(nullptr, associated) && update(payload.data(), payload);
}

bool SrtpCipher::update(std::uint8_t* out, Octets octets) noexcept {
    return octets.empty() ||
           EVP_CipherUpdate(context_.get(), out, &written_, octets.data(), static_cast<int>(octets.size())) == 1;
}

}  // namespace sr::webrtc
