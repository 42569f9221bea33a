#include "auth/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/text_buffer.hpp"
#include "sip/ascii.hpp"

namespace sr::auth {
namespace {

struct Row {
    std::string_view name;
    const char* openssl_name;
    std::size_t hex_length;
};

constexpr std::array<Row, kAlgorithms> kRows{
    Row{"SHA-512-256", "SHA512-256", 64},
    Row{"SHA-256", "SHA256", 64},
    Row{"MD5", "MD5", 32},
};

constexpr char kNoDigit = 0;

/// A hexadecimal digit in lower case, or kNoDigit.
constexpr auto kLowerDigits = [] {
    std::array<char, 256> digits{};
    for (const unsigned char c : std::string_view("0123456789abcdef")) digits[c] = static_cast<char>(c);
    for (const unsigned char c : std::string_view("ABCDEF")) digits[c] = sip::to_lower(static_cast<char>(c));
    return digits;
}();

const Row& row_of(Algorithm algorithm) noexcept { return kRows[static_cast<std::size_t>(algorithm)]; }

/// Looked up once: EVP_sha256() and its like search the providers anew at every use, which takes longer than the hash.
/// Never freed: threads may hash until the process ends.
const EVP_MD* implementation(Algorithm algorithm) noexcept {
    static const std::array<EVP_MD*, kAlgorithms> all = [] {
        std::array<EVP_MD*, kAlgorithms> fetched{};
        for (std::size_t i = 0; i < kAlgorithms; ++i) {
            fetched[i] = EVP_MD_fetch(nullptr, kRows[i].openssl_name, nullptr);
        }
        return fetched;
    }();
    return all[static_cast<std::size_t>(algorithm)];
}

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

/// One per thread and algorithm: a context that changes its algorithm allocates.
EVP_MD_CTX* context(Algorithm algorithm) noexcept {
    thread_local std::array<std::unique_ptr<EVP_MD_CTX, FreeContext>, kAlgorithms> contexts;
    auto& kept = contexts[static_cast<std::size_t>(algorithm)];
    if (!kept) kept.reset(EVP_MD_CTX_new());
    return kept.get();
}

HexDigest hash(Algorithm algorithm, std::string_view text) noexcept {
    const EVP_MD* md = implementation(algorithm);
    EVP_MD_CTX* room = context(algorithm);
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> octets;
    unsigned int size = 0;
    if (md == nullptr || room == nullptr || EVP_DigestInit_ex2(room, md, nullptr) != 1 ||
        EVP_DigestUpdate(room, text.data(), text.size()) != 1 || EVP_DigestFinal_ex(room, octets.data(), &size) != 1) {
        return {};
    }
    return HexDigest::of_octets(std::span(octets).first(size));
}

}  // namespace

std::string_view algorithm_name(Algorithm algorithm) noexcept { return row_of(algorithm).name; }

std::optional<Algorithm> find_algorithm(std::string_view name) noexcept {
    for (const Algorithm algorithm : kByStrength) {
        if (sip::is_equal_ignoring_case(row_of(algorithm).name, name)) return algorithm;
    }
    return std::nullopt;
}

std::size_t hex_length(Algorithm algorithm) noexcept { return row_of(algorithm).hex_length; }

bool is_available(Algorithm algorithm) noexcept { return implementation(algorithm) != nullptr; }

std::optional<HexDigest> HexDigest::parse(Algorithm algorithm, std::string_view text) noexcept {
    if (text.size() != hex_length(algorithm)) return std::nullopt;
    HexDigest digest;
    bool is_whole = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char digit = kLowerDigits[static_cast<unsigned char>(text[i])];
        is_whole = is_whole && digit != kNoDigit;
        digest.digits_[i] = digit;
    }
    digest.size_ = static_cast<std::uint8_t>(text.size());
    return is_whole ? std::optional(digest) : std::nullopt;
}

HexDigest HexDigest::of_octets(std::span<const std::uint8_t> octets) noexcept {
    constexpr std::string_view kDigits = "0123456789abcdef";
    HexDigest digest;
    const std::size_t count = std::min(octets.size(), kLongest / 2);
    for (std::size_t i = 0; i < count; ++i) {
        digest.digits_[2 * i] = kDigits[octets[i] >> 4];
        digest.digits_[2 * i + 1] = kDigits[octets[i] & 0x0F];
    }
    digest.size_ = static_cast<std::uint8_t>(2 * count);
    return digest;
}

HexDigest compute_ha1(Algorithm algorithm, std::string_view user, std::string_view realm, std::string_view password) {
    std::string text;
    text.append(user).append(":").append(realm).append(":").append(password);
    const HexDigest digest = hash(algorithm, text);
    OPENSSL_cleanse(text.data(), text.size());
    return digest;
}

HexDigest compute_response(Algorithm algorithm, std::string_view ha1_hex, const DigestInput& input) noexcept {
    // Put together first: every call into OpenSSL costs as much as a few hundred octets copied.
    std::array<char, kLongestInput> room;
    base::TextBuffer text(room);
    text << input.method << ":" << input.uri;
    if (text.is_overflown()) return {};
    const HexDigest ha2 = hash(algorithm, text.text());
    text.clear();
    text << ha1_hex << ":" << input.nonce << ":";
    if (input.has_qop) text << input.nc << ":" << input.cnonce << ":auth:";
    text << ha2.text();
    if (text.is_overflown() || ha2.is_empty()) return {};
    return hash(algorithm, text.text());
}

bool is_equal_in_constant_time(const HexDigest& a, const HexDigest& b) noexcept {
    const std::string_view left = a.text();
    const std::string_view right = b.text();
    if (left.empty() || left.size() != right.size()) return false;  // lengths are the algorithm's, no secret
    return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace sr::auth
