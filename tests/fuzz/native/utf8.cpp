#include "base/utf8.hpp"

#include "fuzz_kit.hpp"

namespace sr::fuzz {
namespace {

std::uint32_t code_point(std::string_view sequence) {
    const auto octet = [sequence](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(sequence[i]));
    };
    if (sequence.size() == 1) return octet(0);
    std::uint32_t value = octet(0) & (0xFFU >> (sequence.size() + 1));
    for (std::size_t i = 1; i < sequence.size(); ++i) value = value << 6 | (octet(i) & 0x3F);
    return value;
}

}  // namespace

void run(std::string_view input) {
    bool is_printable = true;
    for (std::string_view rest = input; !rest.empty() && is_printable;) {
        const std::size_t length = base::utf8_length(rest);
        require(length <= 4 && length <= rest.size(), "a sequence lies within the text");
        if (length > 0) {
            const std::uint32_t point = code_point(rest.substr(0, length));
            require(point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF), "it is a Unicode scalar value");
            require((length > 1) == (point >= 0x80) && (length > 2) == (point >= 0x800) &&
                        (length > 3) == (point >= 0x10000),
                    "in its shortest form");
            is_printable = point >= 0x20 && point != 0x7F;
        } else {
            is_printable = false;
        }
        rest.remove_prefix(length == 0 ? 1 : length);
    }
    require(base::is_printable_text(input) == is_printable, "printable is well-formed without control characters");
}

}  // namespace sr::fuzz
