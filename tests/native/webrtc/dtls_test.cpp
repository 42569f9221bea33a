// The browser is the client, as it nearly always is:
//
//   browser (active)                                     us (passive)
//    | ClientHello, two fragments ----------------------> |
//    | <---- ServerHello .. CertificateRequest .. Done ---|
//    | Certificate .. CertificateVerify .. Finished ----> |   the fingerprint is compared here
//    | <---------------- ChangeCipherSpec, Finished ------|   connected: both have the keys of SRTP
#include <algorithm>
#include <array>

#include "dtls_kit.hpp"
#include "webrtc/srtp.hpp"

using namespace sr::webrtc;
using namespace sr::webrtc::test;

namespace {

const DtlsIdentity& us() {
    static const auto identity = DtlsIdentity::make();
    REQUIRE(identity != nullptr);
    return *identity;
}

const DtlsIdentity& them() {
    static const auto identity = DtlsIdentity::make();
    REQUIRE(identity != nullptr);
    return *identity;
}

/// Our two ends; the active one has spoken.
struct Ours {
    OurEnd passive{us(), DtlsRole::passive, them().fingerprint()};
    OurEnd active{them(), DtlsRole::active, us().fingerprint()};

    Ours() { active.start(); }
    bool connect(const Wire& wire = deliver_all) {
        return exchange(
            active, passive, [this] { return is_connected(); }, wire);
    }
    bool is_connected() const {
        return passive.session->state() == DtlsState::connected && active.session->state() == DtlsState::connected;
    }
};

bool is_over(const OurEnd& end) { return end.session->state() != DtlsState::handshaking; }

bool connect(LibsslClient& client, OurEnd& passive, const Wire& wire = deliver_all) {
    client.start();
    return exchange(
        client, passive, [&] { return client.is_connected() && passive.session->state() == DtlsState::connected; },
        wire);
}

Buffer join(const SrtpProfile profile, const SrtpMaster& client, const SrtpMaster& server) {
    const SrtpProfileTraits& traits = traits_of(profile);
    Buffer block;
    for (const SrtpMaster* master : {&client, &server}) {
        block.insert(block.end(), master->key.begin(), master->key.begin() + static_cast<long>(traits.key_size));
    }
    for (const SrtpMaster* master : {&client, &server}) {
        block.insert(block.end(), master->salt.begin(), master->salt.begin() + static_cast<long>(traits.salt_size));
    }
    return block;
}

constexpr const char* kChromiumProfiles =
    "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32";

}  // namespace

TEST_CASE("two sessions connect, and what one protects the other opens") {
    Ours ends;
    REQUIRE(ends.connect());
    const auto& passive_keys = ends.passive.session->keys();
    const auto& active_keys = ends.active.session->keys();
    REQUIRE(passive_keys.has_value());
    REQUIRE(active_keys.has_value());
    CHECK(passive_keys->profile == SrtpProfile::aead_aes_128_gcm);
    CHECK(passive_keys->local.key != passive_keys->remote.key);
    for (const auto& [from, to] :
         {std::pair(&*passive_keys, &*active_keys), std::pair(&*active_keys, &*passive_keys)}) {
        const auto sender = SrtpSender::make(from->profile, from->local);
        const auto receiver = SrtpReceiver::make(to->profile, to->remote);
        Buffer packet = from_hex("806f0001 00000000 0000cafe 00112233");
        packet.resize(packet.size() + kSrtpGrowth);
        REQUIRE(sender->protect(packet, 16));
        REQUIRE(receiver->unprotect(packet));
        CHECK(Buffer(packet.begin(), packet.begin() + 16) == from_hex("806f0001 00000000 0000cafe 00112233"));
    }
    CHECK_FALSE(ends.passive.session->next_timeout(0).has_value());
}

TEST_CASE("a browser's ClientHello in two datagrams is answered with DTLS 1.2 and GCM") {
    LibsslClient client(kChromiumProfiles);
    OurEnd passive(us(), DtlsRole::passive, client.fingerprint());
    std::size_t first_flight = 0;
    const Wire watch = [&first_flight](std::vector<Buffer> flight) {
        if (first_flight == 0) first_flight = flight.size();
        for (const Buffer& datagram : flight) {
            CHECK(datagram.size() <= kDtlsMtu);
            CHECK(datagram[0] >= 20);
            CHECK(datagram[0] < 64);
        }
        return flight;
    };
    REQUIRE(connect(client, passive, watch));
    CHECK(first_flight == 2);
    CHECK(client.version() == "DTLSv1.2");
    CHECK(client.cipher() == "ECDHE-ECDSA-AES128-GCM-SHA256");
    const auto& keys = passive.session->keys();
    REQUIRE(keys.has_value());
    CHECK(keys->profile == SrtpProfile::aead_aes_128_gcm);
    CHECK(client.export_keys(2 * (16 + 12)) == join(keys->profile, keys->remote, keys->local));
}

