#include "webrtc/srtp.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "webrtc/replay_window.hpp"
#include "webrtc/srtp_cipher.hpp"
#include "webrtc_kit.hpp"

using namespace sr::webrtc;
using namespace sr::webrtc::test;

namespace {

constexpr std::array kProfiles{SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm,
                               SrtpProfile::aes128_cm_sha1_80};

SrtpMaster master_of(std::uint8_t first) {
    SrtpMaster master;
    for (std::size_t i = 0; i < master.key.size(); ++i) master.key[i] = static_cast<std::uint8_t>(first + i);
    for (std::size_t i = 0; i < master.salt.size(); ++i) master.salt[i] = static_cast<std::uint8_t>(0xA0 + first + i);
    return master;
}

/// An RTP packet with a payload of twenty octets; `header` stands between the fixed header and it.
Buffer rtp(std::uint16_t sequence, std::uint32_t ssrc = 0xCAFE, std::uint8_t first = 0x80, const Buffer& header = {}) {
    Buffer packet(12);
    packet[0] = first;
    packet[1] = 111;
    write_u16(&packet[2], sequence);
    write_u32(&packet[4], sequence * 960U);
    write_u32(&packet[8], ssrc);
    packet.insert(packet.end(), header.begin(), header.end());
    for (std::uint8_t i = 0; i < 20; ++i) packet.push_back(static_cast<std::uint8_t>(i ^ sequence));
    return packet;
}

Buffer receiver_report(std::uint32_t ssrc = 0xCAFE) {
    Buffer packet = from_hex("81c90007 00000000 00000001 00000000 00000002 00000000 00000000 00000000");
    write_u32(&packet[4], ssrc);
    return packet;
}

struct Pair {
    explicit Pair(SrtpProfile profile)
        : sender(SrtpSender::make(profile, master_of(1))), receiver(SrtpReceiver::make(profile, master_of(1))) {
        REQUIRE(sender != nullptr);
        REQUIRE(receiver != nullptr);
    }

    Buffer protect(Buffer packet) const { return grow(packet, &SrtpSender::protect, kSrtpGrowth); }
    Buffer protect_rtcp(Buffer packet) const { return grow(packet, &SrtpSender::protect_rtcp, kSrtcpGrowth); }

    std::unique_ptr<SrtpSender> sender;
    std::unique_ptr<SrtpReceiver> receiver;

  private:
    template <class Method>
    Buffer grow(Buffer& packet, Method method, std::size_t growth) const {
        const std::size_t length = packet.size();
        packet.resize(length + growth);
        const SrtpResult result = (sender.get()->*method)(packet, length);
        REQUIRE(result);
        packet.resize(result.length);
        return packet;
    }
};

SrtpFault fault_of(const SrtpResult& result) { return result.fault; }

}  // namespace

TEST_CASE("session keys are those of RFC 3711 appendix B.3") {
    SrtpMaster master;
    std::ranges::copy(from_hex("e1f97a0d3e018be0d64fa32c06de4139"), master.key.begin());
    std::ranges::copy(from_hex("0ec675ad498afeebb6960b3aabe6"), master.salt.begin());
    const auto derive = [&master](SrtpLabel label, std::size_t size) {
        Buffer key(size);
        CHECK(derive_srtp_key(SrtpProfile::aes128_cm_sha1_80, master, label, key));
        return key;
    };
    CHECK(derive(SrtpLabel::rtp_encryption, 16) == from_hex("c61e7a93744f39ee10734afe3ff7a087"));
    CHECK(derive(SrtpLabel::rtp_salt, 14) == from_hex("30cbbc08863d8c85d49db34a9ae1"));
    CHECK(derive(SrtpLabel::rtp_authentication, 94) ==
          from_hex("cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327ad175578ef722"
                   "70986371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60db"
                   "dfb2"));
}

