#include "sip/raw_message.hpp"

#include "sip/ascii.hpp"
#include "sip/name_addr.hpp"

namespace sr::sip {
namespace {

/// The first place outside quoted strings where `is_wanted(place, depth of angle brackets)` holds; else the text's
/// size.
template <class IsWanted>
std::size_t find_unquoted(std::string_view text, IsWanted is_wanted) noexcept {
    bool is_quoted = false;
    int depth = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (is_quoted) {
            if (c == '\\') ++at;
            if (c == '"') is_quoted = false;
            continue;
        }
        if (c == '"') is_quoted = true;
        depth += (c == '<' ? 1 : 0) - (c == '>' ? 1 : 0);
        if (is_wanted(at, depth)) return at;
    }
    return text.size();
}

}  // namespace

std::size_t first_value_length(std::string_view values) noexcept {
    if (values.find(',') == std::string_view::npos) return values.size();
    return find_unquoted(values, [values](std::size_t at, int depth) { return values[at] == ',' && depth <= 0; });
}

bool has_tag(std::string_view from_or_to) noexcept {
    const auto is_tag = [from_or_to](std::size_t at, int depth) {
        if (from_or_to[at] != ';' || depth > 0) return false;
        const std::string_view parameter = trim(from_or_to.substr(at + 1, 5));
        return parameter.size() >= 4 && is_equal_ignoring_case(parameter.substr(0, 4), "tag=");
    };
    return find_unquoted(from_or_to, is_tag) < from_or_to.size();
}

std::string_view raw_user(std::string_view name_addr) noexcept {
    const std::size_t bracket = bracket_of(name_addr);
    std::string_view uri = trim(bracket == std::string_view::npos ? name_addr : name_addr.substr(bracket + 1));
    const std::size_t scheme = uri.substr(0, 5).find(':');
    const bool is_sip = scheme != std::string_view::npos && (is_equal_ignoring_case(uri.substr(0, scheme), "sip") ||
                                                             is_equal_ignoring_case(uri.substr(0, scheme), "sips"));
    if (!is_sip) return {};
    uri.remove_prefix(scheme + 1);
    const std::string_view userinfo = uri.substr(0, uri.substr(0, uri.find_first_of("> \t\r\n")).rfind('@'));
    return userinfo.size() < uri.size() ? userinfo.substr(0, userinfo.find(':')) : std::string_view();
}

}  // namespace sr::sip
