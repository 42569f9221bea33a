// The inner grammar of URI components: escapes and separated name=value parts (RFC 3261 sections 19.1.2 and 19.1.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sr::sip {

enum class LetterCase : std::uint8_t { significant, ignored };

/// Whether two components are the same: an octet equals its %HH form unless it is of the `reserved` set, whose escaped
/// and bare forms differ. A percent sign that no two hexadecimal digits follow stands for itself.
[[nodiscard]] bool is_same_text(std::string_view a, std::string_view b, LetterCase letter_case) noexcept;

struct UriPart {
    std::string_view name;
    std::string_view value;  // empty where there is none
};

/// Walks "a=1;b;c=2"; empty parts are passed over.
class UriParts {
  public:
    UriParts(std::string_view text, char separator) noexcept : rest_(text), separator_(separator) {}

    /// False at the end.
    [[nodiscard]] bool next(UriPart& part) noexcept;

  private:
    std::string_view rest_;
    char separator_;
};

/// The first part of that name in any case.
[[nodiscard]] std::optional<UriPart> find_part(std::string_view text, char separator, std::string_view name) noexcept;

}  // namespace sr::sip
