// The form of a From, To, Contact or Route value (RFC 3261 section 20.10): a name, the URI in angle brackets,
// parameters.
#pragma once

#include <cstddef>
#include <string_view>

namespace sr::sip {

/// The place of the angle bracket that opens the URI; npos where the URI stands bare. Brackets within quoted strings,
/// in a name or in a parameter such as +sip.instance (RFC 5626 section 4.1), open none.
[[nodiscard]] std::size_t bracket_of(std::string_view name_addr) noexcept;

}  // namespace sr::sip
