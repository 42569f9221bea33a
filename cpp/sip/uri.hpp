// A SIP or SIPS URI (RFC 3261 section 19.1) taken apart, and the equality by which contacts are matched
// (section 19.1.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sr::sip {

/// More parameters or headers than any real URI has; their comparison is quadratic, so a hostile URI must not have
/// many.
inline constexpr std::size_t kMostUriParts = 24;

/// Views into the parsed text, all as written, escapes included.
struct Uri {
    std::string_view user;        // empty: none
    std::string_view password;    // after the user's colon; deprecated, but part of equality
    std::string_view host;        // without the brackets of an IPv6 reference
    std::string_view parameters;  // "transport=udp;lr", without the first semicolon
    std::string_view headers;     // "subject=x&priority=urgent", without the question mark
    std::optional<std::uint16_t> port;
    bool is_secure = false;  // sips
    bool is_ipv6 = false;    // the host is an IPv6 reference

    /// Nullopt for other schemes, an empty or impossible host, an impossible port, or an octet that no URI may contain.
    [[nodiscard]] static std::optional<Uri> parse(std::string_view text) noexcept;

    /// A parameter's value, empty where it stands without one; nullopt where it is absent. `name` in lower case.
    [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const noexcept;
};

/// RFC 3261 section 19.1.4, whole. Reflexive and symmetric; by that section not transitive.
[[nodiscard]] bool are_equal(const Uri& a, const Uri& b) noexcept;

/// The same from text; octet-identical texts are equal unparsed, and anything that is no SIP URI equals only itself.
[[nodiscard]] bool are_equal(std::string_view a, std::string_view b) noexcept;

}  // namespace sr::sip
