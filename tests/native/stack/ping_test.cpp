#include "stack/ping.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace sr;

namespace {

std::string written(const stack::PingRequest& ping) {
    std::array<char, 2048> room;
    base::TextBuffer out(room);
    stack::write_ping(ping, out);
    return std::string(out.text());
}

std::string branch_of(const std::string& ping) {
    const std::size_t at = ping.find("branch=") + 7;
    return ping.substr(at, ping.find_first_of(";\r", at) - at);
}

}  // namespace

TEST_CASE("RFC 3261 11: a ping is an OPTIONS to the contact, with all that a request must have") {
    const std::string ping = written({{7, 8, 9}, "sip:a@192.0.2.1:5062;ob", "", "192.0.2.5", 5060, "home.test"});
    CHECK(ping.starts_with(
        "OPTIONS sip:a@192.0.2.1:5062;ob SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.5:5060;rport;branch=z9hG4bK"));
    for (const char* field :
         {"\r\nMax-Forwards: 70\r\n", "\r\nFrom: <sip:home.test>;tag=", "\r\nTo: <sip:a@192.0.2.1:5062;ob>\r\n",
          "\r\nCall-ID: ", "\r\nCSeq: 1 OPTIONS\r\n", "\r\nContent-Length: 0\r\n\r\n"}) {
        CHECK(ping.find(field) != std::string::npos);
    }
    CHECK(ping.find("Route:") == std::string::npos);
}

TEST_CASE("RFC 3261 18.1.1, RFC 7118 5.2: over a connection Via and Contact name its transport") {
    using sip::Transport;
    const auto over = [](Transport transport) {
        return written({{7, 8, 9}, "sip:a@b", "", "192.0.2.5", 5061, "x", transport});
    };
    CHECK(over(Transport::tcp).find("\r\nVia: SIP/2.0/TCP 192.0.2.5:5061;") != std::string::npos);
    CHECK(over(Transport::tcp).find("\r\nContact: <sip:192.0.2.5:5061;transport=tcp>\r\n") != std::string::npos);
    CHECK(over(Transport::tls).find("\r\nVia: SIP/2.0/TLS 192.0.2.5:5061;") != std::string::npos);
    CHECK(over(Transport::wss).find("\r\nVia: SIP/2.0/WSS 192.0.2.5:5061;") != std::string::npos);
    CHECK(over(Transport::wss).find("\r\nContact: <sip:192.0.2.5:5061;transport=ws>\r\n") != std::string::npos);
}

TEST_CASE("RFC 3327 5.1: the Path of the binding becomes the Route") {
    const std::string ping = written({{7, 8, 9}, "sip:a@b", "<sip:edge;lr>", "192.0.2.5", 5060, "x"});
    CHECK(ping.find("\r\nRoute: <sip:edge;lr>\r\n") != std::string::npos);
}

TEST_CASE("an IPv6 address stands in brackets and without its scope") {
    CHECK(written({{1, 2, 3}, "sip:a@b", "", "fe80::1%2", 5060, "x"}).find("SIP/2.0/UDP [fe80::1]:5060;") !=
          std::string::npos);
}

TEST_CASE("the branch brings the token back") {
    const stack::PingToken token{0xFEDC'BA98'7654'3210, 0xFFFF'FFFF, 1'234'567'890'123};
    const auto read = stack::read_ping_token(branch_of(written({token, "sip:a@b", "", "192.0.2.5", 5060, "x"})));
    REQUIRE(read);
    CHECK(read->binding_id == token.binding_id);
    CHECK(read->nonce == token.nonce);
    CHECK(read->sent_us == token.sent_us);
}

TEST_CASE("a branch of somebody else is no token") {
    for (const char* branch :
         {"", "z9hG4bK", "z9hG4bKsrp-", "z9hG4bKsrp-1", "z9hG4bKsrp-1-2", "z9hG4bKsrp-x-y-z",
          "z9hG4bKsrp-1-100000000-3", "z9hG4bKsrp-1-2-3-", "z9hG4bKsrp-1-2-3x", "z9hG4bKsrp-1-2--3"}) {
        CHECK_FALSE(stack::read_ping_token(branch));
    }
}
