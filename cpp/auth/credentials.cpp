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

enum class Name : std::uint8_t {
    username,
    extended_username,
    realm,
    nonce,
    uri,
    response,
    algorithm,
    cnonce,
    nc,
    qop,
    userhash,
    other,
};

constexpr std::array<std::string_view, 11> kNames{"username",  "username*", "realm", "nonce", "uri",     "response",
                                                  "algorithm", "cnonce",    "nc",    "qop",   "userhash"};

/// In any case. The order is Name's.
Name find_name(std::string_view text) noexcept {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i].size() == text.size() && is_equal_ignoring_case(kNames[i], text))
            return Name{static_cast<std::uint8_t>(i)};
    }
    return Name::other;
}

/// Which parameters were there: a bit for each that is known, and a list of the others, too short to be worth a hash.
class SeenNames {
  public:
    [[nodiscard]] CredentialsFault add(Name name, std::string_view text) noexcept {
        if (name == Name::other ? is_among_others(text) : (known_ >> static_cast<unsigned>(name) & 1U) != 0) {
            return CredentialsFault::duplicate;
        }
        if (count_ == kMostParameters) return CredentialsFault::too_long;
        ++count_;
        if (name == Name::other) {
            others_[other_count_++] = text;
        } else {
            known_ |= 1U << static_cast<unsigned>(name);
        }
        return CredentialsFault::none;
    }

  private:
    [[nodiscard]] bool is_among_others(std::string_view text) const noexcept {
        for (std::size_t i = 0; i < other_count_; ++i) {
            if (is_equal_ignoring_case(others_[i], text)) return true;
        }
        return false;
    }

    std::uint32_t known_ = 0;
    std::array<std::string_view, kMostParameters> others_;
    std::size_t other_count_ = 0;
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

    [[nodiscard]] CredentialsFault read(Name name, const EncodedText& value) noexcept {
        switch (name) {
            case Name::username: return keep_text(value, credentials_.username);
            case Name::extended_username: {
                EncodedText user;
                const CredentialsFault fault = read_extended_name(value, user);
                return fault == CredentialsFault::none ? keep_text(user, credentials_.username) : fault;
            }
            case Name::realm: return keep_text(value, credentials_.realm);
            case Name::nonce: return keep(value, credentials_.nonce);
            case Name::uri: return keep(value, credentials_.uri);
            case Name::response: return keep(value, credentials_.response);
            case Name::algorithm: return keep(value, credentials_.algorithm);
            case Name::cnonce: return keep(value, credentials_.cnonce);
            case Name::nc: return read_nc(value, credentials_);
            case Name::qop:
                credentials_.has_qop = true;
                return fault_unless(is_equal_ignoring_case(value.raw, "auth"), CredentialsFault::unspoken_qop);
            case Name::userhash:
                return fault_unless(is_equal_ignoring_case(value.raw, "false"), CredentialsFault::hashed_user);
            case Name::other: break;
        }
        return CredentialsFault::none;
    }

    [[nodiscard]] bool is_complete() const noexcept {
        const Credentials& all = credentials_;
        const bool has_all = has_user_ && has_realm_ && !all.nonce.empty() && !all.uri.empty() && !all.response.empty();
        return has_all && (!all.has_qop || (all.nc != 0 && !all.cnonce.empty()));
    }

  private:
    static CredentialsFault fault_unless(bool is_sound, CredentialsFault fault) noexcept {
        return is_sound ? CredentialsFault::none : fault;
    }

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
        const Name name = find_name(parameter.name);
        if (const auto fault = seen.add(name, parameter.name); fault != CredentialsFault::none) return fault;
        if (const auto fault = reader.read(name, parameter.value); fault != CredentialsFault::none) return fault;
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
