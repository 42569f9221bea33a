// Words and numbers between blanks, of which most lines of a description are made.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sr::sdp {

[[nodiscard]] constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

[[nodiscard]] constexpr std::string_view trim_blanks(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

/// The first word, which is taken off `rest` with the blanks around it; empty at the end.
[[nodiscard]] constexpr std::string_view take_token(std::string_view& rest) noexcept {
    rest = trim_blanks(rest);
    std::size_t length = 0;
    while (length < rest.size() && !is_blank(rest[length])) ++length;
    const std::string_view token = rest.substr(0, length);
    rest = trim_blanks(rest.substr(length));
    return token;
}

/// What stands before `separator`, taken off `rest` with it; all of it where there is none.
[[nodiscard]] constexpr std::string_view take_until(std::string_view& rest, char separator) noexcept {
    const std::size_t at = rest.find(separator);
    const std::string_view before = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    return before;
}

/// All of `text` as a decimal number without sign of at most `highest`.
template <typename Number>
[[nodiscard]] std::optional<Number> read_number(std::string_view text, Number highest) noexcept {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number > highest) return std::nullopt;
    return number;
}

}  // namespace sr::sdp
