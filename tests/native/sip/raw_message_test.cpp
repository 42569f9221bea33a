#include "sip/raw_message.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "sip/gate.hpp"

using namespace sr::sip;

namespace {

/// What the gate finds, whatever it thinks of the message.
RawHeaders read_raw_headers(std::string_view message) {
    Inspection seen;
    inspect(message, seen);
    return seen.headers;
}

}  // namespace

TEST_CASE("the header fields that an answer copies are found by long and compact names") {
    const RawHeaders headers = read_raw_headers(
        "\r\nOPTIONS sip:a SIP/2.0\r\nv: SIP/2.0/UDP one\r\nVia : SIP/2.0/UDP two, SIP/2.0/UDP three\r\nf: "
        "<sip:f>;tag=1\r\n"
        "T:\t<sip:t>\r\ni: call\r\ncSeQ: 1 OPTIONS\r\n\r\nFrom: not a header");
    CHECK(headers.start_line == "OPTIONS sip:a SIP/2.0");
    REQUIRE(headers.via_count == 2);
    CHECK(headers.via_values[0] == "SIP/2.0/UDP one");
    CHECK(headers.via_values[1] == "SIP/2.0/UDP two, SIP/2.0/UDP three");
    CHECK(headers.from == "<sip:f>;tag=1");
    CHECK(headers.to == "<sip:t>");
    CHECK(headers.call_id == "call");
    CHECK(headers.cseq == "1 OPTIONS");
    CHECK(headers.is_answerable());
}

TEST_CASE("RFC 3261 7.3.1: a folded header field is one value") {
    const RawHeaders headers = read_raw_headers("X\r\nTo: <sip:t>\r\n ;x=1\r\n\t;y=2\r\nFrom: f\r\n\r\n");
    CHECK(headers.to == "<sip:t>\r\n ;x=1\r\n\t;y=2");
    CHECK(headers.from == "f");
}

TEST_CASE("of a repeated singleton the first counts") {
    CHECK(read_raw_headers("X\r\nTo: one\r\nTo: two\r\n\r\n").to == "one");
}

TEST_CASE("bare line feeds end lines, too") {
    const RawHeaders headers = read_raw_headers("X\nTo: t\nFrom: f\n\nCall-ID: body");
    CHECK(headers.to == "t");
    CHECK(headers.from == "f");
    CHECK(headers.call_id.empty());
}

TEST_CASE("more Vias than there is room for are left out, not written beyond it") {
    std::string message = "X\r\n";
    for (int i = 0; i < 100; ++i) message += "Via: v\r\n";
    CHECK(read_raw_headers(message + "To: t\r\n\r\n").via_count == kMostVias);
    CHECK(read_raw_headers(message + "To: t\r\n\r\n").to == "t");
}

TEST_CASE("a message that lacks a field to copy cannot be answered") {
    CHECK_FALSE(read_raw_headers("X\r\nVia: v\r\nFrom: f\r\nTo: t\r\nCall-ID: c\r\n\r\n").is_answerable());
    CHECK_FALSE(read_raw_headers("").is_answerable());
}

TEST_CASE("the first of several values ends at a comma outside quotes and brackets") {
    CHECK(first_value_length("a;b=c, d") == 5);
    CHECK(first_value_length("a;b=\"x,\\\"y\", d") == 11);
    CHECK(first_value_length("<sip:a,b>;c, d") == 11);
    CHECK(first_value_length("alone") == 5);
}

TEST_CASE("a tag is one only outside quotes and brackets") {
    CHECK(has_tag("<sip:a>;tag=1"));
    CHECK(has_tag("\"x\" <sip:a>; Tag=1"));
    CHECK_FALSE(has_tag("<sip:a;tag=1>"));
    CHECK_FALSE(has_tag("\";tag=1\" <sip:a>"));
    CHECK_FALSE(has_tag("<sip:a>;tagged=1"));
}

TEST_CASE("no octets of any kind are read beyond their end") {
    std::mt19937 source(4711);
    const std::string alphabet = "Via:FromTo,;<>\"\\\r\n\t =tag0";
    for (int round = 0; round < 20'000; ++round) {
        std::string text(source() % 120, ' ');
        for (char& c : text) c = alphabet[source() % alphabet.size()];
        const std::string exact(text);  // its own allocation, so that the sanitizer sees the end
        const RawHeaders headers = read_raw_headers(exact);
        CHECK(headers.via_count <= kMostVias);
        CHECK(first_value_length(exact) <= exact.size());
        static_cast<void>(has_tag(exact));
    }
}