TEST_CASE("the key stream is that of RFC 3711 appendix B.2") {
    SrtpSessionKeys keys;
    std::ranges::copy(from_hex("2b7e151628aed2a6abf7158809cf4f3c"), keys.encryption.begin());
    std::ranges::copy(from_hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd"), keys.salt.begin());
    auto cipher = SrtpCipher::make(SrtpProfile::aes128_cm_sha1_80, keys, SrtpDirection::protect, SrtpKind::rtp);
    REQUIRE(cipher.has_value());
    Buffer stream(0xFF02 * 16);
    std::array<std::uint8_t, 20> tag;
    REQUIRE(cipher->seal({0, 0}, stream, 0, {}, tag.data()));
    const auto blocks = [&stream](std::size_t first) {
        return Buffer(stream.begin() + static_cast<std::ptrdiff_t>(first * 16),
                      stream.begin() + static_cast<std::ptrdiff_t>((first + 3) * 16));
    };
    CHECK(blocks(0) ==
          from_hex("e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0"));
    CHECK(blocks(0xFEFF) ==
          from_hex("ec8cdf7398607cb0f2d21675ea9ea1e4362b7c3c6773516318a077d7fc5073ae6a2cc3787889374fbeb4c81b17ba6c44"));
}

TEST_CASE("packets are sealed and opened as in RFC 7714 sections 16 and 17") {
    struct Vector {
        SrtpProfile profile;
        const char* key;
        const char* sealed_rtp;
        const char* sealed_rtcp;
    };
    constexpr std::array vectors{
        Vector{SrtpProfile::aead_aes_128_gcm, "000102030405060708090a0b0c0d0e0f",
               "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b "
               "36de3adf 8833 899d 7f27beb1 6a9152cf 765ee439 0cce",
               "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 "
               "86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4"},
        Vector{SrtpProfile::aead_aes_256_gcm, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
               "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f "
               "1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
               "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 "
               "c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4"}};
    const Buffer rtp = from_hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 "
        "6573");
    const Buffer rtcp = from_hex(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef "
        "deadbeef");
    const Buffer index_word = from_hex("800005d4");
    for (const Vector& vector : vectors) {
        SrtpSessionKeys keys;
        std::ranges::copy(from_hex(vector.key), keys.encryption.begin());
        std::ranges::copy(from_hex("517569642070726f2071756f"), keys.salt.begin());
        const auto run = [&](SrtpKind kind, const Buffer& plain, const Buffer& wire, std::size_t clear,
                             const SrtpPosition& position, const Buffer& trailer) {
            auto sealer = SrtpCipher::make(vector.profile, keys, SrtpDirection::protect, kind);
            auto opener = SrtpCipher::make(vector.profile, keys, SrtpDirection::unprotect, kind);
            REQUIRE(sealer.has_value());
            REQUIRE(opener.has_value());
            Buffer sealed = plain;
            sealed.resize(plain.size() + 16);
            const MutableOctets message = MutableOctets(sealed).first(plain.size());
            REQUIRE(sealer->seal(position, message, clear, trailer, sealed.data() + plain.size()));
            CHECK(sealed == wire);
            REQUIRE(opener->open(position, message, clear, trailer, Octets(sealed).subspan(plain.size())));
            CHECK(copy_of(message) == plain);
        };
        run(SrtpKind::rtp, rtp, from_hex(vector.sealed_rtp), 12, {0x5501A0B2, 0xF17B}, Buffer(4));
        Buffer sealed_rtcp = from_hex(vector.sealed_rtcp);
        sealed_rtcp.resize(sealed_rtcp.size() - index_word.size());  // stands behind the tag, put there by SrtpSender
        run(SrtpKind::rtcp, rtcp, sealed_rtcp, 8, {0x4D617273, 0x5D4}, index_word);
    }
}

