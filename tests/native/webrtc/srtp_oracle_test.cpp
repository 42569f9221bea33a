// Octet by octet against libsrtp2, in both directions, over rounds of the sequence number, with loss and reordering.
#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>

#include "webrtc/srtp.hpp"
#include "webrtc_kit.hpp"

using namespace sr::webrtc;
using namespace sr::webrtc::test;

namespace {

constexpr int kPackets = 200'000;
constexpr std::size_t kWindow = 512;  // that of SrtpReceiver

/// libsrtp's context for any SSRC of one direction.
class Oracle {
  public:
    Oracle(SrtpProfile profile, const SrtpMaster& master, bool is_sender) {
        static const srtp_err_status_t initialised = srtp_init();
        REQUIRE(initialised == srtp_err_status_ok);
        const SrtpProfileTraits& traits = traits_of(profile);
        std::array<std::uint8_t, 46> key;
        std::copy_n(master.key.begin(), traits.key_size, key.begin());
        std::copy_n(master.salt.begin(), traits.salt_size, key.begin() + static_cast<std::ptrdiff_t>(traits.key_size));
        srtp_policy_t policy{};
        for (srtp_crypto_policy_t* crypto : {&policy.rtp, &policy.rtcp}) {
            switch (profile) {
                case SrtpProfile::aead_aes_128_gcm: srtp_crypto_policy_set_aes_gcm_128_16_auth(crypto); break;
                case SrtpProfile::aead_aes_256_gcm: srtp_crypto_policy_set_aes_gcm_256_16_auth(crypto); break;
                case SrtpProfile::aes128_cm_sha1_80: srtp_crypto_policy_set_rtp_default(crypto); break;
            }
        }
        policy.ssrc.type = is_sender ? ssrc_any_outbound : ssrc_any_inbound;
        policy.key = key.data();
        policy.window_size = kWindow;
        srtp_t session = nullptr;
        REQUIRE(srtp_create(&session, &policy) == srtp_err_status_ok);
        session_.reset(session);
    }

    Buffer protect(Buffer packet) { return grow(packet, srtp_protect); }
    Buffer protect_rtcp(Buffer packet) { return grow(packet, srtp_protect_rtcp); }
    /// Empty where it refuses.
    Buffer unprotect(Buffer packet) { return shrink(packet, srtp_unprotect); }
    Buffer unprotect_rtcp(Buffer packet) { return shrink(packet, srtp_unprotect_rtcp); }

  private:
    using Transform = srtp_err_status_t (*)(srtp_t, void*, int*);

    Buffer grow(Buffer& packet, Transform transform) {
        auto length = static_cast<int>(packet.size());
        packet.resize(packet.size() + SRTP_MAX_TRAILER_LEN + 4);
        if (transform(session_.get(), packet.data(), &length) != srtp_err_status_ok) FAIL("libsrtp2 refuses to send");
        packet.resize(static_cast<std::size_t>(length));
        return packet;
    }
    Buffer shrink(Buffer& packet, Transform transform) {
        auto length = static_cast<int>(packet.size());
        if (transform(session_.get(), packet.data(), &length) != srtp_err_status_ok) return {};
        packet.resize(static_cast<std::size_t>(length));
        return packet;
    }

    struct Free {
        void operator()(srtp_t session) const { srtp_dealloc(session); }
    };
    std::unique_ptr<srtp_ctx_t_, Free> session_;
};

Buffer protect(SrtpSender& sender, Buffer packet) {
    const std::size_t length = packet.size();
    packet.resize(length + kSrtpGrowth);
    const SrtpResult result = sender.protect(packet, length);
    if (!result) FAIL("refused to send: ", srtp_fault_name(result.fault));  // REQUIRE costs more than the packet
    packet.resize(result.length);
    return packet;
}

Buffer protect_rtcp(SrtpSender& sender, Buffer packet) {
    const std::size_t length = packet.size();
    packet.resize(length + kSrtcpGrowth);
    const SrtpResult result = sender.protect_rtcp(packet, length);
    if (!result) FAIL("refused to send: ", srtp_fault_name(result.fault));  // REQUIRE costs more than the packet
    packet.resize(result.length);
    return packet;
}

/// Empty where it refuses.
Buffer unprotect(SrtpReceiver& receiver, Buffer packet) {
    const SrtpResult result = receiver.unprotect(packet);
    packet.resize(result.length);
    return packet;
}

Buffer unprotect_rtcp(SrtpReceiver& receiver, Buffer packet) {
    const SrtpResult result = receiver.unprotect_rtcp(packet);
    packet.resize(result.length);
    return packet;
}

SrtpMaster random_master(Random& random) {
    SrtpMaster master;
    for (std::uint8_t& octet : master.key) octet = random.octet();
    for (std::uint8_t& octet : master.salt) octet = random.octet();
    return master;
}

/// Two sources in turn; with a header extension in one packet of three, with a CSRC in one of four.
Buffer random_rtp(Random& random, std::uint64_t index) {
    Buffer packet(12);
    packet[0] = 0x80;
    packet[1] = 111;
    write_u16(&packet[2], static_cast<std::uint16_t>(index));
    write_u32(&packet[4], static_cast<std::uint32_t>(960 * index));
    write_u32(&packet[8], index % 2 == 0 ? 0xCAFEBABE : 0x12345678);
    const auto append = [&packet](const Buffer& octets) { packet.insert(packet.end(), octets.begin(), octets.end()); };
    if (random.below(4) == 0) {
        packet[0] |= 1;
        append(from_hex("0badf00d"));
    }
    if (random.below(3) == 0) {
        packet[0] |= 0x10;
        append(from_hex("bede0001 10ff0000"));
    }
    for (std::uint64_t size = random.below(120); size > 0; --size) packet.push_back(random.octet());
    return packet;
}

}  // namespace

