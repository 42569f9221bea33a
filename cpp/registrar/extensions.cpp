#include "registrar/extensions.hpp"

#include <array>

#include "base/text_buffer.hpp"
#include "sip/ascii.hpp"

namespace sr::registrar {
namespace {

constexpr std::string_view kPath = "path";  // RFC 3327
/// RFC 5626, over connections only: over datagrams it would promise to answer STUN (section 4.4.2).
constexpr std::string_view kOutbound = "outbound";

}  // namespace

std::string_view unsupported_tags(std::span<const std::string_view> require, sip::Transport transport) noexcept {
    thread_local std::array<char, 256> room;
    base::TextBuffer tags(room);
    bool is_any_unsupported = false;
    for (const std::string_view tag : require) {
        const bool is_outbound_possible = transport != sip::Transport::udp;
        if (sip::is_equal_ignoring_case(tag, kPath)) continue;
        if (is_outbound_possible && sip::is_equal_ignoring_case(tag, kOutbound)) continue;
        is_any_unsupported = true;
        const std::string_view separator = tags.text().empty() ? "" : ", ";
        if (separator.size() + tag.size() <= tags.free().size()) tags << separator << tag;
    }
    // A single tag too long to be repeated must still be refused.
    if (is_any_unsupported && tags.text().empty()) return "too-long";
    return tags.text();
}

}  // namespace sr::registrar
