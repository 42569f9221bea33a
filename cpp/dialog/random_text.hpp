// Chance, as tags and branches have it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sr::dialog {

using Random = std::function<std::uint64_t()>;

/// Sixteen hexadecimal digits.
[[nodiscard]] inline std::string tag_text(std::uint64_t number) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text(16, '0');
    for (char& digit : text) {
        digit = kDigits[number & 15];
        number >>= 4;
    }
    return text;
}

}  // namespace sr::dialog
