#include "auth/credentials.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "base/utf8.hpp"
#include "sip/ascii.hpp"

namespace sr::auth {
namespace {

using sip::is_equal_ignoring_case;
using Form = EncodedText::Form;

constexpr std::string_view kCharset = "UTF-8'";

enum OctetClass : std::uint8_t {
    kToken = 1,   // RFC 3261 section 25.1
    kWhite = 2,   // LWS, folding included
    kBare = 4,    // of a value without quotes: wider than a token, as some phones do not quote the uri
    kQuoted = 8,  // stands for itself between quotes
};

constexpr auto kOctetClasses = [] {
    std::array<std::uint8_t, 256> classes{};
    for (std::size_t octet = 0x20; octet < classes.size(); ++octet) {
        if (octet != 0x7F) classes[octet] = octet == ' ' ? kQuoted : kQuoted | kBare;
    }
    for (const unsigned char octet : std::string_view("\"\\")) classes[octet] = 0;
    classes[','] = kQuoted;
    for (const unsigned char octet : std::string_view(" \t\r\n")) classes[octet] |= kWhite;
    for (const unsigned char octet : std::string_view("-.!%*_+`'~")) classes[octet] |= kToken;
    for (unsigned char octet = '0'; octet <= '9'; ++octet) classes[octet] |= kToken;
    for (unsigned char octet = 'a'; octet <= 'z'; ++octet) classes[octet] |= kToken;
    for (unsigned char octet = 'A'; octet <= 'Z'; ++octet) classes[octet] |= kToken;
    return classes;
}();

bool is_of(char c, OctetClass wanted) noexcept { return (kOctetClasses[static_cast<unsigned char>(c)] & wanted) != 0; }

/// How many octets at the start of `text` are of a class.
std::size_t run_length(std::string_view text, OctetClass wanted) noexcept {
    std::size_t length = 0;
    while (length < text.size() && is_of(text[length], wanted)) ++length;
    return length;
}

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

struct Parameter {
    std::string_view name;
    EncodedText value;
};

/// Walks the auth-params of one value.
class Cursor {
  public:
    explicit Cursor(std::string_view text) noexcept : rest_(text) {}

    [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }

    /// And white space. Empty elements of the list are allowed (RFC 7230 section 7).
    void skip_commas() noexcept {
        for (skip_white(); rest_.starts_with(','); skip_white()) rest_.remove_prefix(1);
    }

    [[nodiscard]] std::string_view take_token() noexcept { return take(run_length(rest_, kToken)); }

    [[nodiscard]] bool take_parameter(Parameter& parameter) noexcept {
        parameter.name = take_token();
        skip_white();
        if (parameter.name.empty() || !rest_.starts_with('=')) return false;
        rest_.remove_prefix(1);
        skip_white();
        if (!(rest_.starts_with('"') ? take_quoted(parameter.value) : take_bare(parameter.value))) return false;
        skip_white();
        return rest_.empty() || rest_.front() == ',';
    }

  private:
    void skip_white() noexcept { rest_.remove_prefix(run_length(rest_, kWhite)); }

    std::string_view take(std::size_t count) noexcept {
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(taken.size());
        return taken;
    }

    bool take_quoted(EncodedText& value) noexcept {
        value = {};
        std::size_t end = 1 + run_length(rest_.substr(1), kQuoted);
        while (end + 1 < rest_.size() && rest_[end] == '\\' && !is_control(rest_[end + 1])) {
            value.form = Form::quoted_pairs;
            end += 2;
            end += run_length(rest_.substr(end), kQuoted);
        }
        if (end >= rest_.size() || rest_[end] != '"') return false;
        value.raw = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
        return true;
    }

    bool take_bare(EncodedText& value) noexcept {
        value = {take(run_length(rest_, kBare)), Form::plain};
        return !value.raw.empty();
    }

    std::string_view rest_;
};

/// Which parameters were there, by name in any case: a list as short as this is searched faster than hashed.
class SeenNames {
  public:
    [[nodiscard]] CredentialsFault add(std::string_view name) noexcept {
        for (std::size_t i = 0; i < count_; ++i) {
            if (is_equal_ignoring_case(names_[i], name)) return CredentialsFault::duplicate;
        }
        if (count_ == names_.size()) return CredentialsFault::too_long;
        names_[count_++] = name;
        return CredentialsFault::none;
    }

  private:
    std::array<std::string_view, kMostParameters> names_;
    std::size_t count_ = 0;
};

/// RFC 5987 section 3.2.1: UTF-8'language'percent-encoded text.
CredentialsFault read_extended_name(const EncodedText& value, EncodedText& name) noexcept {
    if (value.form != Form::plain || value.raw.size() < kCharset.size() ||
        !is_equal_ignoring_case(value.raw.substr(0, kCharset.size()), kCharset)) {
        return CredentialsFault::syntax;
    }
    const std::size_t quote = value.raw.find('\'', kCharset.size());
    if (quote == std::string_view::npos) return CredentialsFault::syntax;
    name = {value.raw.substr(quote + 1), Form::percent};
    return CredentialsFault::none;
}

CredentialsFault read_nc(const EncodedText& value, Credentials& credentials) noexcept {
    credentials.nc_text = value.raw;
    const char* end = value.raw.data() + value.raw.size();
    if (value.raw.empty() || value.raw.size() > 8) return CredentialsFault::syntax;
    const auto read = std::from_chars(value.raw.data(), end, credentials.nc, 16);
    const bool is_count = read.ec == std::errc{} && read.ptr == end && credentials.nc != 0;
    return is_count ? CredentialsFault::none : CredentialsFault::syntax;
}

/// Reads one parameter into its place; two that share a place (username and username*) exclude each other.
class Reader {
  public:
    explicit Reader(Credentials& credentials) noexcept : credentials_(credentials) {}

