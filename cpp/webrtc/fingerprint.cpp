#include "webrtc/fingerprint.hpp"

#include <openssl/evp.h>

#include "sip/ascii.hpp"

namespace sr::webrtc {
namespace {

struct HashTraits {
    std::string_view name;  // RFC 8122 section 5
    const char* openssl_name;
    std::uint8_t size;  // octets
};

// In the order of FingerprintHash.
constexpr std::array<HashTraits, 4> kHashes{
    HashTraits{"sha-1", "SHA1", 20},
    HashTraits{"sha-256", "SHA256", 32},
    HashTraits{"sha-384", "SHA384", 48},
    HashTraits{"sha-512", "SHA512", 64},
};

constexpr std::string_view kDigits = "0123456789ABCDEF";

std::optional<std::uint8_t> digit_of(char written) noexcept {
    const char c = sip::to_lower(written);
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    return std::nullopt;
}

}  // namespace

std::optional<Fingerprint> Fingerprint::parse(std::string_view text) noexcept {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    Fingerprint fingerprint;
    std::size_t row = 0;
    while (row < kHashes.size() && !sip::is_equal_ignoring_case(kHashes[row].name, text.substr(0, space))) ++row;
    if (row == kHashes.size()) return std::nullopt;
    fingerprint.hash = static_cast<FingerprintHash>(row);
    fingerprint.size = kHashes[row].size;

    text.remove_prefix(space + 1);
    if (text.size() != fingerprint.size * std::size_t{3} - 1) return std::nullopt;
    for (std::size_t i = 0; i < fingerprint.size; ++i) {
        const auto high = digit_of(text[3 * i]);
        const auto low = digit_of(text[3 * i + 1]);
        if (!high || !low || (i + 1 < fingerprint.size && text[3 * i + 2] != ':')) return std::nullopt;
        fingerprint.octets[i] = static_cast<std::uint8_t>(*high << 4 | *low);
    }
    return fingerprint;
}

std::optional<Fingerprint> Fingerprint::of_certificate(Octets der, FingerprintHash hash) noexcept {
    const HashTraits& traits = kHashes[static_cast<std::size_t>(hash)];
    Fingerprint fingerprint;
    fingerprint.hash = hash;
    fingerprint.size = traits.size;
    std::size_t size = 0;
    if (EVP_Q_digest(nullptr, traits.openssl_name, nullptr, der.data(), der.size(), fingerprint.octets.data(), &size) !=
        1) {
        return std::nullopt;
    }
    return fingerprint;
}

std::string Fingerprint::text() const {
    std::string text(kHashes[static_cast<std::size_t>(hash)].name);
    for (std::size_t i = 0; i < size; ++i) {
        text += i == 0 ? ' ' : ':';
        text += kDigits[octets[i] >> 4];
        text += kDigits[octets[i] & 0x0F];
    }
    return text;
}

}  // namespace sr::webrtc
