// RTP packets octet by octet, as RFC 3550 section 5.1, RFC 8285 and RFC 6464 draw them.
#include "audio/rtp_packet.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "audio/sequence.hpp"

using namespace sr::audio;

namespace {

using Packet = std::vector<std::uint8_t>;

// Version 2, marker, payload type 0, sequence 0x1234, timestamp 160, SSRC 0xDEADBEEF, three octets of payload.
const Packet kPlain{0x80, 0x80, 0x12, 0x34, 0x00, 0x00, 0x00, 0xA0, 0xDE, 0xAD, 0xBE, 0xEF, 0x01, 0x02, 0x03};

// Padding, extension and two CSRCs; RFC 8285 section 4.2 form: id 1 with one octet, a padding octet, id 4 with two.
const Packet kFull{0xB2, 0x6F, 0xFF, 0xFF, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,  //
                   0x00, 0x00, 0x00, 0x0A, 0x00, 0x00, 0x00, 0x0B,                          // CSRCs
                   0xBE, 0xDE, 0x00, 0x02, 0x10, 0x9E, 0x00, 0x41, 0x61, 0x62, 0x00, 0x00,  // extension
                   0x55, 0x66, 0x00, 0x00, 0x03};                                           // payload, padding

// RFC 8285 section 4.3 form: id 1 without data, id 200 with one octet.
const Packet kTwoByte{0x90, 0x60, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
                      0x10, 0x05, 0x00, 0x02, 0x01, 0x00, 0xC8, 0x01, 0x7F, 0x00, 0x00, 0x00};

Packet cut(const Packet& packet, std::size_t size) {
    return {packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size)};
}

}  // namespace

TEST_CASE("a plain packet is read field by field") {
    const auto view = RtpView::parse(kPlain);
    REQUIRE(view);
    CHECK(view->is_marked());
    CHECK(view->payload_type() == 0);
    CHECK(view->sequence() == 0x1234);
    CHECK(view->timestamp() == 160);
    CHECK(view->ssrc() == 0xDEADBEEF);
    CHECK(view->csrc_count() == 0);
    CHECK(view->header_size() == 12);
    CHECK(std::ranges::equal(view->payload(), Packet{1, 2, 3}));
    CHECK_FALSE(view->extension(1));
}

TEST_CASE("padding, CSRCs and one-byte extensions are told from the payload") {
    const auto view = RtpView::parse(kFull);
    REQUIRE(view);
    CHECK_FALSE(view->is_marked());
    CHECK(view->payload_type() == 111);
    REQUIRE(view->csrc_count() == 2);
    CHECK(view->csrc(0) == 10);
    CHECK(view->csrc(1) == 11);
    CHECK(view->header_size() == 32);
    CHECK(std::ranges::equal(view->payload(), Packet{0x55, 0x66}));
    CHECK(view->audio_level(1) == AudioLevel{0x1E, true});
    REQUIRE(view->extension(4));
    CHECK(std::ranges::equal(*view->extension(4), Packet{'a', 'b'}));
    CHECK_FALSE(view->extension(2));
    CHECK_FALSE(view->extension(0));
}

TEST_CASE("two-byte extensions may be empty and have identifiers above 14") {
    const auto view = RtpView::parse(kTwoByte);
    REQUIRE(view);
    REQUIRE(view->extension(1));
    CHECK(view->extension(1)->empty());
    CHECK_FALSE(view->audio_level(1));
    CHECK(view->audio_level(200) == AudioLevel{127, false});
    CHECK(view->payload().empty());
}

TEST_CASE("a packet cut anywhere within its header, or with another version, is refused") {
    for (std::size_t size = 0; size < 12; ++size) CHECK_FALSE(RtpView::parse(cut(kPlain, size)));
    for (std::size_t size = 0; size < 32; ++size) CHECK_FALSE(RtpView::parse(cut(kFull, size)));
    Packet other = kPlain;
    other[0] = 0x40;
    CHECK_FALSE(RtpView::parse(other));
}

