#include "sdp/candidate.hpp"

#include <doctest/doctest.h>

#include "sdp/codec.hpp"
#include "sdp/fingerprint.hpp"
#include "sdp/sdp_kit.hpp"

using namespace sr::sdp;
using testkit::address;

TEST_CASE("a trickled candidate of Chromium and of Firefox is read, with or without its prefix") {
    for (const std::string_view line :
         {"candidate:3235121010 1 udp 2122260223 192.0.2.9 34779 typ host generation 0 ufrag 3cFL network-id 1",
          "a=candidate:0 1 UDP 2122260223 192.0.2.9 34779 typ host\r\n",
          "0 1 UDP 2122260223 192.0.2.9 34779 typ host"}) {
        CAPTURE(line);
        const CandidateLine read = parse_candidate(line);
        REQUIRE(std::holds_alternative<Candidate>(read));
        CHECK(std::get<Candidate>(read) == Candidate{address("192.0.2.9", 34779), 2122260223, 1, CandidateType::host});
    }
}

TEST_CASE("RFC 8839 section 5.1: the examples are read, server-reflexive and IPv6 too") {
    const auto reflexive =
        parse_candidate("candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998");
    CHECK(std::get<Candidate>(reflexive).type == CandidateType::srflx);
    const auto ipv6 = parse_candidate("candidate:3 1 UDP 1694498815 2001:db8::3 45664 typ relay");
    CHECK(std::get<Candidate>(ipv6).address == address("2001:db8::3", 45664));
}

TEST_CASE("a candidate that we cannot check is no fault: mDNS names, TCP, types to come") {
    for (const std::string_view line :
         {"candidate:1 1 udp 2113937151 0e4f2e5c-8d3c-4f5e-9d0a-1a2b3c4d5e6f.local 51000 typ host",
          "candidate:1 1 tcp 1518280447 192.0.2.9 9 typ host tcptype active", "candidate:1 1 udp 1 192.0.2.9 5 typ new",
          "candidate:1 1 udp 1 fe80::1%eth0 5 typ host", "candidate:1 1 udp 1 192.0.2.9 0 typ host"}) {
        CAPTURE(line);
        CHECK(std::holds_alternative<UnusableCandidate>(parse_candidate(line)));
    }
}

TEST_CASE("RFC 8838 section 13: the end of candidates, as browsers say it and as SDP writes it") {
    for (const std::string_view line : {"", "\r\n", "end-of-candidates", "a=end-of-candidates\r\n"}) {
        CHECK(std::holds_alternative<EndOfCandidates>(parse_candidate(line)));
    }
}

TEST_CASE("a candidate line that is none says what was expected") {
    for (const std::string_view line :
         {"candidate:", "candidate:1", "candidate:1 0 udp 1 192.0.2.9 5 typ host",
          "candidate:1 257 udp 1 192.0.2.9 5 typ host", "candidate:1 1 udp 0 192.0.2.9 5 typ host",
          "candidate:1 1 udp 2147483648 192.0.2.9 5 typ host", "candidate:1 1 udp 1 192.0.2.9 65536 typ host",
          "candidate:1 1 udp 1 192.0.2.9 -5 typ host", "candidate:1 1 udp 1 192.0.2.9 5",
          "candidate:1 1 udp 1 192.0.2.9 5 typ", "candidate:1 1 udp 1 192.0.2.9 5 type host",
          "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.9 5 typ host",
          "candidate:1 1 udp 1 192.0.2.9 5 typ host\na=x"}) {
        CAPTURE(line);
        const CandidateLine read = parse_candidate(line);
        REQUIRE(std::holds_alternative<CandidateFault>(read));
        CHECK_FALSE(std::get<CandidateFault>(read).expected.empty());
    }
}

