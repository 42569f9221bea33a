#include "audio/dtmf_info.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "audio/telephone_event.hpp"

namespace sr::audio {

namespace {

constexpr std::uint32_t kLeastMs = 40;
constexpr std::uint32_t kMostMs = 6000;

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view kBlank = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool equals_without_case(std::string_view text, std::string_view lower) noexcept {
    return std::ranges::equal(text, lower, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

std::optional<std::uint32_t> number_of(std::string_view text) noexcept {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<char> digit_of(std::string_view signal) noexcept {
    if (signal.size() == 1) {
        const auto code = digit_event(signal[0]);
        return code ? event_digit(*code) : std::nullopt;
    }
    const auto code = number_of(signal);
    return code && signal.size() == 2 && *code >= 10 && *code <= 15 ? event_digit(static_cast<std::uint8_t>(*code))
                                                                    : std::nullopt;
}

std::optional<InfoDigit> parse_relay(std::string_view body) noexcept {
    InfoDigit parsed;
    while (!body.empty()) {
        const std::size_t end = std::min(body.find_first_of("\r\n"), body.size());
        const std::string_view line = body.substr(0, end);
        body.remove_prefix(std::min(end + 1, body.size()));
        const std::size_t sign = line.find('=');
        if (sign == std::string_view::npos) continue;
        const std::string_view key = trimmed(line.substr(0, sign));
        const std::string_view value = trimmed(line.substr(sign + 1));
        if (equals_without_case(key, "signal")) {
            const auto digit = digit_of(value);
            if (!digit) return std::nullopt;
            parsed.digit = *digit;
        } else if (equals_without_case(key, "duration")) {
            parsed.duration_ms = std::clamp(number_of(value).value_or(parsed.duration_ms), kLeastMs, kMostMs);
        }
    }
    if (parsed.digit == 0) return std::nullopt;
    return parsed;
}

}  // namespace

std::optional<InfoDigit> parse_dtmf_info(std::string_view content_type, std::string_view body) noexcept {
    const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
    if (equals_without_case(type, "application/dtmf-relay")) return parse_relay(body);
    if (!equals_without_case(type, "application/dtmf")) return std::nullopt;
    const auto digit = digit_of(trimmed(body));
    if (!digit) return std::nullopt;
    return InfoDigit{*digit};
}

}  // namespace sr::audio
