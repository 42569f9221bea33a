// Which header fields the gate knows, and what may stand in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sr::sip {

/// How a field's value is read. Fields that nobody here parses are `text`.
enum class FieldForm : std::uint8_t {
    text,        // anything but control characters
    address,     // one name-addr or addr-spec with parameters
    addresses,   // several, with commas
    parameters,  // tokens, quoted strings, parameters
    via,         // as `parameters`; an IPv6 reference and a comment must end where they began
    number,      // digits
    cseq,        // digits, a method
};

enum class FieldName : std::uint8_t {
    other,
    from,
    to,
    call_id,
    cseq,
    via,
    contact,
    max_forwards,
    content_length,
    content_type,
    expires,
    event,
    subscription_state,
    session_expires,
    min_se,
    min_expires,
    retry_after,
    replaces,
    route,
    record_route,
    path,
    authorization,
    proxy_authorization,
    www_authenticate,
    proxy_authenticate,
};

struct HeaderField {
    FieldName name = FieldName::other;
    FieldForm form = FieldForm::text;
    bool is_single = false;  // may stand once (RFC 3261 section 7.3.1)
};

/// By long or compact name, a token in any case (RFC 3261 section 7.3.3).
[[nodiscard]] HeaderField header_field(std::string_view name) noexcept;

/// The methods that RFC 3261 and its extensions define; case counts (section 7.1).
[[nodiscard]] bool is_known_method(std::string_view method) noexcept;

}  // namespace sr::sip
