// A client of the digest scheme, as the tests need one, and the house it registers at.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/authenticator.hpp"

namespace sr::auth::testkit {

inline constexpr std::string_view kRealm = "screamrouter.local";
inline constexpr std::string_view kUri = "sip:screamrouter.local";
inline constexpr base::TimeMs kNow = 1'000'000;

inline sip::SocketAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    sip::SocketAddress address;
    address.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d};
    address.port = 5060;
    return address;
}

inline sip::SocketAddress ipv6(std::uint64_t high, std::uint64_t low, std::uint32_t scope_id = 0) {
    sip::SocketAddress address;
    for (std::size_t i = 0; i < 8; ++i) {
        address.ip[7 - i] = static_cast<std::uint8_t>(high >> 8 * i);
        address.ip[15 - i] = static_cast<std::uint8_t>(low >> 8 * i);
    }
    address.is_ipv6 = true;
    address.scope_id = scope_id;
    return address;
}

inline std::array<std::uint8_t, kKeyOctets> key(std::uint8_t octet) {
    std::array<std::uint8_t, kKeyOctets> key;
    key.fill(octet);
    return key;
}

inline Credential credential(std::string user, std::string_view password, std::vector<std::string> aor_keys = {}) {
    Credential credential;
    for (const Algorithm algorithm : kByStrength) {
        REQUIRE(credential.set_ha1(algorithm, compute_ha1(algorithm, user, kRealm, password).text()));
    }
    credential.user = std::move(user);
    credential.aor_keys = std::move(aor_keys);
    return credential;
}

/// One request of a phone; every field may be bent by a test before it is signed.
struct Phone {
    std::string user = "alice";
    std::string password = "wonderland";
    std::string realm{kRealm};
    std::string uri{kUri};
    std::string nonce;
    std::string nc = "00000001";
    std::string cnonce = "0a4f113b";
    std::string call_id = "call-1";
    std::string aor_key = "alice";
    std::string request_uri{kUri};
    std::string content = "REGISTER and so on";
    Algorithm algorithm = Algorithm::sha256;
    bool has_qop = true;
    std::uint32_t cseq = 2;
    sip::SocketAddress source = ipv4(192, 168, 1, 20);

    [[nodiscard]] std::string authorization() const {
        const HexDigest ha1 = compute_ha1(algorithm, user, realm, password);
        const HexDigest response =
            compute_response(algorithm, ha1.text(), {"REGISTER", uri, nonce, has_qop, nc, cnonce});
        std::string text = "Digest username=\"" + user + "\", realm=\"" + realm + "\", nonce=\"" + nonce +
                           "\", uri=\"" + uri + "\", response=\"" + std::string(response.text()) + "\"";
        text.append(", algorithm=").append(algorithm_name(algorithm));
        if (has_qop) text += ", qop=auth, nc=" + nc + ", cnonce=\"" + cnonce + "\"";
        return text;
    }
};

/// The daemon's side: two devices, one of them disabled.
struct House {
    House() {
        std::vector<Credential> credentials;
        credentials.push_back(credential("alice", "wonderland", {"kitchen"}));
        credentials.push_back(credential("bob", "builder"));
        credentials.back().is_enabled = false;
        table = CredentialTable(credentials);
        policy.realm = kRealm;
    }

    [[nodiscard]] std::string nonce_for(const Phone& phone, base::TimeMs now_ms = kNow) {
        const NonceText text = authenticator.issue_nonce(policy, phone.source, now_ms);
        return {text.data(), text.size()};
    }

    AuthVerdict decide(const Phone& phone, std::vector<std::string> headers, base::TimeMs now_ms = kNow) {
        const std::vector<std::string_view> views(headers.begin(), headers.end());
        AuthRequest request;
        request.method = "REGISTER";
        request.request_uri = phone.request_uri;
        request.aor_key = phone.aor_key;
        request.call_id = phone.call_id;
        request.cseq = phone.cseq;
        request.content = phone.content;
        request.source = phone.source;
        return authenticator.decide(request, Claim(views, policy.realm), table, policy, now_ms);
    }

    AuthVerdict decide(const Phone& phone, base::TimeMs now_ms = kNow) {
        return decide(phone, {phone.authorization()}, now_ms);
    }

    CredentialTable table;
    DigestPolicy policy;
    Authenticator authenticator{{key(7), 42}};
};

}  // namespace sr::auth::testkit
