#include "sip/credential_mask.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using sr::sip::copy_masked;

namespace {

std::string masked(std::string_view message, std::size_t room_octets = 4096) {
    std::string room(room_octets, '\0');
    room.resize(copy_masked(message, room).size);
    return room;
}

bool has(const std::string& text, std::string_view wanted) { return text.find(wanted) != std::string::npos; }

}  // namespace

TEST_CASE("a message without credentials is copied octet by octet") {
    const std::string message =
        "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nContact: "
        "<sip:alice@192.0.2.1:5060>"
        "\r\nUser-Agent: \xFF\x01 phone\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";
    CHECK(masked(message) == message);
    CHECK(masked("") == "");
    CHECK(masked("\r\n\r\n") == "\r\n\r\n");
    CHECK(masked("no line end") == "no line end");
    CHECK(masked("SIP/2.0 401 Unauthorized\r\n\r\n") == "SIP/2.0 401 Unauthorized\r\n\r\n");
}

TEST_CASE("RFC 7616 3.4: of a digest, the names and the algorithm are shown and the proof is not") {
    CHECK(masked("R\r\nAuthorization: Digest username=\"alice\", realm=\"home\", nonce=\"SECRET\", uri=\"sip:home\", "
                 "response=\"SECRET\", algorithm=MD5, cnonce=\"SECRET\", qop=auth, nc=00000001, opaque=\"SECRET\"\r\n"
                 "To: <sip:alice@home>\r\n\r\n") ==
          "R\r\nAuthorization: Digest username=\"alice\", realm=\"home\", nonce=***, uri=\"sip:home\", response=***, "
          "algorithm=MD5, cnonce=***, qop=auth, nc=00000001, opaque=***\r\nTo: <sip:alice@home>\r\n\r\n");
}

TEST_CASE("RFC 3261 22: every header field of authentication is masked, in any case of its name") {
    for (const std::string name :
         {"Authorization", "AUTHORIZATION", "aUtHoRiZaTiOn", "Proxy-Authorization", "WWW-Authenticate",
          "Proxy-Authenticate", "Authentication-Info", "Proxy-Authentication-Info", "X-Authorization"}) {
        CAPTURE(name);
        for (const std::string colon : {":", " :", "\t: "}) {
            const std::string value = "Digest nonce=\"SECRET\",nextnonce=SECRET,rspauth=\"SECRET\",response=SECRET";
            const std::string text = masked("R\r\n" + name + colon + value + "\r\nTo: t\r\n\r\n");
            CHECK_FALSE(has(text, "SECRET"));
            CHECK(has(text, "To: t"));
        }
    }
}

TEST_CASE("RFC 3261 7.3.1: a folded credential is masked to its end") {
    const std::string text = masked(
        "R\r\nAuthorization:\r\n Digest\r\n\tusername=\"alice\",\n response\r\n =\r\n \"SECRET\"\r\nTo: t\r\n\r\n");
    CHECK_FALSE(has(text, "SECRET"));
    CHECK(has(text, "username=\"alice\""));
    CHECK(has(text, "\nTo: t\r\n"));
}

TEST_CASE("a credential is masked to the end of the message where no line end follows") {
    for (const std::string end : {"", "\r", "\n", "\r\n", "\r\n ", "\r\n SECRET"}) {
        CHECK_FALSE(has(masked("R\r\nAuthorization: Digest response=\"SECRET\"" + end), "SECRET"));
    }
}

TEST_CASE("many credentials are masked, each of them") {
    std::string message = "R\r\n";
    for (int i = 0; i < 300; ++i) message += "Authorization: Digest username=\"u\", response=\"SECRET\"\r\n";
    const std::string text = masked(message + "\r\n", 1 << 16);
    CHECK_FALSE(has(text, "SECRET"));
    CHECK(has(text, "username=\"u\""));
}

TEST_CASE("what is in doubt is masked: lost quotes, unknown schemes, parameters that nobody knows") {
    for (const std::string line : {
             "Authorization: Digest username=\"alice, response=\"SECRET\", realm=\"x\"",
             "Authorization: Digest username=\"alice, response=SECRET, realm=\"x",
             "Authorization: Digest realm=\"x, response=SECRET",
             "Authorization: Digest username=\"a\\\", response=SECRET\"",
             "Authorization: Digest username=\"a=SECRET\"",
             "Authorization: Digest username=a response=SECRET",
             "Authorization: Digest password=SECRET",
             "Authorization: Digest SECRET",
             "Authorization: Digest,response=SECRET",
             "Authorization: Basic SECRET==",
             "Authorization: Bearer SECRET",
             "Authorization: SECRET",
             "Authorization: Digest username=\"x\", Digest response=\"SECRET\"",
             "Authorization Digest response=SECRET",
             "My Authorization: Digest response=SECRET",
             " Authorization: Digest response=SECRET",
             "Authorization: Digest username=\"a\",\r\nresponse=\"SECRET\"",
             "Authorization: Digest username=\"a\",\rresponse=\"SECRET\"",
             "Authorization\x01: Digest response=SECRET",
         }) {
        CAPTURE(line);
        CHECK_FALSE(has(masked("R\r\nFrom: f\r\n" + line + "\r\nTo: t\r\n\r\n"), "SECRET"));
    }
}

