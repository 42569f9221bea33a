// The hash of a certificate as session descriptions carry it (RFC 8122 section 5).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "webrtc/bytes.hpp"

namespace sr::webrtc {

/// RFC 8122 also names md5 and md2: "must not be used".
enum class FingerprintHash : std::uint8_t { sha1, sha256, sha384, sha512 };

struct Fingerprint {
    FingerprintHash hash = FingerprintHash::sha256;
    std::uint8_t size = 0;  // octets
    std::array<std::uint8_t, 64> octets{};

    /// "sha-256 19:E2:1C:...", the value of an a=fingerprint line, in any case of its letters; nullopt where the hash
    /// is not spoken or the octets are not as many as it makes.
    [[nodiscard]] static std::optional<Fingerprint> parse(std::string_view text) noexcept;
    /// Of a certificate in DER; nullopt where OpenSSL refuses.
    [[nodiscard]] static std::optional<Fingerprint> of_certificate(Octets der, FingerprintHash hash) noexcept;

    /// As `parse` reads it, in capitals.
    [[nodiscard]] std::string text() const;

    bool operator==(const Fingerprint&) const = default;
};

}  // namespace sr::webrtc
