#include "sip/name_addr.hpp"

namespace sr::sip {

std::size_t bracket_of(std::string_view name_addr) noexcept {
    bool is_quoted = false;
    for (std::size_t at = name_addr.find_first_of("\"<"); at < name_addr.size(); ++at) {
        const char c = name_addr[at];
        if (is_quoted && c == '\\') {
            ++at;
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else if (c == '<' && !is_quoted) {
            return at;
        }
    }
    return std::string_view::npos;
}

}  // namespace sr::sip
