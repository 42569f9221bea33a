#include "sip/uri.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "sip/ascii.hpp"
#include "sip/uri_text.hpp"

namespace sr::sip {
namespace {

enum OctetClass : std::uint8_t { kForbidden = 0, kAllowed = 1, kHost = 2 };

/// Section 25.1 wants all but a few escaped; what phones leave bare (`#`, `{`) is taken, what could break a header line
/// is not.
constexpr auto kOctetClasses = [] {
    std::array<std::uint8_t, 256> classes{};
    for (std::size_t octet = 0x21; octet < 0x7F; ++octet) classes[octet] = kAllowed;
    for (const unsigned char octet : std::string_view("\"<>\\")) classes[octet] = kForbidden;
    for (const unsigned char octet : std::string_view("-._")) classes[octet] |= kHost;
    for (unsigned char octet = '0'; octet <= '9'; ++octet) classes[octet] |= kHost;
    for (unsigned char octet = 'a'; octet <= 'z'; ++octet) classes[octet] |= kHost;
    for (unsigned char octet = 'A'; octet <= 'Z'; ++octet) classes[octet] |= kHost;
    return classes;
}();

bool is_all(std::string_view text, OctetClass wanted) noexcept {
    std::uint8_t seen = wanted;
    for (const char c : text) seen &= kOctetClasses[static_cast<unsigned char>(c)];
    return (seen & wanted) != 0;
}

using Ipv6Octets = std::array<std::uint8_t, 16>;

/// A zone ("fe80::1%eth0") is not part of the grammar and means nothing to others: it is passed over.
std::optional<Ipv6Octets> read_ipv6(std::string_view text) noexcept {
    text = text.substr(0, text.find('%'));
    std::array<char, INET6_ADDRSTRLEN> room{};
    if (text.empty() || text.size() >= room.size()) return std::nullopt;
    std::memcpy(room.data(), text.data(), text.size());
    Ipv6Octets octets;
    if (inet_pton(AF_INET6, room.data(), octets.data()) != 1) return std::nullopt;
    return octets;
}

/// Takes "sip:" or "sips:" off `text`.
bool take_scheme(std::string_view& text, bool& is_secure) noexcept {
    if (text.size() > 4 && is_equal_ignoring_case(text.substr(0, 4), "sip:")) {
        text.remove_prefix(4);
        is_secure = false;
        return true;
    }
    if (text.size() > 5 && is_equal_ignoring_case(text.substr(0, 5), "sips:")) {
        text.remove_prefix(5);
        is_secure = true;
        return true;
    }
    return false;
}

bool read_port(std::string_view digits, std::optional<std::uint16_t>& port) noexcept {
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) return false;
    port = value;
    return true;
}

/// "host", "host:port" or "[ipv6]:port".
bool read_host_port(std::string_view text, Uri& uri) noexcept {
    if (!text.empty() && text.front() == '[') {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) return false;
        uri.is_ipv6 = true;
        uri.host = text.substr(1, end - 1);
        text.remove_prefix(end + 1);
        if (!read_ipv6(uri.host)) return false;
    } else {
        uri.host = text.substr(0, text.find(':'));
        text.remove_prefix(uri.host.size());
        if (uri.host.empty() || !is_all(uri.host, kHost)) return false;
    }
    if (text.empty()) return true;
    return text.front() == ':' && read_port(text.substr(1), uri.port);
}

bool has_few_parts(std::string_view text, char separator) noexcept {
    return text.size() < kMostUriParts ||
           static_cast<std::size_t>(std::count(text.begin(), text.end(), separator)) < kMostUriParts;
}

bool are_hosts_equal(const Uri& a, const Uri& b) noexcept {
    if (a.is_ipv6 != b.is_ipv6) return false;
    if (is_equal_ignoring_case(a.host, b.host)) return true;
    return a.is_ipv6 && read_ipv6(a.host) == read_ipv6(b.host);
}

bool is_never_ignored(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 5> kSignificant{"user", "ttl", "method", "maddr", "transport"};
    return std::any_of(kSignificant.begin(), kSignificant.end(), [name](std::string_view significant) {
        return is_same_text(name, significant, LetterCase::ignored);
    });
}

