#include "sdp/session_description.hpp"

#include <doctest/doctest.h>

#include <random>

#include "sdp/sdp_kit.hpp"

using namespace sr::sdp;
using namespace sr::sdp::testkit;

namespace {

SdpFault fault_of(const std::string& text) {
    const auto read = parse(text);
    REQUIRE_MESSAGE(std::holds_alternative<SdpFault>(read), text);
    CHECK_FALSE(std::get<SdpFault>(read).expected.empty());
    return std::get<SdpFault>(read);
}

constexpr std::string_view kHead = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nt=0 0\n";

std::string headed(std::string_view rest) { return std::string(kHead) + std::string(rest); }

}  // namespace

TEST_CASE("every description of tests/data/sdp is read, with CRLF and with LF") {
    const auto paths = all_files();
    REQUIRE(paths.size() >= 10);
    for (const auto& path : paths) {
        CAPTURE(path.string());
        const std::string text = read_file(path);
        std::string bare = text;
        std::erase(bare, '\r');
        CHECK(parsed(text).media.size() == parsed(bare).media.size());
        CHECK_FALSE(parsed(text).media.empty());
    }
}

TEST_CASE("RFC 8866 section 5: the example is taken apart") {
    const std::string text = offer_file("rfc8866_example");
    const SessionDescription session = parsed(text);
    CHECK(session.origin.session_id == 3724394400);
    CHECK(session.origin.session_version == 3724394405);
    CHECK(session.timing == "0 0");
    REQUIRE(session.media.size() == 3);
    CHECK(session.media[0].kind == "audio");
    CHECK(session.media[0].port == 49170);
    CHECK(session.media[0].protocol == "RTP/AVP");
    CHECK(session.media[0].payload_types == std::vector<std::uint8_t>{0});
    CHECK(session.connection_of(session.media[0])->address == "198.51.100.1");
    CHECK(session.connection_of(session.media[2])->is_ipv6);
    CHECK(session.connection_of(session.media[2])->numeric == address("2001:db8::2", 0));
    CHECK(session.media[2].rtp_maps.front().encoding == "h263-1998");
}

TEST_CASE("RFC 4566 section 5: a TTL is no part of the address, and the session's direction holds for its media") {
    const std::string text = offer_file("rfc4566_example");
    const SessionDescription session = parsed(text);
    CHECK(session.connection->address == "224.2.17.12");
    CHECK(session.timing == "2873397496 2873404696");
    CHECK(session.direction_of(session.media[0]) == Direction::recvonly);
}

TEST_CASE("Chromium's offer is taken apart: credentials, fingerprint, candidates, extensions, formats") {
    const std::string text = offer_file("chromium_offer");
    const SessionDescription session = parsed(text);
    CHECK(session.origin.session_id == 838987806115810793);
    CHECK(session.bundle == std::vector<std::string_view>{"0"});
    REQUIRE(session.media.size() == 1);
    const MediaSection& audio = session.media[0];
    CHECK(session.is_bundled(audio));
    CHECK(audio.payload_types == std::vector<std::uint8_t>{111, 63, 9, 0, 8, 13, 110, 126});
    CHECK(audio.transport.ice_ufrag == "3cFL");
    CHECK(audio.transport.ice_pwd == "1sotU0lFOe8rldkLZv4tJjEH");
    CHECK(audio.transport.setup == Setup::actpass);
    REQUIRE(audio.transport.fingerprints.size() == 1);
    CHECK(audio.transport.fingerprints[0].digest().size() == 32);
    CHECK(audio.transport.fingerprints[0].octets[0] == 0x84);
    CHECK(audio.transport.fingerprints[0].octets[31] == 0xCB);
    REQUIRE(audio.candidates.size() == 1);  // the other one is TCP
    CHECK(audio.candidates[0].address == address("127.0.0.1", 34779));
    CHECK(audio.extensions.size() == 4);
    CHECK(audio.mid == "0");
    CHECK(audio.rtcp_port == 9);
    CHECK(audio.has_rtcp_mux);
    CHECK(audio.direction == Direction::sendrecv);
    CHECK(audio.rtp_maps.front().channels == 2);
    CHECK(audio.format_parameters.front().text == "minptime=10;useinbandfec=1");
}

TEST_CASE("a fault names the line and what was expected there") {
    const SdpFault fault = fault_of(headed("m=audio 99999 RTP/AVP 0\n"));
    CHECK(fault.line_number == 5);
    CHECK(fault.expected.find("m=<media> <port>") != std::string_view::npos);
    CHECK(fault_of("v=0\r\no=- 1 1 IN IP4\r\n").line_number == 2);
    CHECK(fault_of("").line_number == 0);
}

TEST_CASE("what would send audio to the wrong place is a fault") {
    for (const std::string_view rest :
         {"c=IN IP4\n", "c=IN IP5 192.0.2.1\n", "c=IN IP4 2001:db8::1\n", "c=IN IP6 192.0.2.1\n", "c=IN IP4 a b\n",
          "m=audio\n", "m=audio 1 RTP/AVP\n", "m=audio -1 RTP/AVP 0\n", "m=audio +1 RTP/AVP 0\n",
          "m=audio 1/0 RTP/AVP 0\n", "m=audio 1x RTP/AVP 0\n", "o=- 1 1 IN IP4 192.0.2.9\n", "v=0\n", "s=-\n",
          "m=audio 1 RTP/AVP 0\ns=-\n", "m=audio 1 RTP/AVP 0\no=- 1 1 IN IP4 192.0.2.9\n"}) {
        CAPTURE(rest);
        CHECK(fault_of(headed(rest)).line_number >= 5);
    }
    CHECK(fault_of("v=0\no=- 18446744073709551616 1 IN IP4 192.0.2.9\n").line_number == 2);
    CHECK(fault_of("v=1\n").line_number == 1);
    CHECK(fault_of("o=- 1 1 IN IP4 192.0.2.9\nv=0\n").line_number == 1);
}

