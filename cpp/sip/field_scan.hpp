// The octets of one header field's value: where it ends, and whether what the parser trusts in it holds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sip/header_field.hpp"
#include "sip/reject_reason.hpp"

namespace sr::sip {

/// What an octet may mean to somebody. `plain` is everything that means nothing.
enum class Octet : std::uint8_t {
    plain,
    space,
    quote,
    backslash,
    less,
    greater,
    bracket,
    parenthesis,
    semicolon,
    comma,
    ampersand,
    at_sign,
    question,
    delimiter,  // others that no token has
    carriage_return,
    line_feed,
    control,
};

inline constexpr std::array<Octet, 256> kOctets = [] {
    std::array<Octet, 256> table{};
    for (std::size_t i = 0; i < 0x20; ++i) table[i] = Octet::control;
    table[0x7F] = Octet::control;
    table[' '] = table['\t'] = Octet::space;
    table['"'] = Octet::quote;
    table['\\'] = Octet::backslash;
    table['<'] = Octet::less;
    table['>'] = Octet::greater;
    table['['] = Octet::bracket;
    table['('] = table[')'] = Octet::parenthesis;
    table[';'] = Octet::semicolon;
    table[','] = Octet::comma;
    table['&'] = Octet::ampersand;
    table['@'] = Octet::at_sign;
    table['?'] = Octet::question;
    table[':'] = table['='] = table[']'] = table['{'] = table['}'] = Octet::delimiter;
    table['\r'] = Octet::carriage_return;
    table['\n'] = Octet::line_feed;
    return table;
}();

[[nodiscard]] constexpr Octet octet_of(char c) noexcept { return kOctets[static_cast<unsigned char>(c)]; }

struct ScannedValue {
    std::size_t end = 0;   // of the value, before its line end
    std::size_t next = 0;  // behind the line end
    RejectReason fault = RejectReason::none;
};

/// Reads the value that begins at `start`, folded lines (RFC 3261 section 7.3.1) included. A message that ends within
/// the value is RejectReason::truncated; a value with any other fault is still read to its end.
[[nodiscard]] ScannedValue scan_value(std::string_view message, std::size_t start, FieldForm form) noexcept;

/// The length of the IPv6 reference (section 25.1; a zone is let through) that `text` begins with; 0 where it has none.
[[nodiscard]] std::size_t reference_length(std::string_view text) noexcept;

}  // namespace sr::sip
