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

std::string_view* slot_of(RawHeaders& headers, std::string_view name) noexcept {
    switch (name.size()) {
        case 1:
            switch (to_lower(name[0])) {
                case 'v': return headers.via_count < kMostVias ? &headers.via_values[headers.via_count] : nullptr;
                case 'f': return &headers.from;
                case 't': return &headers.to;
                case 'i': return &headers.call_id;
                default: return nullptr;
            }
        case 2: return is_equal_ignoring_case(name, "to") ? &headers.to : nullptr;
        case 3:
            return is_equal_ignoring_case(name, "via") && headers.via_count < kMostVias
                       ? &headers.via_values[headers.via_count]
                       : nullptr;
        case 4:
            if (is_equal_ignoring_case(name, "from")) return &headers.from;
            return is_equal_ignoring_case(name, "cseq") ? &headers.cseq : nullptr;
        case 7: return is_equal_ignoring_case(name, "call-id") ? &headers.call_id : nullptr;
        default: return nullptr;
    }
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

RawHeaders read_raw_headers(std::string_view message) noexcept {
    RawHeaders headers;
    while (!message.empty() && (message.front() == '\r' || message.front() == '\n')) message.remove_prefix(1);
    headers.start_line = take_line(message);
    while (!message.empty()) {
        const std::string_view line = take_line(message);
        if (line.empty()) break;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        std::string_view* slot = slot_of(headers, trim(line.substr(0, colon)));
        if (slot == nullptr || !slot->empty()) continue;
        *slot = trim(line.substr(colon + 1));
        if (slot == &headers.via_values[headers.via_count] && !slot->empty()) ++headers.via_count;
    }
    return headers;
}

bool has_body_of(std::string_view message, std::size_t octets) noexcept {
    if (octets == 0) return true;
    while (!message.empty() && (message.front() == '\r' || message.front() == '\n')) message.remove_prefix(1);
    while (!message.empty() && !take_line(message).empty()) continue;
    return message.size() >= octets;
}

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

std::string_view raw_user(std::string_view name_addr) noexcept {
    const std::size_t bracket = name_addr.rfind('<');
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