TEST_CASE("a client's certificate may have a key of any kind that such certificates have") {
    std::vector<PrivateKey> keys;
    keys.emplace_back(EVP_EC_gen("P-256"));
    keys.emplace_back(EVP_RSA_gen(2048));
    keys.emplace_back(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    for (PrivateKey& key : keys) {
        REQUIRE(key != nullptr);
        LibsslClient client(kChromiumProfiles, true, std::move(key));
        OurEnd passive{us(), DtlsRole::passive, client.fingerprint()};
        CHECK(connect(client, passive));
    }
}

TEST_CASE("the profile is the best that the client has as well") {
    for (const auto& [offered, chosen] :
         {std::pair("SRTP_AES128_CM_SHA1_80", SrtpProfile::aes128_cm_sha1_80),
          std::pair("SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM", SrtpProfile::aead_aes_256_gcm)}) {
        LibsslClient client(offered);
        OurEnd passive(us(), DtlsRole::passive, client.fingerprint());
        REQUIRE(connect(client, passive));
        const auto& keys = passive.session->keys();
        CHECK(keys->profile == chosen);
        const SrtpProfileTraits& traits = traits_of(chosen);
        CHECK(client.export_keys(2 * (traits.key_size + traits.salt_size)) == join(chosen, keys->remote, keys->local));
    }
}

TEST_CASE("a client without SRTP is refused when it is connected") {
    for (const char* profiles : {"", "SRTP_AES128_CM_SHA1_32"}) {
        LibsslClient client(profiles);
        OurEnd passive(us(), DtlsRole::passive, client.fingerprint());
        client.start();
        CHECK(exchange(client, passive, [&] { return is_over(passive); }));
        CHECK(passive.session->fault() == DtlsFault::no_profile);
        CHECK_FALSE(passive.session->keys().has_value());
    }
}

TEST_CASE("a flight that comes the wrong way round or twice makes no difference") {
    const Wire swapped = [](std::vector<Buffer> flight) {
        std::ranges::reverse(flight);
        return flight;
    };
    const Wire doubled = [](std::vector<Buffer> flight) {
        std::vector<Buffer> both = flight;
        both.insert(both.end(), flight.begin(), flight.end());
        return both;
    };
    for (const Wire& wire : {swapped, doubled}) {
        LibsslClient client(kChromiumProfiles);
        OurEnd passive(us(), DtlsRole::passive, client.fingerprint());
        CHECK(connect(client, passive, wire));
        Ours ends;
        CHECK(ends.connect(wire));
    }
}

TEST_CASE("whichever datagram of the handshake is lost, it comes again") {
    // Own timers on both sides, first the lost one's, which ends the loop with a handshake that loses nothing.
    bool was_lost = true;
    int lost = 0;
    for (; was_lost && lost < 20; ++lost) {
        was_lost = false;
        int at = 0;
        Ours ends;
        CHECK(ends.connect([&](const std::vector<Buffer>& flight) {
            std::vector<Buffer> through;
            for (const Buffer& datagram : flight) {
                if (at++ == lost) {
                    was_lost = true;
                } else {
                    through.push_back(datagram);
                }
            }
            return through;
        }));
        CHECK(ends.passive.session->keys()->local.key == ends.active.session->keys()->remote.key);
    }
    CHECK(lost > 4);
    CHECK_FALSE(was_lost);
}

TEST_CASE("a third of all datagrams may be lost") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        Random random(seed);
        LibsslClient client(kChromiumProfiles);
        OurEnd passive(us(), DtlsRole::passive, client.fingerprint());
        CHECK(connect(client, passive, [&random](std::vector<Buffer> flight) {
            std::erase_if(flight, [&random](const Buffer&) { return random.below(3) == 0; });
            return flight;
        }));
    }
}

TEST_CASE("a client with another certificate than announced fails by an alert and never has keys") {
    LibsslClient client(kChromiumProfiles);
    OurEnd passive(us(), DtlsRole::passive, them().fingerprint());
    client.start();
    CHECK(exchange(client, passive, [&] { return is_over(passive); }));
    CHECK(passive.session->state() == DtlsState::failed);
    CHECK(passive.session->fault() == DtlsFault::fingerprint);
    CHECK_FALSE(passive.session->keys().has_value());
    CHECK_FALSE(client.is_connected());
    CHECK_FALSE(passive.session->next_timeout(0).has_value());
}

TEST_CASE("a server with another certificate than announced fails the same way, and hears of it") {
    OurEnd passive(us(), DtlsRole::passive, them().fingerprint());
    OurEnd active(them(), DtlsRole::active, them().fingerprint());
    active.start();
    CHECK(exchange(active, passive, [&] { return is_over(active) && is_over(passive); }));
    CHECK(active.session->fault() == DtlsFault::fingerprint);
    CHECK(passive.session->fault() == DtlsFault::protocol);
    CHECK_FALSE(active.session->keys().has_value());
    CHECK_FALSE(passive.session->keys().has_value());
}