TEST_CASE("a message that begins with a credential, or is nothing else, is masked, too") {
    CHECK_FALSE(has(masked("Authorization: Digest response=SECRET"), "SECRET"));
    CHECK_FALSE(has(masked("\r\n\r\nAuthorization: Digest response=SECRET"), "SECRET"));
}

TEST_CASE("RFC 3261 19.1.1: a password in a URI is masked, the rest of the URI is not") {
    CHECK(masked("REGISTER sip:alice:SECRET@home SIP/2.0\r\n") == "REGISTER sip:alice:***@home SIP/2.0\r\n");
    CHECK(masked("To: <sips:alice:SE@CRET@home:5061;x=y>\r\n") == "To: <sips:alice:***@home:5061;x=y>\r\n");
    CHECK_FALSE(has(masked("m:SIP:alice:SE,CRET@home,sip:bob:SECRET@home\r\n"), "CRET"));
    CHECK(masked("Call-Info: <http://u:SECRET@h/>\r\n") == "Call-Info: <http://u:***@h/>\r\n");
    CHECK(masked("To: <sip:alice@home:5060>, <sip:a@b>\r\nCall-ID: a:b@c\r\n") ==
          "To: <sip:alice@home:5060>, <sip:a@b>\r\nCall-ID: a:b@c\r\n");
    CHECK_FALSE(has(masked("Contact: <sip:a@b?Authorization=Digest%20response=SECRET>\r\n"), "SECRET"));
}

TEST_CASE("a credential before an address does not hide the password behind it") {
    CHECK_FALSE(has(masked("R\r\nAuthorization: Digest username=\"a@b\"\r\nTo: <sip:a:SECRET@b>\r\n\r\n"), "SECRET"));
}

TEST_CASE("RFC 4568, RFC 8839: keys in SDP are masked") {
    const std::string text = masked(
        "R\r\n\r\nv=0\r\nk=base64:SECRET\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET\r\na=ice-pwd:SECRET\r\n"
        "a=ice-ufrag:F7gI\r\n");
    CHECK_FALSE(has(text, "SECRET"));
    CHECK(has(text, "a=ice-ufrag:F7gI"));
}

TEST_CASE("what does not fit is left out, and a secret is not shown by the cut") {
    const std::string message = "R\r\nAuthorization: Digest username=\"alice\", response=\"SECRET\"\r\nTo: t\r\n\r\n";
    for (std::size_t octets = 0; octets < message.size(); ++octets) {
        std::vector<char> room(octets);  // its own allocation, so that the sanitizer sees the end
        const auto copied = copy_masked(message, room);
        CHECK(copied.size <= octets);
        CHECK_FALSE(has(std::string(room.data(), copied.size), "SECR"));
    }
    std::vector<char> four(4);
    std::vector<char> five(5);
    CHECK(copy_masked("12345", four).is_cut);
    CHECK_FALSE(copy_masked("12345", five).is_cut);
}

TEST_CASE("no octets of any kind are read or written beyond their end") {
    std::mt19937 source(4711);
    const std::vector<std::string> pieces{"Authorization",
                                          "Digest ",
                                          "response=",
                                          "sip:",
                                          "\r\n",
                                          "\n",
                                          "\r",
                                          " ",
                                          "\"",
                                          ",",
                                          "@",
                                          "?",
                                          ":",
                                          "a=crypto:",
                                          "\\",
                                          std::string(1, '\0'),
                                          "\xFF",
                                          "username=",
                                          "x",
                                          "SIP/2.0 ",
                                          "k=",
                                          "\t"};
    for (int round = 0; round < 50'000; ++round) {
        std::string text;
        for (auto count = source() % 30; count > 0; --count) text += pieces[source() % pieces.size()];
        const std::vector<char> exact(text.begin(), text.end());
        std::vector<char> room(source() % 100);
        CHECK(copy_masked({exact.data(), exact.size()}, room).size <= room.size());
    }
}
