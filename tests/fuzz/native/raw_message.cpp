#include "sip/raw_message.hpp"

#include <string>

#include "fuzz_kit.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    const std::size_t length = sip::first_value_length(input);
    require(length <= input.size() && (length == input.size() || input[length] == ','), "a value ends at a comma");
    require(sip::first_value_length(input.substr(0, length)) == length, "the first value has no comma of its own");
    const std::string_view user = sip::raw_user(input);
    require(is_within(user, input) && user.find_first_of(":> \t\r\n") == std::string_view::npos,
            "a user lies within the value and has nothing that ends one");
    require(!sip::has_tag(input) || input.find(';') != std::string_view::npos, "a tag is a parameter");
    if (input.find_first_of("\"<>\\") == std::string_view::npos) {
        require(sip::has_tag(std::string(input) + ";tag=x"), "a tag is found behind anything plain");
    }
}

}  // namespace sr::fuzz