/// A parameter may stand once (section 19.1.1). Where it stands more often, one of the others must be equal, so that
/// such a URI equals itself too.
bool is_parameter_covered(const UriPart& mine, std::string_view others) noexcept {
    bool is_absent = true;
    UriParts parts(others, ';');
    for (UriPart part; parts.next(part);) {
        if (!is_same_text(mine.name, part.name, LetterCase::ignored)) continue;
        if (is_same_text(mine.value, part.value, LetterCase::ignored)) return true;
        is_absent = false;
    }
    return is_absent && !is_never_ignored(mine.name);
}

bool are_parameters_covered(std::string_view mine, std::string_view others) noexcept {
    UriParts parts(mine, ';');
    for (UriPart part; parts.next(part);) {
        if (!is_parameter_covered(part, others)) return false;
    }
    return true;
}

/// Headers may repeat: each of mine needs one of the others that is equal, and their numbers agree.
bool are_headers_equal(std::string_view a, std::string_view b) noexcept {
    std::array<UriPart, kMostUriParts> unmatched;
    std::size_t count = 0;
    UriParts b_parts(b, '&');
    for (UriPart part; count < unmatched.size() && b_parts.next(part);) unmatched[count++] = part;
    UriParts a_parts(a, '&');
    for (UriPart part; a_parts.next(part);) {
        const auto end = unmatched.begin() + static_cast<std::ptrdiff_t>(count);
        const auto match = std::find_if(unmatched.begin(), end, [&part](const UriPart& other) {
            return is_same_text(part.name, other.name, LetterCase::ignored) &&
                   is_same_text(part.value, other.value, LetterCase::ignored);
        });
        if (match == end) return false;
        *match = unmatched[--count];
    }
    return count == 0;
}

}  // namespace

std::optional<Uri> Uri::parse(std::string_view text) noexcept {
    Uri uri;
    if (!take_scheme(text, uri.is_secure) || !is_all(text, kAllowed)) return std::nullopt;
    // A user may contain semicolons and question marks, so the at sign is looked for first; after it none may stand
    // bare but in headers, where peers leave it unescaped (Replaces).
    if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
        const std::string_view user_info = text.substr(0, at);
        uri.user = user_info.substr(0, user_info.find(':'));
        if (uri.user.empty()) return std::nullopt;
        if (uri.user.size() < user_info.size()) uri.password = user_info.substr(uri.user.size() + 1);
        text.remove_prefix(at + 1);
    }
    if (const std::size_t question = text.find('?'); question != std::string_view::npos) {
        uri.headers = text.substr(question + 1);
        text = text.substr(0, question);
    }
    if (const std::size_t semicolon = text.find(';'); semicolon != std::string_view::npos) {
        uri.parameters = text.substr(semicolon + 1);
        text = text.substr(0, semicolon);
    }
    if (!read_host_port(text, uri)) return std::nullopt;
    if (!has_few_parts(uri.parameters, ';') || !has_few_parts(uri.headers, '&')) return std::nullopt;
    return uri;
}

std::optional<std::string_view> Uri::parameter(std::string_view name) const noexcept {
    const auto part = find_part(parameters, ';', name);
    return part ? std::optional(part->value) : std::nullopt;
}

bool are_equal(const Uri& a, const Uri& b) noexcept {
    return a.is_secure == b.is_secure && a.port == b.port && are_hosts_equal(a, b) &&
           is_same_text(a.user, b.user, LetterCase::significant) &&
           is_same_text(a.password, b.password, LetterCase::significant) &&
           are_parameters_covered(a.parameters, b.parameters) && are_parameters_covered(b.parameters, a.parameters) &&
           are_headers_equal(a.headers, b.headers);
}

bool are_equal(std::string_view a, std::string_view b) noexcept {
    if (a == b) return true;
    const auto uri_a = Uri::parse(a);
    if (!uri_a) return false;
    const auto uri_b = Uri::parse(b);
    return uri_b && are_equal(*uri_a, *uri_b);
}

}  // namespace sr::sip
