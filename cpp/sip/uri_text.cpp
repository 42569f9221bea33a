#include "sip/uri_text.hpp"

#include <algorithm>
#include <cstddef>

#include "sip/ascii.hpp"

namespace sr::sip {
namespace {

constexpr std::string_view kReserved = ";/?:@&=+$,";
constexpr int kEscapedReserved = 0x100;

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The octet at the start of `text`, which is taken off; an escaped reserved one is set apart from its bare form.
int take_octet(std::string_view& text) noexcept {
    const char c = text.front();
    if (c == '%' && text.size() >= 3) {
        const int high = hex_value(text[1]);
        const int low = hex_value(text[2]);
        if (high >= 0 && low >= 0) {
            text.remove_prefix(3);
            const int octet = high << 4 | low;
            return kReserved.find(static_cast<char>(octet)) == std::string_view::npos ? octet
                                                                                      : octet | kEscapedReserved;
        }
    }
    text.remove_prefix(1);
    return static_cast<unsigned char>(c);
}

int fold(int octet) noexcept { return octet >= 'A' && octet <= 'Z' ? octet + ('a' - 'A') : octet; }

}  // namespace

bool is_same_text(std::string_view a, std::string_view b, LetterCase letter_case) noexcept {
    if (a == b) return true;
    while (!a.empty() && !b.empty()) {
        const int octet_a = take_octet(a);
        const int octet_b = take_octet(b);
        if (octet_a == octet_b) continue;
        if (letter_case == LetterCase::significant || fold(octet_a) != fold(octet_b)) return false;
    }
    return a.empty() && b.empty();
}

bool UriParts::next(UriPart& part) noexcept {
    while (!rest_.empty()) {
        const std::string_view text = rest_.substr(0, rest_.find(separator_));
        rest_.remove_prefix(std::min(text.size() + 1, rest_.size()));
        if (text.empty()) continue;
        const std::size_t equals = text.find('=');
        part.name = text.substr(0, equals);
        part.value = equals == std::string_view::npos ? std::string_view{} : text.substr(equals + 1);
        return true;
    }
    return false;
}

std::optional<UriPart> find_part(std::string_view text, char separator, std::string_view name) noexcept {
    UriParts parts(text, separator);
    for (UriPart part; parts.next(part);) {
        if (is_same_text(part.name, name, LetterCase::ignored)) return part;
    }
    return std::nullopt;
}

}  // namespace sr::sip
