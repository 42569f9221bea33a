#include "stack/stream_framing.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace sr;
using stack::Frame;
using stack::FrameKind;
using stack::StreamFraming;

namespace {

std::string message(const std::string& body, const std::string& length_line) {
    return "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n" + length_line + "\r\n\r\n" + body;
}

std::string message(const std::string& body = "") {
    return message(body, "Content-Length: " + std::to_string(body.size()));
}

struct Taken {
    FrameKind kind;
    std::string octets;
    sip::RejectReason fault;
};

std::vector<Taken> feed(StreamFraming& framing, std::string_view octets, base::TimeMs now_ms = 0) {
    std::vector<Taken> taken;
    framing.append(octets, now_ms);
    for (Frame frame = framing.next(); frame.kind != FrameKind::none; frame = framing.next()) {
        taken.push_back({frame.kind, std::string(frame.octets), frame.fault});
        if (frame.kind == FrameKind::broken) break;
    }
    return taken;
}

sip::RejectReason fault_of(const std::string& octets) {
    StreamFraming framing;
    const auto taken = feed(framing, octets);
    REQUIRE(taken.size() == 1);
    CHECK(taken[0].kind == FrameKind::broken);
    CHECK(feed(framing, message()).empty());
    return taken[0].fault;
}

}  // namespace

TEST_CASE("RFC 3261 18.3: messages are told apart by Content-Length, wherever the stream is cut") {
    const std::string stream = message("v=0\r\n") + message() + "\r\n" + message("\r\n\r\n");
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        StreamFraming framing;
        auto taken = feed(framing, stream.substr(0, cut));
        const auto rest = feed(framing, stream.substr(cut));
        taken.insert(taken.end(), rest.begin(), rest.end());
        REQUIRE(taken.size() == 3);
        CHECK(taken[0].octets == message("v=0\r\n"));
        CHECK(taken[1].octets == message());
        CHECK(taken[2].octets == message("\r\n\r\n"));
        CHECK(framing.size() == 0);
    }
}

TEST_CASE("a message that comes octet by octet is whole with its last one") {
    const std::string whole = message("body");
    StreamFraming framing;
    for (std::size_t i = 0; i + 1 < whole.size(); ++i) CHECK(feed(framing, whole.substr(i, 1)).empty());
    const auto taken = feed(framing, whole.substr(whole.size() - 1));
    REQUIRE(taken.size() == 1);
    CHECK(taken[0].octets == whole);
}

TEST_CASE("RFC 5626 3.5.1: two line ends are a keep-alive, one is nothing, also when they come apart") {
    StreamFraming framing;
    CHECK(feed(framing, "\r\n").empty());
    REQUIRE(feed(framing, "\r\n").size() == 1);
    CHECK(feed(framing, "\r").empty());
    CHECK(feed(framing, "\n\r").empty());
    const auto taken = feed(framing, "\n\r\n\r\n" + message());
    REQUIRE(taken.size() == 3);
    CHECK(taken[0].kind == FrameKind::keep_alive);
    CHECK(taken[1].kind == FrameKind::keep_alive);
    CHECK(taken[2].octets == message());
}

TEST_CASE("the compact name, any case, spaces and a folded line say the length as well") {
    for (const char* line : {"l: 4", "CONTENT-LENGTH:4", "Content-Length \t:  4 ", "L:\r\n 4"}) {
        StreamFraming framing;
        const auto taken = feed(framing, message("body", line) + message());
        REQUIRE(taken.size() == 2);
        CHECK(taken[0].octets.ends_with("\r\n\r\nbody"));
    }
}

TEST_CASE("a length that is missing, said twice or no number breaks the stream: nobody knows where the next begins") {
    CHECK(fault_of(message("", "X: 1")) == sip::RejectReason::length_missing);
    CHECK(fault_of(message("", "Content-Length: 0\r\nl: 0")) == sip::RejectReason::header_repeated);
    for (const char* value : {"-1", "+1", "", "1 2", "0x1", "1,1", "one"}) {
        CHECK(fault_of(message("", std::string("Content-Length: ") + value)) == sip::RejectReason::number_invalid);
    }
}

TEST_CASE("a body that goes beyond what a message may have breaks the stream before it comes") {
    const std::string header = message("", "Content-Length: 65535");
    CHECK(fault_of(header) == sip::RejectReason::message_too_large);
    CHECK(fault_of(message("", "Content-Length: 99999999999999999999999")) == sip::RejectReason::message_too_large);
}

TEST_CASE("a message of 64 KB is taken") {
    const std::string header = message("", "Content-Length: 65400");
    const std::string body(65'400, 'x');
    StreamFraming framing;
    REQUIRE(stack::kMostMessageOctets >= header.size() + body.size());
    const auto taken = feed(framing, header + body);
    REQUIRE(taken.size() == 1);
    CHECK(taken[0].octets.size() == header.size() + body.size());
}

TEST_CASE("a header without end breaks the stream at its limit, with what came of it") {
    StreamFraming framing;
    const std::string line = "X: " + std::string(1000, 'x') + "\r\n";
    std::vector<Taken> taken;
    for (std::size_t sent = 0; taken.empty() && sent < 2 * stack::kMostHeaderOctets; sent += line.size()) {
        taken = feed(framing, line);
        CHECK(framing.size() <= stack::kMostHeaderOctets + line.size());
    }
    REQUIRE(taken.size() == 1);
    CHECK(taken[0].fault == sip::RejectReason::message_too_large);
    CHECK(taken[0].octets.size() == stack::kMostHeaderOctets);
}

TEST_CASE("a half message is as old as its first octet, however it dribbles") {
    StreamFraming framing;
    CHECK(framing.half_since_ms() == stack::kNothingBegun);
    CHECK(feed(framing, message(), 1000).size() == 1);
    CHECK(framing.half_since_ms() == stack::kNothingBegun);
    CHECK(feed(framing, "OPTIONS", 2000).empty());
    CHECK(feed(framing, " sip:a", 9000).empty());
    CHECK(framing.half_since_ms() == 2000);
    StreamFraming other;
    CHECK(feed(other, "OPT", 1000).empty());
    CHECK(feed(other, message().substr(3) + "OPT", 5000).size() == 1);
    CHECK(other.half_since_ms() == 5000);
}