TEST_CASE("a client without a certificate fails") {
    LibsslClient client(kChromiumProfiles, false);
    OurEnd passive(us(), DtlsRole::passive, client.fingerprint());
    client.start();
    CHECK(exchange(client, passive, [&] { return is_over(passive); }));
    CHECK(passive.session->fault() == DtlsFault::protocol);
    CHECK_FALSE(passive.session->keys().has_value());
}

TEST_CASE("a fingerprint may be made with any hash of RFC 8122 that is not broken by design") {
    for (const FingerprintHash hash : {FingerprintHash::sha1, FingerprintHash::sha384, FingerprintHash::sha512}) {
        LibsslClient client(kChromiumProfiles);
        OurEnd passive(us(), DtlsRole::passive, client.fingerprint(hash));
        CHECK(connect(client, passive));
    }
}

TEST_CASE("close_notify of either side ends the session on both") {
    {
        LibsslClient client(kChromiumProfiles);
        OurEnd passive(us(), DtlsRole::passive, client.fingerprint());
        REQUIRE(connect(client, passive));
        client.close();
        CHECK(exchange(client, passive, [&] { return client.has_heard_close(); }));
        CHECK(passive.session->state() == DtlsState::closed);
        CHECK_FALSE(passive.session->keys().has_value());
    }
    Ours ends;
    REQUIRE(ends.connect());
    ends.passive.session->close();
    ends.passive.session->close();
    CHECK(ends.passive.session->outbox().size() == 1);
    (void)exchange(ends.active, ends.passive, [&] { return ends.active.session->state() == DtlsState::closed; });
    CHECK(ends.active.session->state() == DtlsState::closed);
    CHECK(ends.passive.session->state() == DtlsState::closed);
}

TEST_CASE("a handshake that nobody answers ends after its limit on the caller's clock") {
    const auto passive = DtlsSession::make(us(), DtlsRole::passive, them().fingerprint(), 1000);
    CHECK(passive->next_timeout(1000) == 1000 + kDtlsHandshakeMs);
    passive->tick(1000 + kDtlsHandshakeMs - 1);
    CHECK(passive->state() == DtlsState::handshaking);
    passive->tick(1000 + kDtlsHandshakeMs);
    CHECK(passive->state() == DtlsState::failed);
    CHECK(passive->fault() == DtlsFault::timeout);

    const auto active = DtlsSession::make(us(), DtlsRole::active, them().fingerprint(), 0);
    CHECK(active->outbox().is_empty());
    active->start(5000);
    CHECK_FALSE(active->outbox().is_empty());
    const auto timeout = active->next_timeout(5000);
    REQUIRE(timeout.has_value());
    CHECK(*timeout > 5000 - 1);
    CHECK(*timeout <= 5050);
}

TEST_CASE("datagrams of garbage change neither a handshake nor a session") {
    Random random(6347);
    const auto garbage = [&random] {
        Buffer datagram(1 + random.below(200));
        for (std::uint8_t& octet : datagram) octet = random.octet();
        datagram[0] = static_cast<std::uint8_t>(20 + random.below(44));
        return datagram;
    };
    Ours ends;
    const Wire noisy = [&](const std::vector<Buffer>& flight) {
        std::vector<Buffer> through;
        for (const Buffer& datagram : flight) {
            through.push_back(garbage());
            through.push_back(datagram);
        }
        return through;
    };
    REQUIRE(ends.connect(noisy));
    for (int i = 0; i < 5000; ++i) ends.passive.receive(garbage());
    // And of the kind that looks like the real thing.
    for (int i = 0; i < 5000; ++i) {
        Buffer datagram = garbage();
        if (datagram.size() < 13) continue;
        write_u16(&datagram[1], 0xFEFD);
        write_u16(&datagram[11], static_cast<std::uint16_t>(datagram.size() - 13));
        datagram[4] &= 1;
        ends.passive.receive(datagram);
    }
    CHECK(ends.is_connected());
    CHECK(ends.passive.session->keys().has_value());
}

TEST_CASE("a fingerprint is read as it is written, in any case of its letters") {
    const std::string text = us().fingerprint().text();
    CHECK(text.starts_with("sha-256 "));
    CHECK(text.size() == 8 + 32 * 3 - 1);
    CHECK(Fingerprint::parse(text) == us().fingerprint());
    std::string lower = text;
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'F' ? c | 0x20 : c; });
    lower.replace(0, 7, "SHA-256");
    CHECK(Fingerprint::parse(lower) == us().fingerprint());
    CHECK(us().fingerprint() != them().fingerprint());
    for (const std::string& wrong :
         {std::string(), std::string("sha-256"), std::string("sha-256 "), "md5" + text.substr(7), text + ":00",
          text.substr(0, text.size() - 1), "sha-1" + text.substr(7), text.substr(0, 10) + "-" + text.substr(11),
          text.substr(0, 8) + "G" + text.substr(9)}) {
        CHECK_FALSE(Fingerprint::parse(wrong).has_value());
    }
}
