#include "auth/credentials.hpp"

#include <array>
#include <string>

#include "fuzz_kit.hpp"

namespace sr::fuzz {
namespace {

using auth::Credentials;
using auth::CredentialsFault;
using auth::EncodedText;

std::string print(std::string_view name, const EncodedText& text) {
    const std::string value(text.raw);
    if (text.form == EncodedText::Form::percent) return std::string(name) + "*=UTF-8''" + value + ",";
    return std::string(name) + "=\"" + value + "\",";
}

std::string print(const Credentials& given) {
    std::string text = "Digest " + print("username", given.username) + print("realm", given.realm);
    const auto add = [&text](std::string_view name, std::string_view value) {
        if (!value.empty()) text.append(name).append("=\"").append(value).append("\",");
    };
    add("nonce", given.nonce);
    add("uri", given.uri);
    add("response", given.response);
    add("algorithm", given.algorithm);
    add("cnonce", given.cnonce);
    add("nc", given.nc_text);
    if (given.has_qop) text += "qop=auth";
    return text;
}

bool is_same(const EncodedText& a, const EncodedText& b) { return a.raw == b.raw && a.form == b.form; }

bool is_same(const Credentials& a, const Credentials& b) {
    return is_same(a.username, b.username) && is_same(a.realm, b.realm) && a.nonce == b.nonce && a.uri == b.uri &&
           a.response == b.response && a.algorithm == b.algorithm && a.cnonce == b.cnonce && a.nc == b.nc &&
           a.has_qop == b.has_qop;
}

void require_decoded(const EncodedText& text) {
    std::array<char, auth::kLongestUserName> room;
    const std::string_view decoded = text.decode(room);
    require(decoded.size() <= text.raw.size(), "decoding makes nothing longer");
    require(is_within(decoded, {room.data(), room.size()}) || decoded == text.raw, "it needs no other room");
}

}  // namespace

void run(std::string_view input) {
    Credentials given;
    const CredentialsFault fault = auth::parse_credentials(input, given);
    for (const std::string_view view : {given.username.raw, given.realm.raw, given.nonce, given.uri, given.response,
                                        given.algorithm, given.cnonce, given.nc_text}) {
        require(is_within(view, input), "what was read lies within the value");
    }
    require_decoded(given.username);
    require_decoded(given.realm);
    if (fault != CredentialsFault::none) return;
    require(!given.nonce.empty() && !given.uri.empty() && !given.response.empty(), "credentials are complete");
    require(!given.has_qop || (given.nc != 0 && !given.cnonce.empty()), "with qop there is a count");
    const std::string printed = print(given);
    Credentials again;
    require(printed.size() > auth::kLongestCredentials ||
                (auth::parse_credentials(printed, again) == CredentialsFault::none && is_same(given, again)),
            "credentials printed are the same when they are read");
}

}  // namespace sr::fuzz