TEST_CASE("what is protected comes out as it was, with CSRCs and header extensions in clear") {
    const Buffer csrcs = from_hex("11111111 22222222");
    const Buffer extension = from_hex("bede0001 10ff0000");
    Buffer both = csrcs;
    both.insert(both.end(), extension.begin(), extension.end());
    for (const SrtpProfile profile : kProfiles) {
        const Pair pair(profile);
        std::uint16_t sequence = 100;
        for (const auto& [first, header] :
             {std::pair(0x80, Buffer()), std::pair(0x82, csrcs), std::pair(0x90, extension), std::pair(0x92, both)}) {
            const Buffer plain = rtp(sequence++, 0xCAFE, static_cast<std::uint8_t>(first), header);
            Buffer packet = pair.protect(plain);
            CHECK(packet.size() == plain.size() + traits_of(profile).tag_size);
            const auto clear = static_cast<std::ptrdiff_t>(12 + header.size());
            CHECK(std::equal(plain.begin(), plain.begin() + clear, packet.begin()));
            CHECK_FALSE(std::equal(plain.begin() + clear, plain.end(), packet.begin() + clear));
            const SrtpResult result = pair.receiver->unprotect(packet);
            REQUIRE(result);
            packet.resize(result.length);
            CHECK(packet == plain);
        }
        Buffer packet = pair.protect_rtcp(receiver_report());
        CHECK(packet.size() == receiver_report().size() + traits_of(profile).tag_size + 4);
        const SrtpResult result = pair.receiver->unprotect_rtcp(packet);
        REQUIRE(result);
        packet.resize(result.length);
        CHECK(packet == receiver_report());
    }
}

TEST_CASE("a packet with any bit changed is refused, and the true one is still taken") {
    for (const SrtpProfile profile : kProfiles) {
        const Pair pair(profile);
        const Buffer sent = pair.protect(rtp(1));
        const Buffer report = pair.protect_rtcp(receiver_report());
        for (std::size_t bit = 0; bit < 8 * sent.size(); ++bit) {
            Buffer packet = sent;
            packet[bit / 8] = static_cast<std::uint8_t>(packet[bit / 8] ^ 1U << bit % 8);
            CHECK_FALSE(pair.receiver->unprotect(packet));
        }
        for (std::size_t bit = 0; bit < 8 * report.size(); ++bit) {
            Buffer packet = report;
            packet[bit / 8] = static_cast<std::uint8_t>(packet[bit / 8] ^ 1U << bit % 8);
            CHECK_FALSE(pair.receiver->unprotect_rtcp(packet));
        }
        Buffer packet = sent;
        CHECK(pair.receiver->unprotect(packet));
        packet = report;
        CHECK(pair.receiver->unprotect_rtcp(packet));
    }
}

TEST_CASE("a packet that was heard is refused when it comes again") {
    for (const SrtpProfile profile : kProfiles) {
        const Pair pair(profile);
        const Buffer sent = pair.protect(rtp(1));
        const Buffer report = pair.protect_rtcp(receiver_report());
        for (int time = 0; time < 3; ++time) {
            Buffer packet = sent;
            CHECK(fault_of(pair.receiver->unprotect(packet)) == (time == 0 ? SrtpFault::none : SrtpFault::replayed));
            packet = report;
            CHECK(fault_of(pair.receiver->unprotect_rtcp(packet)) ==
                  (time == 0 ? SrtpFault::none : SrtpFault::replayed));
        }
    }
}

TEST_CASE("a packet of the other side's key is forged") {
    for (const SrtpProfile profile : kProfiles) {
        const Pair pair(profile);
        const auto stranger = SrtpReceiver::make(profile, master_of(2));
        Buffer packet = pair.protect(rtp(1));
        CHECK(fault_of(stranger->unprotect(packet)) == SrtpFault::forged);
        packet = pair.protect_rtcp(receiver_report());
        CHECK(fault_of(stranger->unprotect_rtcp(packet)) == SrtpFault::forged);
    }
}

TEST_CASE("a sequence number is sent once, as two packets must not share a key stream") {
    for (const SrtpProfile profile : kProfiles) {
        const Pair pair(profile);
        (void)pair.protect(rtp(7));
        (void)pair.protect(rtp(9));
        (void)pair.protect(rtp(8));
        Buffer again = rtp(8);
        again.resize(again.size() + kSrtpGrowth);
        CHECK(fault_of(pair.sender->protect(again, 32)) == SrtpFault::replayed);
        (void)pair.protect(rtp(8, 0xBEEF));  // another SSRC has numbers of its own
    }
}

