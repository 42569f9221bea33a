// The hash of a DTLS certificate (RFC 8122 section 5).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sr::sdp {

enum class HashFunction : std::uint8_t { sha_1, sha_224, sha_256, sha_384, sha_512 };

struct Fingerprint {
    HashFunction function = HashFunction::sha_256;
    std::uint8_t size = 0;
    std::array<std::uint8_t, 64> octets{};  // zero behind `size`

    bool operator==(const Fingerprint&) const = default;

    [[nodiscard]] std::span<const std::uint8_t> digest() const noexcept { return {octets.data(), size}; }

    /// Of "sha-256 AB:CD:...", name and digits in any case; nullopt for another function (MD2 and MD5 are forbidden) or
    /// a digest that is not of the function's length.
    [[nodiscard]] static std::optional<Fingerprint> parse(std::string_view text) noexcept;
};

}  // namespace sr::sdp