TEST_CASE("200,000 packets over rounds of the sequence number are those of libsrtp2, bit for bit") {
    for (const SrtpProfile profile : {SrtpProfile::aead_aes_128_gcm, SrtpProfile::aes128_cm_sha1_80}) {
        Random random(static_cast<std::uint64_t>(profile) + 1);
        const SrtpMaster master = random_master(random);
        const auto sender = SrtpSender::make(profile, master);
        const auto receiver = SrtpReceiver::make(profile, master);
        Oracle oracle_sender(profile, master, true);
        Oracle oracle_receiver(profile, master, false);
        std::deque<std::pair<Buffer, Buffer>> on_the_way;  // plain and protected
        std::size_t differences = 0;
        std::size_t refusals = 0;
        for (int i = 0; i < kPackets; ++i) {
            const Buffer plain = random_rtp(random, static_cast<std::uint64_t>(i) + 60'000);
            const Buffer ours = protect(*sender, plain);
            differences += ours != oracle_sender.protect(plain) ? 1 : 0;
            if (random.below(50) != 0) on_the_way.emplace_back(plain, ours);  // 2 % are lost
            // Out of order by some forty; one in ten comes again later and must be refused.
            while (on_the_way.size() > 40) {
                std::swap(on_the_way.front(), on_the_way[random.below(on_the_way.size())]);
                const auto [sent, packet] = on_the_way.front();
                on_the_way.pop_front();
                const Buffer opened = unprotect(*receiver, packet);
                differences += opened != oracle_receiver.unprotect(packet) ? 1 : 0;
                refusals += opened.empty() ? 1 : 0;
                if (opened.empty()) continue;
                differences += opened != sent ? 1 : 0;
                if (random.below(10) == 0) on_the_way.emplace_back(sent, packet);
            }
        }
        CHECK(differences == 0);
        CHECK(refusals > kPackets / 20);
        CHECK(refusals < kPackets / 8);
    }
}

TEST_CASE("late, replayed and forged packets are judged as libsrtp2 judges them") {
    for (const SrtpProfile profile :
         {SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm, SrtpProfile::aes128_cm_sha1_80}) {
        Random random(99);
        const SrtpMaster master = random_master(random);
        const auto sender = SrtpSender::make(profile, master);
        const auto receiver = SrtpReceiver::make(profile, master);
        Oracle oracle(profile, master, false);
        std::vector<Buffer> sent;
        for (std::uint64_t i = 0; i < 20'000; ++i) sent.push_back(protect(*sender, random_rtp(random, 55'000 + i)));
        std::size_t accepted = 0;
        std::size_t differences = 0;
        for (std::size_t at = 0; at < sent.size(); at += random.below(4)) {
            // From far behind the window to a little ahead.
            const std::size_t back = random.below(2) == 0 ? 0 : random.below(3 * kWindow);
            Buffer packet = sent[at - std::min(at, back)];
            if (random.below(4) == 0) packet[random.below(packet.size())] ^= 0x01;
            const Buffer opened = unprotect(*receiver, packet);
            differences += opened != oracle.unprotect(packet) ? 1 : 0;
            accepted += opened.empty() ? 0 : 1;
        }
        CHECK(differences == 0);
        CHECK(accepted > 3000);
    }
}

TEST_CASE("SRTCP is that of libsrtp2, bit for bit, and opened by either") {
    for (const SrtpProfile profile :
         {SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm, SrtpProfile::aes128_cm_sha1_80}) {
        Random random(static_cast<std::uint64_t>(profile) + 77);
        const SrtpMaster master = random_master(random);
        const auto sender = SrtpSender::make(profile, master);
        const auto receiver = SrtpReceiver::make(profile, master);
        Oracle oracle_sender(profile, master, true);
        Oracle oracle_receiver(profile, master, false);
        std::size_t differences = 0;
        for (int i = 0; i < 20'000; ++i) {
            Buffer plain = from_hex("81c90007 cafebabe");
            for (std::uint64_t size = 4 * random.below(30); size > 0; --size) plain.push_back(random.octet());
            const Buffer ours = protect_rtcp(*sender, plain);
            // Our first index is 0, as RFC 3711 section 3.4 says, and libsrtp's is 1.
            if (i > 0) differences += ours != oracle_sender.protect_rtcp(plain) ? 1 : 0;
            differences += oracle_receiver.unprotect_rtcp(ours) != plain ? 1 : 0;
            differences += unprotect_rtcp(*receiver, ours) != plain ? 1 : 0;
            differences += unprotect_rtcp(*receiver, ours).empty() ? 0 : 1;  // a replay
        }
        CHECK(differences == 0);
    }
}