TEST_CASE("lines that are no lines are faults: control characters, a lone CR, no letter") {
    using namespace std::string_view_literals;
    for (const std::string_view line : {"a=x\0y\n"sv, "a=x\ry\n"sv, "a=x\x01\n"sv, "a=x\x7F\n"sv, "a=x\r\r\n"sv,
                                        "audio\n"sv, "=x\n"sv, "a\n"sv, " a=x\n"sv}) {
        CAPTURE(line);
        CHECK(fault_of(headed(line)).line_number == 5);
    }
    CHECK(std::holds_alternative<SessionDescription>(parse(headed("\r\n \t\r\na=tab\there\nx=unknown\n"))));
}

TEST_CASE("a description of 64 KB, 2000 lines, 64 sections or 128 formats is read, and no larger one") {
    CHECK(std::holds_alternative<SessionDescription>(parse(headed("i=" + std::string(65535 - kHead.size() - 2, 'x')))));
    CHECK(fault_of(headed("i=" + std::string(65535 - kHead.size() - 1, 'x'))).line_number == 0);

    std::string lines = headed("");
    for (int count = 4; count < 2000; ++count) lines += "a=x\n";
    CHECK(std::holds_alternative<SessionDescription>(parse(lines)));
    CHECK(fault_of(lines + "a=x\n").line_number == 2001);

    std::string sections = headed("");
    for (int count = 0; count < 64; ++count) sections += "m=audio 1 RTP/AVP 0\n";
    CHECK(parsed(sections).media.size() == 64);
    CHECK(fault_of(sections + "m=audio 1 RTP/AVP 0\n").line_number == 69);

    std::string formats = "m=audio 1 RTP/AVP";
    for (int count = 0; count < 128; ++count) formats += " " + std::to_string(count);
    CHECK(parsed(headed(formats)).media[0].payload_types.size() == 128);
    CHECK(fault_of(headed(formats + " 5")).line_number == 5);
}

TEST_CASE("attributes beyond what is kept are passed over") {
    std::string text = headed("m=audio 1 RTP/AVP 0\n");
    for (int count = 0; count < 100; ++count) text += "a=candidate:1 1 udp 1 192.0.2.9 5 typ host\na=extmap:1 urn:x\n";
    const SessionDescription session = parsed(text);
    CHECK(session.media[0].candidates.size() == kMaxKept);
    CHECK(session.media[0].extensions.size() == kMaxKept);
}

TEST_CASE("an attribute that cannot be read counts as not there") {
    const std::string text = headed(
        "m=audio 1 RTP/AVP 96 96 200 x\na=rtpmap:96 opus\na=rtpmap:300 opus/48000/2\na=rtpmap:96 L16/0\na=ice-ufrag:a "
        "b\n"
        "a=ice-ufrag:abc\na=ice-pwd:short\na=setup:maybe\na=fingerprint:md5 00\na=extmap:0 urn:x\na=extmap:1/never "
        "urn:x\n"
        "a=mid:a b\na=rtcp:x\na=ptime:soon\na=sendrecv:now\na=rtcp-mux:yes\n");
    const SessionDescription session = parsed(text);
    const MediaSection& audio = session.media[0];
    CHECK(audio.payload_types == std::vector<std::uint8_t>{96});
    CHECK(audio.rtp_maps.empty());
    CHECK(audio.transport.ice_ufrag.empty());
    CHECK(audio.transport.ice_pwd.empty());
    CHECK(audio.transport.setup == Setup::none);
    CHECK(audio.transport.fingerprints.empty());
    CHECK(audio.extensions.empty());
    CHECK(audio.mid.empty());
    CHECK(audio.rtcp_port == 0);
    CHECK(audio.ptime_ms == 0);
    CHECK_FALSE(audio.direction);
    CHECK_FALSE(audio.has_rtcp_mux);
}

TEST_CASE("RFC 3605: a=rtcp names a port, and an address if it is another one") {
    const std::string text =
        headed("m=audio 4 RTP/AVP 0\na=rtcp:53020\nm=audio 4 RTP/AVP 0\na=rtcp:53020 IN IP4 126.16.64.4\n");
    const SessionDescription session = parsed(text);
    CHECK(session.media[0].rtcp_port == 53020);
    CHECK_FALSE(session.media[0].rtcp_connection);
    CHECK(session.media[1].rtcp_connection->numeric == address("126.16.64.4", 0));
}

TEST_CASE(
    "any octets are a description or a fault within the text, and cutting a description never breaks the reader") {
    std::mt19937 random(8866);  // a fixed seed: the same texts at each run
    for (const auto& path : all_files()) {
        const std::string text = read_file(path);
        for (std::size_t length = 0; length <= text.size(); ++length) {
            const auto read = parse(std::string(text.data(), length));
            const auto* const fault = std::get_if<SdpFault>(&read);
            if (fault != nullptr)
                CHECK(fault->line_number <= 1 + static_cast<std::size_t>(std::ranges::count(text, '\n')));
        }
        for (int round = 0; round < 500; ++round) {
            std::string broken = text;
            for (unsigned change = random() % 8 + 1; change > 0; --change) {
                broken[random() % broken.size()] = static_cast<char>(random());
            }
            const auto read = parse(broken);
            const auto* const fault = std::get_if<SdpFault>(&read);
            if (fault != nullptr) CHECK_FALSE(fault->expected.empty());
        }
    }
}
