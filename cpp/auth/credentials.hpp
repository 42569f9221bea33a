// One Authorization header value of the Digest scheme (RFC 7616 section 3.4, RFC 3261 section 25.1) taken apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sr::auth {

inline constexpr std::size_t kLongestCredentials = 2048;  // octets of the whole value
inline constexpr std::size_t kLongestUserName = 256;      // as written, escapes included; the realm likewise
inline constexpr std::size_t kMostParameters = 24;
inline constexpr std::size_t kMostAuthorizations = 8;  // headers looked at in one request

enum class CredentialsFault : std::uint8_t {
    none,
    absent,        // no value of the Digest scheme for the realm
    too_long,      // the value, one of its parameters, or their number
    syntax,        // no auth-params, an unfinished string, a control character, or a value of the wrong kind
    duplicate,     // a parameter twice: which of the two was checked would be anybody's guess
    incomplete,    // username, realm, nonce, uri or response is missing; with qop also nc or cnonce
    hashed_user,   // userhash=true, which was not offered (RFC 7616 section 3.4.4)
    unspoken_qop,  // neither "auth" nor without
};

/// Text between quotes or percent-encoded, not yet decoded.
struct EncodedText {
    enum class Form : std::uint8_t { plain, quoted_pairs, percent };
    std::string_view raw;
    Form form = Form::plain;

    /// Into `room` where something must be decoded. Empty where it does not fit or is wrongly encoded.
    [[nodiscard]] std::string_view decode(std::span<char> room) const noexcept;
};

/// Views into the value; as the digest is computed over them, they are as written.
struct Credentials {
    EncodedText username;  // from username or username*
    EncodedText realm;
    std::string_view nonce;
    std::string_view uri;
    std::string_view response;
    std::string_view algorithm;  // empty: not given, which means MD5
    std::string_view cnonce;
    std::string_view nc_text;
    std::uint32_t nc = 0;
    bool has_qop = false;  // then it is "auth"
};

/// Parameters may come in any order and either quoted or bare, whatever the RFC prescribes for each: phones mix it up.
/// Those that are unknown, and opaque, which is never given out, are passed over. `absent` for another scheme.
/// `credentials` is whole only after `none`.
[[nodiscard]] CredentialsFault parse_credentials(std::string_view value, Credentials& credentials) noexcept;

/// Of several Authorization headers (RFC 3261 section 22.3) the first that is whole and for `realm` counts. Else the
/// first fault among them, or `absent`: those for other realms are somebody else's.
[[nodiscard]] CredentialsFault find_credentials(std::span<const std::string_view> values, std::string_view realm,
                                                Credentials& credentials) noexcept;

}  // namespace sr::auth
