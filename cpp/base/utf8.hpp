// Whether octets from the network may be shown, logged and written into a text file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sr::base {

/// Octets of the well-formed UTF-8 sequence at the start of `text` (RFC 3629 section 4); 0 where there is none.
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view text) noexcept {
    const auto octet = [text](std::size_t i) {
        return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
    };
    const auto is_within = [](std::uint8_t value, std::uint8_t low, std::uint8_t high) {
        return value >= low && value <= high;
    };
    const std::uint8_t first = octet(0);
    if (text.empty()) return 0;
    if (first < 0x80) return 1;
    if (first < 0xC2 || first > 0xF4) return 0;
    // The second octet's range excludes overlong forms, surrogates and what is above U+10FFFF.
    const std::uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (!is_within(octet(1), low, high)) return 0;
    const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    for (std::size_t i = 2; i < length; ++i) {
        if (!is_within(octet(i), 0x80, 0xBF)) return 0;
    }
    return length;
}

/// Well-formed UTF-8 without control characters.
[[nodiscard]] constexpr bool is_printable_text(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto octet = static_cast<std::uint8_t>(text[i]);
        if (octet < 0x20 || octet == 0x7F) return false;
        if (octet < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = utf8_length(text.substr(i));
        if (length == 0) return false;
        i += length;
    }
    return true;
}

}  // namespace sr::base
