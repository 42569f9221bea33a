#include "sip/uuid.hpp"

#include <algorithm>
#include <string>

#include "fuzz_kit.hpp"
#include "sip/ascii.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    const auto uuid = sip::Uuid::parse(input);
    if (!uuid) return;
    const std::string text = uuid->text();
    require(!uuid->is_nil(), "nil is no identity");
    require(text.size() == sip::Uuid::kTextLength && sip::Uuid::parse(text) == uuid, "a UUID printed is the same");
    require(sip::is_equal_ignoring_case(input.substr(input.size() - text.size()), text), "and as it was written");
}

}  // namespace sr::fuzz
