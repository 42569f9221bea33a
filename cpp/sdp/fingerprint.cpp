#include "sdp/fingerprint.hpp"

#include <algorithm>

#include "sdp/token.hpp"
#include "sip/ascii.hpp"

namespace sr::sdp {
namespace {

struct Function {
    std::string_view name;
    HashFunction function;
    std::uint8_t size;
};

constexpr std::array kFunctions{
    Function{"sha-256", HashFunction::sha_256, 32}, Function{"sha-384", HashFunction::sha_384, 48},
    Function{"sha-512", HashFunction::sha_512, 64}, Function{"sha-224", HashFunction::sha_224, 28},
    Function{"sha-1", HashFunction::sha_1, 20},
};

std::optional<std::uint8_t> hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    const char lower = sip::to_lower(c);
    if (lower < 'a' || lower > 'f') return std::nullopt;
    return static_cast<std::uint8_t>(lower - 'a' + 10);
}

}  // namespace

std::optional<Fingerprint> Fingerprint::parse(std::string_view text) noexcept {
    const std::string_view name = take_token(text);
    const auto* const found = std::ranges::find_if(
        kFunctions, [name](const Function& known) { return sip::is_equal_ignoring_case(name, known.name); });
    if (found == kFunctions.end() || text.size() != found->size * 3U - 1) return std::nullopt;
    Fingerprint fingerprint{found->function, found->size, {}};
    for (std::size_t i = 0; i < found->size; ++i) {
        const auto high = hex_digit(text[i * 3]);
        const auto low = hex_digit(text[i * 3 + 1]);
        const bool ends_well = i + 1 == found->size || text[i * 3 + 2] == ':';
        if (!high || !low || !ends_well) return std::nullopt;
        fingerprint.octets[i] = static_cast<std::uint8_t>(*high << 4 | *low);
    }
    return fingerprint;
}

}  // namespace sr::sdp
