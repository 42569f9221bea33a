// Two components, a line each.
#include "sip/uri_text.hpp"

#include <algorithm>
#include <cctype>
#include <string>

#include "fuzz_kit.hpp"

namespace sr::fuzz {
namespace {

/// Every octet as %HH but for the reserved ones and percent signs, which would be others then.
std::string escaped(std::string_view text) {
    constexpr std::string_view kKept = ";/?:@&=+$,%";
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string written;
    std::size_t digits_of_escape = 0;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (digits_of_escape > 0 || kKept.find(c) != std::string_view::npos) {
            written += c;
            digits_of_escape = c == '%' ? 2 : digits_of_escape - (digits_of_escape > 0 ? 1 : 0);
        } else {
            written.append("%").append({kDigits[octet >> 4], kDigits[octet & 15]});
        }
    }
    return written;
}

}  // namespace

void run(std::string_view input) {
    using sip::is_same_text;
    using sip::LetterCase;
    const std::string_view a = take_until(input, '\n');
    const std::string_view b = take_until(input, '\n');
    for (const LetterCase letter_case : {LetterCase::significant, LetterCase::ignored}) {
        require(is_same_text(a, std::string(a), letter_case), "a text is itself");
        require(is_same_text(a, b, letter_case) == is_same_text(b, a, letter_case), "sameness is symmetric");
        require(is_same_text(a, escaped(a), letter_case), "an octet equals its escaped form");
    }
    require(!is_same_text(a, b, LetterCase::significant) || is_same_text(a, b, LetterCase::ignored),
            "what is the same is so in any case");
    sip::UriParts parts(a, ';');
    for (sip::UriPart part; parts.next(part);) {
        require(is_within(part.name, a) && is_within(part.value, a), "a part lies within the text");
        require(part.name.find(';') == std::string_view::npos && part.name.find('=') == std::string_view::npos,
                "a name ends at its separator");
        const auto found = sip::find_part(a, ';', part.name);
        require(found && is_same_text(found->name, part.name, LetterCase::ignored), "a part is found by its name");
    }
}

}  // namespace sr::fuzz
