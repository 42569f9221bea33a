// RTCP octet by octet, as RFC 3550 section 6 draws it, and what is refused of it.
#include "audio/rtcp.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using namespace sr::audio;

namespace {

using Packet = std::vector<std::uint8_t>;

const Packet kSenderReport{0x81, 200,  0x00, 0x0C, 0x00, 0x00, 0x00, 0x01,                          // SSRC 1
                           0xE0, 0x00, 0x00, 0x01, 0x80, 0x00, 0x00, 0x00,                          // NTP time
                           0x00, 0x00, 0x00, 0xA0, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x03, 0x20,  // 5 packets of 160
                           0x00, 0x00, 0x00, 0x02, 0x40, 0xFF, 0xFF, 0xFE,                          // a quarter; -2
                           0x00, 0x01, 0x00, 0x07, 0x00, 0x00, 0x00, 0x09,                          //
                           0x00, 0x01, 0x80, 0x00, 0x00, 0x00, 0x80, 0x00};
const Packet kName{0x81, 202, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x01, 0x03, 'a', '@', 'b', 0x00, 0x00, 0x00};
const Packet kBye{0x81, 203, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01};
const Packet kPictureLoss{0x81, 206, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02};
const Packet kEmptyReceiverReport{0x80, 201, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01};
const ReportBlock kBlock{2, 0x40, -2, 0x10007, 9, 0x18000, 0x8000};
const SenderInfo kInfo{0xE0000001'80000000, 160, 5, 800};

Packet operator+(Packet left, const Packet& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

}  // namespace

TEST_CASE("a compound is read packet by packet; unknown types and feedback are there to be passed over") {
    const Packet unknown{0x80, 210, 0x00, 0x00};
    const Packet octets = kSenderReport + kName + kPictureLoss + unknown + kBye;
    auto compound = RtcpCompound::parse(octets, false);
    REQUIRE(compound);

    auto packet = compound->next();
    REQUIRE(packet);
    CHECK(packet->type() == RtcpType::SenderReport);
    CHECK(packet->ssrc() == 1);
    CHECK(packet->sender_info() == kInfo);
    REQUIRE(packet->count() == 1);
    CHECK(packet->report(0) == kBlock);
    CHECK(packet->cname().empty());

    packet = compound->next();
    CHECK(packet->type() == RtcpType::SourceDescription);
    CHECK(packet->cname() == "a@b");
    CHECK(compound->next()->type() == RtcpType::PayloadFeedback);
    CHECK(compound->next()->ssrc() == 0);
    packet = compound->next();
    CHECK(packet->type() == RtcpType::Bye);
    CHECK(packet->leaving_ssrc(0) == 1);
    CHECK_FALSE(compound->next());
}

TEST_CASE("a report comes first, unless both sides agreed on reduced size") {
    CHECK_FALSE(RtcpCompound::parse(kName, false));
    CHECK(RtcpCompound::parse(kName, true));
    CHECK(RtcpCompound::parse(kEmptyReceiverReport, false));
    CHECK_FALSE(RtcpCompound::parse(Packet{}, true));
}

TEST_CASE("a compound cut within a packet is refused as a whole") {
    const Packet octets = kSenderReport + kName;
    for (std::size_t size = 0; size < octets.size(); ++size) {
        const bool is_whole = size == kSenderReport.size();
        CHECK(RtcpCompound::parse(Octets(octets).first(size), false).has_value() == is_whole);
    }
}

TEST_CASE("counts that the packet's length does not hold are refused") {
    for (const auto& [at, value] : std::vector<std::pair<std::size_t, std::uint8_t>>{{0, 0x82}, {3, 0x0B}, {0, 0x41}}) {
        Packet report = kSenderReport;
        report[at] = value;
        CHECK_FALSE(RtcpCompound::parse(report, false));
    }
    Packet bye = kBye;
    bye[0] = 0x82;
    CHECK_FALSE(RtcpCompound::parse(bye, true));
    Packet name = kName;
    name[9] = 7;  // runs over the end
    CHECK_FALSE(RtcpCompound::parse(name, true));
    name[9] = 6;  // nothing ends the items
    CHECK_FALSE(RtcpCompound::parse(name, true));
    name = kName;
    name[0] = 0x82;
    CHECK_FALSE(RtcpCompound::parse(name, true));
}

TEST_CASE("padding may stand in the last packet only, in whole words") {
    Packet padded{0xA0, 201, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x04};
    auto compound = RtcpCompound::parse(padded, false);
    REQUIRE(compound);
    CHECK(compound->next()->body().size() == 4);
    CHECK_FALSE(RtcpCompound::parse(padded + kName, false));
    padded.back() = 3;
    CHECK_FALSE(RtcpCompound::parse(padded, false));
    padded.back() = 0;
    CHECK_FALSE(RtcpCompound::parse(padded, false));
    padded.back() = 8;  // leaves no SSRC
    CHECK_FALSE(RtcpCompound::parse(padded, false));
    padded.back() = 12;
    CHECK_FALSE(RtcpCompound::parse(padded, false));
}

TEST_CASE("written reports stand as they are drawn in the RFC") {
    std::array<std::uint8_t, 256> room{};
    RtcpWriter writer(room);
    writer.sender_report(1, kInfo, std::span(&kBlock, 1)).cname(1, "a@b").bye(1);
    CHECK(std::ranges::equal(Octets(room).first(writer.size()), kSenderReport + kName + kBye));
    RtcpWriter receiver(room);
    receiver.receiver_report(1, {});
    CHECK(std::ranges::equal(Octets(room).first(receiver.size()), kEmptyReceiverReport));
}

TEST_CASE("names of every length are written so that they are read again") {
    std::array<std::uint8_t, 300> room{};
    for (std::size_t length = 1; length <= 255; ++length) {
        const std::string name(length, 'x');
        RtcpWriter writer(room);
        writer.receiver_report(1, {}).cname(1, name);
        auto compound = RtcpCompound::parse(Octets(room).first(writer.size()), false);
        REQUIRE(compound);
        (void)compound->next();
        CHECK(compound->next()->cname() == name);
    }
}

TEST_CASE("what does not fit makes no compound") {
    std::array<std::uint8_t, 59> room{};
    RtcpWriter writer(room);
    writer.sender_report(1, kInfo, std::span(&kBlock, 1));
    CHECK(writer.size() == 52);
    writer.bye(1);
    CHECK(writer.size() == 0);
    CHECK(RtcpWriter(room).cname(1, "").size() == 0);
    std::array<std::uint8_t, 1000> large{};
    const std::array<ReportBlock, 32> blocks{};
    CHECK(RtcpWriter(large).receiver_report(1, blocks).size() == 0);
    CHECK(RtcpWriter(large).receiver_report(1, std::span(blocks).first(31)).size() == 8 + 31 * 24);
}
