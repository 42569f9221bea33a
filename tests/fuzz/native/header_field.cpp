#include "sip/header_field.hpp"

#include <algorithm>
#include <string>

#include "fuzz_kit.hpp"
#include "sip/ascii.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    const auto is_of_a_token = [](char c) {
        const char lower = sip::to_lower(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    };
    if (!std::ranges::all_of(input, is_of_a_token)) return;
    std::string lower(input);
    std::ranges::transform(lower, lower.begin(), sip::to_lower);
    const sip::HeaderField field = sip::header_field(input);
    const sip::HeaderField same = sip::header_field(lower);
    require(field.name == same.name && field.form == same.form && field.is_single == same.is_single,
            "a field's name has no case");
    require(field.name != sip::FieldName::other || (field.form == sip::FieldForm::text && !field.is_single),
            "an unknown field is text, any number of times");
    require(!sip::is_known_method(input) || input != lower, "methods are known in capitals");
}

}  // namespace sr::fuzz