    [[nodiscard]] CredentialsFault read(const Parameter& parameter) noexcept {
        const auto is = [&parameter](std::string_view name) { return is_equal_ignoring_case(parameter.name, name); };
        if (is("username")) return keep_text(parameter.value, credentials_.username);
        if (is("username*")) {
            EncodedText name;
            const CredentialsFault fault = read_extended_name(parameter.value, name);
            return fault == CredentialsFault::none ? keep_text(name, credentials_.username) : fault;
        }
        if (is("realm")) return keep_text(parameter.value, credentials_.realm);
        if (is("nonce")) return keep(parameter.value, credentials_.nonce);
        if (is("uri")) return keep(parameter.value, credentials_.uri);
        if (is("response")) return keep(parameter.value, credentials_.response);
        if (is("algorithm")) return keep(parameter.value, credentials_.algorithm);
        if (is("cnonce")) return keep(parameter.value, credentials_.cnonce);
        if (is("nc")) return read_nc(parameter.value, credentials_);
        if (is("qop")) {
            credentials_.has_qop = true;
            return is_equal_ignoring_case(parameter.value.raw, "auth") ? CredentialsFault::none
                                                                       : CredentialsFault::unspoken_qop;
        }
        const bool is_hashed = is("userhash") && !is_equal_ignoring_case(parameter.value.raw, "false");
        return is_hashed ? CredentialsFault::hashed_user : CredentialsFault::none;
    }

    [[nodiscard]] bool is_complete() const noexcept {
        const Credentials& all = credentials_;
        const bool has_all = has_user_ && has_realm_ && !all.nonce.empty() && !all.uri.empty() && !all.response.empty();
        return has_all && (!all.has_qop || (all.nc != 0 && !all.cnonce.empty()));
    }

  private:
    CredentialsFault keep_text(const EncodedText& value, EncodedText& place) noexcept {
        bool& is_there = &place == &credentials_.realm ? has_realm_ : has_user_;
        if (is_there) return CredentialsFault::duplicate;
        is_there = true;
        place = value;
        return value.raw.size() <= kLongestUserName ? CredentialsFault::none : CredentialsFault::too_long;
    }

    /// These go into the digest, and whether a backslash counts there is read in two ways: nobody needs one.
    static CredentialsFault keep(const EncodedText& value, std::string_view& place) noexcept {
        place = value.raw;
        return value.form == Form::plain ? CredentialsFault::none : CredentialsFault::syntax;
    }

    Credentials& credentials_;
    bool has_user_ = false;
    bool has_realm_ = false;
};

std::string_view decode_pairs(std::string_view raw, std::span<char> room) noexcept {
    std::size_t size = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] == '\\' && ++i == raw.size()) return {};
        room[size++] = raw[i];
    }
    return {room.data(), size};
}

std::string_view decode_percent(std::string_view raw, std::span<char> room) noexcept {
    std::size_t size = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        char octet = raw[i];
        if (octet == '%') {
            unsigned value = 0;
            const char* digits = raw.data() + i + 1;
            if (raw.size() - i < 3) return {};
            const auto read = std::from_chars(digits, digits + 2, value, 16);
            if (read.ec != std::errc{} || read.ptr != digits + 2) return {};
            octet = static_cast<char>(value);
            i += 2;
        }
        room[size++] = octet;
    }
    const std::string_view text(room.data(), size);
    return base::is_printable_text(text) ? text : std::string_view{};
}

}  // namespace

std::string_view EncodedText::decode(std::span<char> room) const noexcept {
    if (form == Form::plain) return raw;
    if (raw.size() > room.size()) return {};
    return form == Form::percent ? decode_percent(raw, room) : decode_pairs(raw, room);
}

CredentialsFault parse_credentials(std::string_view value, Credentials& credentials) noexcept {
    credentials = {};
    if (value.size() > kLongestCredentials) return CredentialsFault::too_long;
    Cursor cursor(sip::trim(value));
    if (!is_equal_ignoring_case(cursor.take_token(), "Digest")) return CredentialsFault::absent;
    SeenNames seen;
    Reader reader(credentials);
    for (cursor.skip_commas(); !cursor.is_at_end(); cursor.skip_commas()) {
        Parameter parameter;
        if (!cursor.take_parameter(parameter)) return CredentialsFault::syntax;
        if (const auto fault = seen.add(parameter.name); fault != CredentialsFault::none) return fault;
        if (const auto fault = reader.read(parameter); fault != CredentialsFault::none) return fault;
    }
    return reader.is_complete() ? CredentialsFault::none : CredentialsFault::incomplete;
}

CredentialsFault find_credentials(std::span<const std::string_view> values, std::string_view realm,
                                  Credentials& credentials) noexcept {
    CredentialsFault first = CredentialsFault::absent;
    for (const std::string_view value : values.first(std::min(values.size(), kMostAuthorizations))) {
        const CredentialsFault fault = parse_credentials(value, credentials);
        if (fault == CredentialsFault::none) {
            std::array<char, kLongestUserName> room;
            if (credentials.realm.decode(room) == realm) return CredentialsFault::none;
        } else if (first == CredentialsFault::absent) {
            first = fault;
        }
    }
    return first;
}

}  // namespace sr::auth
