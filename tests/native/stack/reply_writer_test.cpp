#include "stack/reply_writer.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "sip/gate.hpp"

using namespace sr;

namespace {

struct Written {
    std::string text;
    std::uint16_t port;
};

Written write(const std::string& request, const stack::ReplySource& source = {"192.0.2.9", 5099},
              std::uint64_t key = 1) {
    std::array<char, 4096> room;
    base::TextBuffer out(room);
    sip::Reply reply;
    reply.headers << "Expires: 7\r\n";
    sip::Inspection seen;
    sip::inspect(request, seen);
    const std::uint16_t port = stack::write_reply(seen.headers, source, reply, key, out);
    return {std::string(out.text()), port};
}

std::string request_with(const std::string& via, const std::string& to = "<sip:t@x>") {
    return "OPTIONS sip:x SIP/2.0\r\nVia: " + via + "\r\nFrom: <sip:f@x>;tag=f\r\nTo: " + to +
           "\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string tag_of(const Written& written) {
    const std::size_t at = written.text.find("To: <sip:t@x>;tag=") + 18;
    return written.text.substr(at, written.text.find("\r\n", at) - at);
}

}  // namespace

TEST_CASE("RFC 3261 8.2.6.2: an answer copies Via, From, To, Call-ID and CSeq") {
    const Written written = write(request_with("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1"));
    CHECK(written.text.starts_with(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1;received=192.0.2.9\r\n"));
    CHECK(contains(written.text, "\r\nFrom: <sip:f@x>;tag=f\r\n"));
    CHECK(contains(written.text, "\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nExpires: 7\r\n"));
    CHECK(written.text.ends_with("\r\nContent-Length: 0\r\n\r\n"));
}

TEST_CASE("RFC 3581 4: rport is filled in and says where the answer goes") {
    const Written written = write(request_with("SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bK1"));
    CHECK(contains(written.text, "Via: SIP/2.0/UDP 10.0.0.1:5070;rport=5099;branch=z9hG4bK1;received=192.0.2.9\r\n"));
    CHECK(written.port == 5099);
}

TEST_CASE("RFC 3261 18.2.2: without rport the answer goes to the sent-by port, 5060 where there is none") {
    CHECK(write(request_with("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1")).port == 5070);
    CHECK(write(request_with("SIP/2.0/UDP host;branch=z9hG4bK1")).port == 5060);
    CHECK(write(request_with("SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1")).port == 5060);
    CHECK(write(request_with("SIP/2.0/UDP [2001:db8::1]:5071;branch=z9hG4bK1")).port == 5071);
    CHECK(write(request_with("SIP/2.0/UDP host:99999;branch=z9hG4bK1")).port == 5060);
}

TEST_CASE("a received parameter that the peer invented is not believed") {
    const Written written = write(request_with("SIP/2.0/UDP a;received=198.51.100.1;branch=z9hG4bK1"));
    CHECK_FALSE(contains(written.text, "198.51.100.1"));
    CHECK(contains(written.text, ";received=192.0.2.9"));
}

TEST_CASE("only the topmost Via is ours to change") {
    const Written written = write(request_with("SIP/2.0/UDP a;rport;branch=1, SIP/2.0/UDP b;rport;branch=2"));
    CHECK(contains(written.text,
                   "Via: SIP/2.0/UDP a;rport=5099;branch=1;received=192.0.2.9, SIP/2.0/UDP b;rport;branch=2\r\n"));
}

TEST_CASE("RFC 3261 8.2.7: a repeated request gets the same To tag, another request another one") {
    const std::string request = request_with("SIP/2.0/UDP a;branch=1");
    CHECK(tag_of(write(request)).size() == 16);
    CHECK(tag_of(write(request)) == tag_of(write(request)));
    CHECK(tag_of(write(request)) != tag_of(write(request, {"192.0.2.9", 5099}, 2)));
    std::string other = request;
    other.replace(other.find("Call-ID: c"), 10, "Call-ID: d");
    CHECK(tag_of(write(request)) != tag_of(write(other)));
}

TEST_CASE("a To tag of the request is kept") {
    CHECK(contains(write(request_with("SIP/2.0/UDP a;branch=1", "<sip:t@x>;tag=mine")).text,
                   "\r\nTo: <sip:t@x>;tag=mine\r\n"));
}
