#include "registrar/extensions.hpp"

#include <array>

#include "base/text_buffer.hpp"
#include "sip/ascii.hpp"

namespace sr::registrar {
namespace {

// RFC 3327. Not `outbound` (RFC 5626): instance and reg-id are honoured, its keep-alive and flow tokens are not
// promised.
constexpr std::string_view kSupportedExtension = "path";

}  // namespace

std::string_view unsupported_tags(std::span<const std::string_view> require) noexcept {
    thread_local std::array<char, 256> room;
    base::TextBuffer tags(room);
    bool is_any_unsupported = false;
    for (const std::string_view tag : require) {
        if (sip::is_equal_ignoring_case(tag, kSupportedExtension)) continue;
        is_any_unsupported = true;
        const std::string_view separator = tags.text().empty() ? "" : ", ";
        if (separator.size() + tag.size() <= tags.free().size()) tags << separator << tag;
    }
    // A single tag too long to be repeated must still be refused.
    if (is_any_unsupported && tags.text().empty()) return "too-long";
    return tags.text();
}

}  // namespace sr::registrar
