#include "sip/raw_message.hpp"

#include <cstring>

#include "sip/ascii.hpp"

namespace sr::sip {
namespace {

/// Takes one line with its folded continuations off `rest`; without the line end.
std::string_view take_line(std::string_view& rest) noexcept {
    std::size_t end = 0;
    std::size_t next = 0;
    for (std::size_t from = 0;;) {
        const void* newline = std::memchr(rest.data() + from, '\n', rest.size() - from);
        if (newline == nullptr) {
            end = next = rest.size();
            break;
        }
        end = static_cast<std::size_t>(static_cast<const char*>(newline) - rest.data());
        next = end + 1;
        const bool is_empty_line = end == 0 || (end == 1 && rest[0] == '\r');
        if (is_empty_line || next >= rest.size() || (rest[next] != ' ' && rest[next] != '\t')) break;
        from = next;
    }
    std::string_view line = rest.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    rest.remove_prefix(next);
    return line;
}

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

std::string_view find_header(std::string_view message, std::string_view name) noexcept {
    static_cast<void>(take_line(message));
    while (!message.empty()) {
        const std::string_view line = take_line(message);
        const std::size_t colon = line.find(':');
        if (line.empty()) break;
        if (colon != std::string_view::npos && is_equal_ignoring_case(trim(line.substr(0, colon)), name)) {
            return trim(line.substr(colon + 1));
        }
    }
    return {};
}

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

}  // namespace sr::sip