TEST_CASE("what does not hold its own header is malformed") {
    for (const SrtpProfile profile : kProfiles) {
        const Pair pair(profile);
        const Buffer sent = pair.protect(rtp(1, 1, 0x92, from_hex("11111111 22222222 bede0001 10ff0000")));
        for (std::size_t size = 0; size < sent.size(); ++size) {
            Buffer packet(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(size));
            CHECK_FALSE(pair.receiver->unprotect(packet));
        }
        const Buffer report = pair.protect_rtcp(receiver_report());
        for (std::size_t size = 0; size < report.size(); ++size) {
            Buffer packet(report.begin(), report.begin() + static_cast<std::ptrdiff_t>(size));
            CHECK_FALSE(pair.receiver->unprotect_rtcp(packet));
        }
        Buffer room(64);
        Buffer lying = rtp(1, 1, 0x9F);
        std::ranges::copy(lying, room.begin());
        CHECK(fault_of(pair.sender->protect(room, lying.size())) == SrtpFault::malformed);
        CHECK(fault_of(pair.sender->protect(room, 11)) == SrtpFault::malformed);
        CHECK(fault_of(pair.sender->protect(room, room.size() + 1)) == SrtpFault::malformed);
        CHECK(fault_of(pair.sender->protect_rtcp(room, 7)) == SrtpFault::malformed);
    }
}

TEST_CASE("a buffer that cannot take the tag is not written to") {
    for (const SrtpProfile profile : kProfiles) {
        const Pair pair(profile);
        Buffer packet = rtp(1);
        const std::size_t length = packet.size();
        packet.resize(length + traits_of(profile).tag_size - 1);
        const Buffer before = packet;
        CHECK(fault_of(pair.sender->protect(packet, length)) == SrtpFault::no_room);
        CHECK(packet == before);
        Buffer report = receiver_report();
        const std::size_t report_length = report.size();
        report.resize(report_length + traits_of(profile).tag_size + 3);
        CHECK(fault_of(pair.sender->protect_rtcp(report, report_length)) == SrtpFault::no_room);
    }
}

TEST_CASE("SRTCP without its E flag is refused before anything is computed") {
    for (const SrtpProfile profile : kProfiles) {
        const Pair pair(profile);
        Buffer packet = pair.protect_rtcp(receiver_report());
        const std::size_t flag_at = packet.size() - (traits_of(profile).is_aead ? 4 : 14);
        packet[flag_at] &= 0x7F;
        CHECK(fault_of(pair.receiver->unprotect_rtcp(packet)) == SrtpFault::unencrypted);
    }
}

TEST_CASE("of the sources of one session only so many are remembered") {
    const Pair pair(SrtpProfile::aead_aes_128_gcm);
    for (std::uint32_t ssrc = 0; ssrc < kMostSources; ++ssrc) {
        Buffer packet = pair.protect(rtp(1, ssrc));
        CHECK(pair.receiver->unprotect(packet));
    }
    Buffer packet = rtp(1, kMostSources);
    packet.resize(packet.size() + kSrtpGrowth);
    CHECK(fault_of(pair.sender->protect(packet, 32)) == SrtpFault::too_many_sources);
    const Pair fresh(SrtpProfile::aead_aes_128_gcm);
    packet = fresh.protect(rtp(1, kMostSources));
    CHECK(fault_of(pair.receiver->unprotect(packet)) == SrtpFault::too_many_sources);
    packet = pair.protect(rtp(2, 0));  // those that are known go on
    CHECK(pair.receiver->unprotect(packet));
}

TEST_CASE("the window takes each index once and nothing that is too old, whatever the order") {
    Random random(3711);
    ReplayWindow<128> window;
    std::vector<bool> seen(20'000);
    std::uint64_t highest = 0;
    bool has_any = false;
    for (int round = 0; round < 50'000; ++round) {
        const std::uint64_t jump = random.below(50) == 0 ? 300 : 10;
        const std::uint64_t base = highest > 200 ? highest - 200 : 0;
        const std::uint64_t index = std::min<std::uint64_t>(base + random.below(200 + jump), seen.size() - 1);
        const bool is_fresh = !seen[index] && (!has_any || index > highest || highest - index < 128);
        REQUIRE(window.is_fresh(index) == is_fresh);
        if (!is_fresh) continue;
        window.mark(index);
        seen[index] = true;
        highest = std::max(highest, index);
        has_any = true;
    }
    CHECK(highest > 10'000);
}
