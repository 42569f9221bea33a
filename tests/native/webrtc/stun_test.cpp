#include "webrtc/stun.hpp"

#include <openssl/evp.h>

#include <array>
#include <string>

#include "webrtc/packet_kind.hpp"
#include "webrtc_kit.hpp"

using namespace sr::webrtc;
using namespace sr::webrtc::test;

namespace {

constexpr std::string_view kPassword = "VOkJxbRl1RmTxUk/WvJxBt";

const Buffer kRequest = from_hex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf");
const Buffer kIpv4Response = from_hex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96");
const Buffer kIpv6Response = from_hex(
    "010100482112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c");
const Buffer kLongTermRequest = from_hex(
    "000100602112a44278ad3433c6ad72c029da412e"
    "00060012e3839ee38388e383aae38383e382afe382b90000"
    "0015001c662f2f3439396b3935346436 4f4c33346f4c39465354767936347341"
    "0014000b6578616d706c652e6f726700"
    "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666");

constexpr StunTransaction kTransaction{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

StunMessage parse(Octets datagram) {
    const auto message = StunMessage::parse(datagram);
    REQUIRE(message.has_value());
    return *message;
}

}  // namespace

TEST_CASE("the sample request of RFC 5769 section 2.1 is read and authentic") {
    const StunMessage message = parse(kRequest);
    CHECK(message.message_class() == StunClass::request);
    CHECK(message.method() == kStunBinding);
    CHECK(message.text(StunAttribute::software) == "STUN test client");
    CHECK(message.text(StunAttribute::username) == "evtj:h6vY");
    CHECK(message.priority() == 0x6E0001FF);
    CHECK(message.tie_breaker(StunAttribute::ice_controlled) == 0x932FF9B151263B36);
    CHECK(message.has_fingerprint());
    CHECK(message.is_authentic(octets_of(kPassword)));
    CHECK_FALSE(message.is_authentic(octets_of("VOkJxbRl1RmTxUk/WvJxBT")));
    CHECK(find_local_ufrag(kRequest) == "evtj");
}

TEST_CASE("the sample responses of RFC 5769 sections 2.2 and 2.3 give the mapped address") {
    const StunMessage ipv4 = parse(kIpv4Response);
    CHECK(ipv4.message_class() == StunClass::success);
    CHECK(ipv4.xor_mapped_address() == address_of("192.0.2.1", 32853));
    CHECK(ipv4.is_authentic(octets_of(kPassword)));
    const StunMessage ipv6 = parse(kIpv6Response);
    CHECK(ipv6.xor_mapped_address() == address_of("2001:db8:1234:5678:11:2233:4455:6677", 32853));
    CHECK(ipv6.is_authentic(octets_of(kPassword)));
}

TEST_CASE("the long-term request of RFC 5769 section 2.4 is authentic with the hash of its user") {
    const StunMessage message = parse(kLongTermRequest);
    CHECK(message.text(StunAttribute::realm) == "example.org");
    CHECK(message.text(StunAttribute::nonce) == "f//499k954d6OL34oL9FSTvy64sA");
    CHECK_FALSE(message.has_fingerprint());
    const std::string text = std::string(*message.text(StunAttribute::username)) + ":example.org:TheMatrIX";
    std::array<std::uint8_t, 16> key;
    REQUIRE(EVP_Q_digest(nullptr, "MD5", nullptr, text.data(), text.size(), key.data(), nullptr) == 1);
    CHECK(message.is_authentic(key));
}

TEST_CASE("the writer makes the messages of RFC 5769 octet by octet") {
    // The vectors pad with blanks and the writer with zeros: a text is written with them, then its length corrected.
    std::array<std::uint8_t, 128> room;
    for (const auto& [vector, address] :
         {std::pair(kIpv4Response, address_of("192.0.2.1", 32853)),
          std::pair(kIpv6Response, address_of("2001:db8:1234:5678:11:2233:4455:6677", 32853))}) {
        StunWriter writer(room, StunClass::success, parse(vector).transaction());
        writer.add_text(StunAttribute::software, "test vector ");
        room[kStunHeader + 3] = 11;
        writer.add_xor_mapped_address(address).add_integrity(octets_of(kPassword)).add_fingerprint();
        CHECK(copy_of(writer.finish()) == vector);
    }
    StunWriter writer(room, StunClass::request, parse(kRequest).transaction());
    writer.add_text(StunAttribute::software, "STUN test client").add_u32(StunAttribute::priority, 0x6E0001FF);
    writer.add_u64(StunAttribute::ice_controlled, 0x932FF9B151263B36);
    writer.add_text(StunAttribute::username, "evtj:h6vY   ");
    room[kRequest.size() - 8 - 24 - 12 - 1] = 9;
    writer.add_integrity(octets_of(kPassword)).add_fingerprint();
    CHECK(copy_of(writer.finish()) == kRequest);
}

TEST_CASE("a message with any octet changed is no STUN or not authentic") {
    for (std::size_t i = 0; i < kRequest.size(); ++i) {
        const std::size_t from_end = kRequest.size() - i;
        if (from_end == 8 || from_end == 7) continue;  // the type of FINGERPRINT: it becomes one that may be there
        Buffer changed = kRequest;
        changed[i] ^= 0x10;
        const auto message = StunMessage::parse(changed);
        CHECK_FALSE((message && message->is_authentic(octets_of(kPassword))));
    }
}

TEST_CASE("a message cut anywhere, or with a length that lies, is no STUN") {
    for (std::size_t size = 0; size < kRequest.size(); ++size) {
        CHECK_FALSE(StunMessage::parse(Octets(kRequest).first(size)).has_value());
    }
    // The last attribute claims more than there is.
    Buffer lying = kLongTermRequest;
    lying[lying.size() - 21] = 0x18;
    CHECK_FALSE(StunMessage::parse(lying).has_value());
}

TEST_CASE("what stands behind MESSAGE-INTEGRITY is not believed (RFC 8489 section 14.5)") {
    std::array<std::uint8_t, 128> room;
    StunWriter writer(room, StunClass::request, kTransaction);
    const Octets written = writer.add_text(StunAttribute::username, "us:them")
                               .add_integrity(octets_of(kPassword))
                               .add_flag(StunAttribute::use_candidate)
                               .add_fingerprint()
                               .finish();
    const StunMessage message = parse(written);
    CHECK(message.is_authentic(octets_of(kPassword)));
    CHECK_FALSE(message.has(StunAttribute::use_candidate));
}

TEST_CASE("every attribute that is written is read back") {
    std::array<std::uint8_t, 256> room;
    StunWriter writer(room, StunClass::error, kTransaction);
    StunMessage::Unknown unknown;
    unknown.types[unknown.count++] = 0x7ABC;
    unknown.types[unknown.count++] = 0x0033;
    const Octets written = writer.add_error(StunError::role_conflict, "Role Conflict")
                               .add_u32(StunAttribute::priority, 0x6E0001FF)
                               .add_u64(StunAttribute::ice_controlling, 0x0123456789ABCDEF)
                               .add_flag(StunAttribute::use_candidate)
                               .add_unknown_attributes(unknown)
                               .finish();
    const StunMessage message = parse(written);
    CHECK(message.message_class() == StunClass::error);
    CHECK(message.transaction() == kTransaction);
    CHECK(message.error_code() == 487);
    CHECK(message.priority() == 0x6E0001FF);
    CHECK(message.tie_breaker(StunAttribute::ice_controlling) == 0x0123456789ABCDEF);
    CHECK(message.has(StunAttribute::use_candidate));
    CHECK(copy_of(*message.find(StunAttribute::unknown_attributes)) == from_hex("7abc0033"));
}

TEST_CASE("unknown attributes count only where they must be understood") {
    std::array<std::uint8_t, 128> room;
    StunWriter writer(room, StunClass::request, kTransaction);
    const Octets written = writer.add(static_cast<StunAttribute>(0x0033), {})
                               .add(static_cast<StunAttribute>(0xC057), {})  // what Chromium calls network info
                               .add_u32(StunAttribute::priority, 1)
                               .add(static_cast<StunAttribute>(0x7FFF), octets_of("abc"))
                               .finish();
    const auto unknown = parse(written).unknown_attributes();
    REQUIRE(unknown.count == 2);
    CHECK(unknown.types[0] == 0x0033);
    CHECK(unknown.types[1] == 0x7FFF);
}

TEST_CASE("a writer without room writes nothing and says so") {
    std::array<std::uint8_t, 128> room;
    for (std::size_t size = 0; size < 76; ++size) {
        room.fill(0xEE);
        StunWriter writer(MutableOctets(room).first(size), StunClass::success, kTransaction);
        writer.add_xor_mapped_address(address_of("2001:db8::1", 1)).add_integrity(octets_of(kPassword));
        CHECK(writer.add_fingerprint().finish().empty());
        CHECK(room[size] == 0xEE);
    }
}

TEST_CASE("no input of random octets behind a STUN header is read out of its bounds") {
    Random random(5769);
    std::size_t parsed = 0;
    for (int round = 0; round < 50'000; ++round) {
        Buffer datagram = kRequest;
        // Without FINGERPRINT, which would catch nearly every change.
        datagram.erase(datagram.end() - 8, datagram.end());
        write_u16(&datagram[2], static_cast<std::uint16_t>(datagram.size() - kStunHeader));
        for (int change = 0; change < 3; ++change) {
            datagram[kStunHeader + random.below(datagram.size() - kStunHeader)] = random.octet();
        }
        const auto message = StunMessage::parse(datagram);
        if (!message) continue;
        ++parsed;
        (void)message->unknown_attributes();
        (void)message->xor_mapped_address();
        (void)message->error_code();
        (void)message->is_authentic(octets_of(kPassword));
        (void)find_local_ufrag(datagram);
    }
    CHECK(parsed > 1000);
}

TEST_CASE("the first octets say what a datagram is (RFC 7983, RFC 5761)") {
    const auto kind_of = [](std::uint8_t first, std::uint8_t second) {
        return classify(std::array<std::uint8_t, 2>{first, second});
    };
    CHECK(classify({}) == PacketKind::other);
    CHECK(kind_of(0, 1) == PacketKind::stun);
    CHECK(kind_of(3, 1) == PacketKind::stun);
    CHECK(kind_of(4, 1) == PacketKind::other);
    CHECK(kind_of(16, 0) == PacketKind::other);  // ZRTP
    CHECK(kind_of(20, 0xFE) == PacketKind::dtls);
    CHECK(kind_of(63, 0xFE) == PacketKind::dtls);
    CHECK(kind_of(64, 0) == PacketKind::other);  // TURN channels
    CHECK(kind_of(0x80, 111) == PacketKind::rtp);
    CHECK(kind_of(0x90, 0x80 | 111) == PacketKind::rtp);
    CHECK(kind_of(0x80, 0x80 | 126) == PacketKind::rtp);
    for (std::uint8_t rtcp = 192; rtcp <= 223; ++rtcp) {
        CHECK(kind_of(0x81, rtcp) == PacketKind::rtcp);
    }
    CHECK(kind_of(0xC0, 0) == PacketKind::other);
}
