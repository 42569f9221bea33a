// Walks the header lines of a message that the gate has let through, whatever their names mean.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "sip/ascii.hpp"
#include "sip/raw_message.hpp"

namespace sr::dialog {

/// One header field; `line` is all of it, folds included, without the CR LF behind.
struct FieldLine {
    std::string_view name;
    std::string_view value;
    std::string_view line;

    /// By its full or its compact name (RFC 3261 section 7.3.3).
    [[nodiscard]] bool is(std::string_view full, std::string_view compact = {}) const noexcept {
        return sip::is_equal_ignoring_case(name, full) ||
               (!compact.empty() && sip::is_equal_ignoring_case(name, compact));
    }
};

/// Calls `visit(field)` for each header line; each ends in CR LF and has a name. Returns the place of the body.
template <class Visit>
std::size_t for_each_field(std::string_view message, Visit visit) {
    std::size_t at = message.find_first_not_of("\r\n");
    at = message.find("\r\n", at == std::string_view::npos ? message.size() : at);
    while (at != std::string_view::npos) {
        at += 2;
        if (message.substr(at, 2) == "\r\n") return at + 2;
        std::size_t end = message.find("\r\n", at);
        while (end != std::string_view::npos && end + 2 < message.size() &&
               (message[end + 2] == ' ' || message[end + 2] == '\t')) {
            end = message.find("\r\n", end + 2);
        }
        const std::string_view line = message.substr(at, end == std::string_view::npos ? end : end - at);
        const std::size_t colon = line.find(':');
        if (colon != std::string_view::npos) {
            visit(FieldLine{sip::trim(line.substr(0, colon)), sip::trim(line.substr(colon + 1)), line});
        }
        at = end;
    }
    return message.size();
}

/// Calls `visit(value)` for each of a field's comma-separated values that is not empty.
template <class Visit>
void for_each_value(std::string_view values, Visit visit) {
    while (!values.empty()) {
        const std::size_t length = sip::first_value_length(values);
        const std::string_view value = sip::trim(values.substr(0, length));
        if (!value.empty()) visit(value);
        values.remove_prefix(std::min(length + 1, values.size()));
    }
}

/// What stands of `body` where Content-Length says `length`: a datagram may carry more (section 18.3).
[[nodiscard]] std::string_view cut_to_length(std::string_view body, std::string_view length) noexcept;

}  // namespace sr::dialog