TEST_CASE("RFC 8122 section 5: fingerprints of every allowed function, digits in any case") {
    struct Known {
        std::string name;
        HashFunction function;
        std::size_t size;
    };
    for (const auto& [name, function, size] :
         {Known{"sha-1", HashFunction::sha_1, 20}, Known{"SHA-224", HashFunction::sha_224, 28},
          Known{"Sha-256", HashFunction::sha_256, 32}, Known{"sha-384", HashFunction::sha_384, 48},
          Known{"sha-512", HashFunction::sha_512, 64}}) {
        std::string text = name + " ";
        for (std::size_t octet = 0; octet < size; ++octet) text += octet % 2 == 0 ? "aB:" : "3f:";
        text.pop_back();
        const auto read = Fingerprint::parse(text);
        REQUIRE(read);
        CHECK(read->function == function);
        REQUIRE(read->digest().size() == size);
        CHECK(read->digest()[0] == 0xAB);
        CHECK(read->digest()[size - 1] == 0x3F);
        CHECK_FALSE(Fingerprint::parse(text + ":00"));
        CHECK_FALSE(Fingerprint::parse(text.substr(0, text.size() - 1)));
        text[text.size() - 3] = '-';
        CHECK_FALSE(Fingerprint::parse(text));
    }
    CHECK_FALSE(Fingerprint::parse("md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"));
    CHECK_FALSE(Fingerprint::parse(""));
}

TEST_CASE("RFC 7587 section 6.1: what an Opus fmtp wishes, and the defaults of what it leaves out") {
    const auto wishes = OpusParameters::parse(
        "minptime=10; useinbandfec=1;usedtx=1;STEREO=1;cbr=1;maxaveragebitrate=32000;maxplaybackrate=16000;x");
    CHECK(wishes == OpusParameters{true, true, true, true, 32000, 16000});
    CHECK(OpusParameters::parse("") == OpusParameters{false, false, false, false, 0, 48000});
    CHECK(OpusParameters::parse("useinbandfec=2;maxaveragebitrate=5999;maxplaybackrate=96000") == OpusParameters{});
    CHECK(OpusParameters::parse("maxaveragebitrate=510001") == OpusParameters{});
    CHECK(OpusParameters::parse("sprop-stereo=1;sprop-maxcapturerate=8000") == OpusParameters{});
}

TEST_CASE("RFC 3551 table 4: static payload types both ways") {
    CHECK(static_codec(0) == kPcmu);
    CHECK(static_codec(8) == kPcma);
    CHECK(static_codec(9) == kG722);
    CHECK(static_codec(10) == Codec{CodecName::l16, 44100, 2});
    CHECK(static_codec(11) == Codec{CodecName::l16, 44100, 1});
    CHECK_FALSE(static_codec(13));  // comfort noise carries no speech
    CHECK_FALSE(static_codec(96));
    CHECK(static_payload_type(kG722) == 9);
    CHECK_FALSE(static_payload_type(kOpus));
}

TEST_CASE("the packet time is what is asked, within what is taken and what one frame of Ethernet holds") {
    CHECK(packet_time_ms(kPcmu, 0, 0) == 20);
    CHECK(packet_time_ms(kPcmu, 30, 0) == 30);
    CHECK(packet_time_ms(kPcmu, 0, 10) == 10);
    CHECK(packet_time_ms(kPcmu, 1000, 0) == 120);
    CHECK(packet_time_ms(testkit::kL16Stereo, 0, 0) == 5);
    CHECK(packet_time_ms(testkit::kL16Stereo, 1, 0) == 1);
    CHECK(packet_time_ms({CodecName::l16, 96000, 2}, 0, 0) == 3);
    CHECK(packet_time_ms(testkit::kL16Wideband, 0, 0) == 20);
    CHECK(packet_time_ms(kOpus, 0, 0) == 20);
    CHECK(packet_time_ms(kOpus, 15, 0) == 10);
    CHECK(packet_time_ms(kOpus, 1, 0) == 5);
    CHECK(packet_time_ms(kOpus, 70, 0) == 60);
}
