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

constexpr std::string_view kWhite = " \t\r\n";
constexpr std::string_view kCharset = "UTF-8'";

struct Parameter {
    std::string_view name;
    EncodedText value;
};

bool is_token_octet(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
}

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// Walks the auth-params of one value.
class Cursor {
  public:
    explicit Cursor(std::string_view text) noexcept : rest_(text) {}

    [[nodiscard]] bool is_at_end() noexcept {
        skip(kWhite);
        return rest_.empty();
    }

    /// Empty elements of the list are allowed (RFC 7230 section 7).
    void skip_commas() noexcept {
        for (skip(kWhite); rest_.starts_with(','); skip(kWhite)) rest_.remove_prefix(1);
    }

    [[nodiscard]] std::string_view take_token() noexcept {
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token_octet);
        return take(static_cast<std::size_t>(end - rest_.begin()));
    }

    [[nodiscard]] bool take_parameter(Parameter& parameter) noexcept {
        parameter.name = take_token();
        skip(kWhite);
        if (parameter.name.empty() || !rest_.starts_with('=')) return false;
        rest_.remove_prefix(1);
        skip(kWhite);
        if (!(rest_.starts_with('"') ? take_quoted(parameter.value) : take_bare(parameter.value))) return false;
        skip(kWhite);
        return rest_.empty() || rest_.front() == ',';
    }

  private:
    void skip(std::string_view octets) noexcept {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(octets), rest_.size()));
    }

    std::string_view take(std::size_t count) noexcept {
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(taken.size());
        return taken;
    }

    bool take_quoted(EncodedText& value) noexcept {
        value = {};
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            if (is_control(rest_[i])) return false;
            if (rest_[i] == '"') {
                value.raw = rest_.substr(1, i - 1);
                rest_.remove_prefix(i + 1);
                return true;
            }
            if (rest_[i] != '\\') continue;
            value.form = Form::quoted_pairs;
            if (++i < rest_.size() && is_control(rest_[i])) return false;
        }
        return false;
    }

    bool take_bare(EncodedText& value) noexcept {
        value = {take(std::min(rest_.find_first_of(", \t\r\n"), rest_.size())), Form::plain};
        return !value.raw.empty() && std::none_of(value.raw.begin(), value.raw.end(),
                                                  [](char c) { return is_control(c) || c == '"' || c == '\\'; });
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