TEST_CASE("padding of no octet, or of more than there is, is refused") {
    Packet packet = kPlain;
    packet[0] |= 0x20;
    CHECK(RtpView::parse(packet)->payload().empty());  // its last octet is 3
    packet.back() = 4;
    CHECK_FALSE(RtpView::parse(packet));
    packet.back() = 0;
    CHECK_FALSE(RtpView::parse(packet));
}

TEST_CASE("extension elements that run over the extension's end are not found") {
    Packet packet = kFull;
    packet[27] = 0x4F;  // id 4 with 16 octets
    REQUIRE(RtpView::parse(packet));
    CHECK_FALSE(RtpView::parse(packet)->extension(4));
    CHECK(RtpView::parse(packet)->extension(1));
    packet[24] = 0xF0;  // the identifier at which reading stops
    CHECK_FALSE(RtpView::parse(packet)->extension(1));
    Packet two_byte = kTwoByte;
    two_byte[19] = 6;
    CHECK_FALSE(RtpView::parse(two_byte)->extension(200));
    CHECK(RtpView::parse(two_byte)->extension(1));
}

TEST_CASE("a written packet stands as it is drawn in the RFC") {
    std::array<std::uint8_t, 64> room{};
    RtpWriter plain(room, {0, true, 0x1234, 160, 0xDEADBEEF});
    CHECK(std::ranges::equal(Octets(room).first(plain.finish(Packet{1, 2, 3})), kPlain));

    RtpWriter extended(room, {111, false, 1, 2, 3});
    extended.audio_level(1, {0x1E, true}).extension(4, Packet{'a', 'b'});
    const OctetRoom payload = extended.payload_room();
    payload[0] = 0x55;
    const Packet expected{0x90, 0x6F, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0xBE,
                          0xDE, 0x00, 0x02, 0x10, 0x9E, 0x41, 0x61, 0x62, 0x00, 0x00, 0x00, 0x55};
    CHECK(std::ranges::equal(Octets(room).first(extended.finish(1)), expected));
}

TEST_CASE("what does not fit makes no packet, and nothing is written beyond the room") {
    std::array<std::uint8_t, 40> memory;
    for (std::size_t size = 0; size < 26; ++size) {
        memory.fill(0xEE);
        RtpWriter writer(OctetRoom(memory).first(size), {111, false, 1, 2, 3});
        writer.audio_level(1, {});
        CHECK(writer.finish(Packet{1, 2, 3, 4, 5, 6}) == 0);
        CHECK(std::all_of(memory.begin() + static_cast<std::ptrdiff_t>(size), memory.end(),
                          [](std::uint8_t octet) { return octet == 0xEE; }));
    }
    RtpWriter fits(OctetRoom(memory).first(26), {111, false, 1, 2, 3});
    CHECK(fits.audio_level(1, {}).finish(Packet{1, 2, 3, 4, 5, 6}) == 26);
    RtpWriter wrong_id(memory, {});
    CHECK(wrong_id.extension(15, Packet{1}).finish(Packet{}) == 0);
}

TEST_CASE("RTCP is told from RTP by its packet type, RFC 5761 section 4") {
    CHECK(is_rtcp(Packet{0x80, 200}));
    CHECK(is_rtcp(Packet{0x80, 206}));
    CHECK_FALSE(is_rtcp(kPlain));
    CHECK_FALSE(is_rtcp(Packet{0x80, 0x80 | 63}));
    CHECK_FALSE(is_rtcp(Packet{0x80}));
}

TEST_CASE("numbers that wrap are compared across the wrap") {
    CHECK(sequence_distance(0xFFFF, 0) == 1);
    CHECK(sequence_distance(0, 0xFFFF) == -1);
    CHECK(timestamp_distance(0xFFFFFF00, 0x100) == 0x200);
    CHECK(unwrap_sequence(0x1FFFE, 3) == 0x20003);
    CHECK(unwrap_sequence(0x20003, 0xFFFE) == 0x1FFFE);
    CHECK(unwrap_timestamp(0x1'0000'0001, 0xFFFFFFFF) == 0xFFFFFFFF);
}
