// The arithmetic of digest authentication (RFC 7616 section 3.4, RFC 8760): hashes over text, written in hexadecimal.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

namespace sr::auth {

/// In order of strength, the strongest first: the order in which they are offered (RFC 8760 section 2.3). The -sess
/// variants are not spoken: they save work only where a session outlives many nonces, which it does not here.
enum class Algorithm : std::uint8_t { sha512_256, sha256, md5 };
inline constexpr std::size_t kAlgorithms = 3;
inline constexpr std::array kByStrength{Algorithm::sha512_256, Algorithm::sha256, Algorithm::md5};

/// As RFC 7616 section 6.1 registers it: "SHA-512-256", "SHA-256", "MD5".
[[nodiscard]] std::string_view algorithm_name(Algorithm algorithm) noexcept;

/// In any case of its letters; nullopt for those that are not spoken.
[[nodiscard]] std::optional<Algorithm> find_algorithm(std::string_view name) noexcept;

/// Octets of a digest in hexadecimal: 64, or 32 for MD5.
[[nodiscard]] std::size_t hex_length(Algorithm algorithm) noexcept;

/// Whether this machine's OpenSSL has it: MD5 is missing where FIPS rules are enforced. Digests of one that is missing
/// are empty and match nothing.
[[nodiscard]] bool is_available(Algorithm algorithm) noexcept;

class AlgorithmSet {
  public:
    constexpr AlgorithmSet() noexcept = default;
    constexpr AlgorithmSet(std::initializer_list<Algorithm> algorithms) noexcept {
        for (const Algorithm algorithm : algorithms) insert(algorithm);
    }
    constexpr void insert(Algorithm algorithm) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | bit(algorithm)); }
    constexpr void erase(Algorithm algorithm) noexcept { bits_ = static_cast<std::uint8_t>(bits_ & ~bit(algorithm)); }
    [[nodiscard]] constexpr bool contains(Algorithm algorithm) const noexcept { return (bits_ & bit(algorithm)) != 0; }
    [[nodiscard]] constexpr bool is_empty() const noexcept { return bits_ == 0; }

  private:
    static constexpr unsigned bit(Algorithm algorithm) noexcept { return 1U << static_cast<unsigned>(algorithm); }
    std::uint8_t bits_ = 0;
};

/// A digest in lower-case hexadecimal; empty: none.
class HexDigest {
  public:
    static constexpr std::size_t kLongest = 64;

    HexDigest() noexcept = default;

    /// Nullopt unless `text` is as long as the algorithm's digests and hexadecimal in either case.
    [[nodiscard]] static std::optional<HexDigest> parse(Algorithm algorithm, std::string_view text) noexcept;
    [[nodiscard]] static HexDigest of_octets(std::span<const std::uint8_t> octets) noexcept;

    [[nodiscard]] std::string_view text() const noexcept { return {digits_.data(), size_}; }
    [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }

  private:
    std::array<char, kLongest> digits_{};
    std::uint8_t size_ = 0;
};

/// What goes into a response beside the password, each as it stands on the wire between its quotes.
struct DigestInput {
    std::string_view method;
    std::string_view uri;
    std::string_view nonce;
    bool has_qop = true;  // false: the form of RFC 2069, without nc and cnonce
    std::string_view nc;
    std::string_view cnonce;
};

/// H(user:realm:password): what is kept instead of the password. Not for the packet path: its work grows with the text.
[[nodiscard]] HexDigest compute_ha1(Algorithm algorithm, std::string_view user, std::string_view realm,
                                    std::string_view password);

/// RFC 7616 sections 3.4.1 and 3.4.3 with qop=auth, or without qop. Empty where the input is longer than any request's
/// may be (kLongestInput in all) or the algorithm is not available.
[[nodiscard]] HexDigest compute_response(Algorithm algorithm, std::string_view ha1_hex,
                                         const DigestInput& input) noexcept;
inline constexpr std::size_t kLongestInput = 1536;

/// In a time that tells nothing of where they differ; an empty digest equals nothing, not even itself.
[[nodiscard]] bool is_equal_in_constant_time(const HexDigest& a, const HexDigest& b) noexcept;

}  // namespace sr::auth
