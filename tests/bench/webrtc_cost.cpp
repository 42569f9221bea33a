// What the room webrtc costs in CPU, memory and allocations: one figure a line, of this process alone.
//
// Run by hand, on a quiet machine:
//   g++ -O2 -std=c++20 -Icpp -o build/webrtc_cost tests/bench/webrtc_cost.cpp cpp/webrtc/*.cpp cpp/sip/flow.cpp
//       -lssl -lcrypto && build/webrtc_cost
#include <malloc.h>
#include <openssl/crypto.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <new>
#include <vector>

#include "base/clock.hpp"
#include "webrtc/dtls_session.hpp"
#include "webrtc/ice_lite.hpp"
#include "webrtc/srtp.hpp"

using namespace sr::webrtc;

namespace {

constexpr int kHandshakes = 1000;
constexpr int kPackets = 1'000'000;
constexpr std::size_t kPayload = 80;  // octets: 20 ms of Opus at 32 kbit/s

std::size_t allocations = 0;

void* count_malloc(std::size_t size, const char*, int) {
    ++allocations;
    return std::malloc(size);
}
void* count_realloc(void* old, std::size_t size, const char*, int) {
    ++allocations;
    return std::realloc(old, size);
}
void count_free(void* old, const char*, int) { std::free(old); }

double cpu_us() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double heap_kb() { return static_cast<double>(mallinfo2().uordblks) / 1024; }

[[noreturn]] void give_up(const char* why) {
    std::fprintf(stderr, "webrtc_cost: %s\n", why);
    std::exit(1);
}

/// Adds up the CPU time of what one side does.
class Meter {
  public:
    template <class Work>
    void run(Work&& work) {
        const double begin = cpu_us();
        work();
        total_us_ += cpu_us() - begin;
    }
    [[nodiscard]] double total_us() const { return total_us_; }

  private:
    double total_us_ = 0;
};

using Session = std::unique_ptr<DtlsSession>;

/// Carries what is in `from`'s outbox to `to`; whether there was something.
bool carry(DtlsSession& from, DtlsSession& to, Meter& meter) {
    std::vector<std::vector<std::uint8_t>> datagrams;
    from.outbox().drain([&](Octets datagram) { datagrams.emplace_back(datagram.begin(), datagram.end()); });
    meter.run([&] {
        for (const auto& datagram : datagrams) to.receive(datagram, sr::base::monotonic_now_ms());
    });
    return !datagrams.empty();
}

std::vector<SrtpKeys> measure_handshakes() {
    const auto us = DtlsIdentity::make();
    const auto them = DtlsIdentity::make();
    Meter server;
    Meter client;
    std::vector<Session> sessions;
    std::vector<SrtpKeys> keys;
    double session_kb = 0;
    for (int i = 0; i < kHandshakes; ++i) {
        const auto now = sr::base::monotonic_now_ms();
        Session passive;
        Session active = DtlsSession::make(*them, DtlsRole::active, us->fingerprint(), now);
        const double before_kb = heap_kb();
        server.run([&] { passive = DtlsSession::make(*us, DtlsRole::passive, them->fingerprint(), now); });
        const double fresh_kb = heap_kb() - before_kb;
        if (i == kHandshakes - 1) std::printf("DTLS session before its handshake   %8.1f KB\n", fresh_kb);
        client.run([&] { active->start(now); });
        while (carry(*active, *passive, server) || carry(*passive, *active, client)) {
        }
        if (passive->state() != DtlsState::connected) give_up("a handshake failed");
        keys.push_back(*passive->keys());
        active.reset();
        sessions.push_back(std::move(passive));
        if (i == 99) session_kb = heap_kb();
    }
    std::printf("DTLS handshake, passive side        %8.1f us\n", server.total_us() / kHandshakes);
    std::printf("DTLS handshake, active side         %8.1f us\n", client.total_us() / kHandshakes);
    std::printf("DTLS session when connected         %8.1f KB\n", (heap_kb() - session_kb) / (kHandshakes - 100));
    return keys;
}

void measure_srtp(SrtpProfile profile, const std::vector<SrtpKeys>& keys, std::size_t sessions) {
    const double before_kb = heap_kb();
    std::vector<std::unique_ptr<SrtpSender>> senders;
    std::vector<std::unique_ptr<SrtpReceiver>> receivers;
    for (std::size_t i = 0; i < sessions; ++i) {
        senders.push_back(SrtpSender::make(profile, keys[i].local));
        receivers.push_back(SrtpReceiver::make(profile, keys[i].local));
    }
    std::vector<std::uint8_t> packets(sessions * 128);
    const auto packet_of = [&](std::size_t i) { return MutableOctets(packets).subspan(i * 128, 128); };
    const auto round = [&](int sequence, Meter& protect, Meter& unprotect) {
        for (std::size_t i = 0; i < sessions; ++i) {
            const MutableOctets packet = packet_of(i);
            packet[0] = 0x80;
            packet[1] = 111;
            write_u16(&packet[2], static_cast<std::uint16_t>(sequence));
            write_u32(&packet[8], static_cast<std::uint32_t>(i));
        }
        std::size_t length = 0;
        protect.run([&] {
            for (std::size_t i = 0; i < sessions; ++i) length = senders[i]->protect(packet_of(i), 12 + kPayload).length;
        });
        unprotect.run([&] {
            for (std::size_t i = 0; i < sessions; ++i) {
                if (!receivers[i]->unprotect(packet_of(i).first(length))) give_up("a packet was refused");
            }
        });
    };
    Meter ignored;
    round(0, ignored, ignored);
    const double kb = (heap_kb() - before_kb) / static_cast<double>(sessions);
    Meter protect;
    Meter unprotect;
    const std::size_t before = allocations;
    const int rounds = kPackets / static_cast<int>(sessions);
    // One clock reading for a thousand packets in either case: a single session sends to itself in a burst.
    if (sessions == 1) {
        protect.run([&] {
            for (int i = 1; i <= rounds; ++i) {
                const MutableOctets packet = packet_of(0);
                write_u16(&packet[2], static_cast<std::uint16_t>(i));
                if (!senders[0]->protect(packet, 12 + kPayload)) give_up("a packet was refused");
            }
        });
        std::printf("%-24s 1 session     %8.3f us to protect\n", traits_of(profile).openssl_name.data(),
                    protect.total_us() / rounds);
        return;
    }
    for (int i = 1; i <= rounds; ++i) round(i, protect, unprotect);
    std::printf("%-24s %zu sessions %8.3f us to protect, %.3f us to open, %.1f KB a session, %zu allocations\n",
                traits_of(profile).openssl_name.data(), sessions, protect.total_us() / kPackets,
                unprotect.total_us() / kPackets, kb, allocations - before);
}

void measure_ice() {
    const IceCredentials us = IceCredentials::generate();
    IceLite ice(us, {"them", "password"}, 0);
    std::array<std::uint8_t, 256> room;
    StunWriter writer(room, StunClass::request, {});
    const std::string username = us.ufrag + ":them";
    const Octets key(reinterpret_cast<const std::uint8_t*>(us.pwd.data()), us.pwd.size());
    writer.add_text(StunAttribute::username, username).add_u32(StunAttribute::priority, 1);
    writer.add_u64(StunAttribute::ice_controlling, 1).add_flag(StunAttribute::use_candidate);
    const Octets check = writer.add_integrity(key).add_fingerprint().finish();
    const auto source = sr::sip::SocketAddress::parse("192.0.2.1", 4000).value();
    IceLite::ReplyRoom reply;
    constexpr int kChecks = 100'000;
    Meter meter;
    const std::size_t before = allocations;
    meter.run([&] {
        for (int i = 0; i < kChecks; ++i) {
            if (ice.receive(check, source, i, reply).verdict != IceVerdict::valid) give_up("a check was refused");
        }
    });
    std::printf("STUN check answered                 %8.3f us, %zu allocations\n", meter.total_us() / kChecks,
                allocations - before);
}

}  // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* room = std::malloc(size)) return room;
    throw std::bad_alloc();
}
void operator delete(void* room) noexcept { std::free(room); }
void operator delete(void* room, std::size_t) noexcept { std::free(room); }

int main() {
    if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1) give_up("OpenSSL was used already");
    const std::vector<SrtpKeys> keys = measure_handshakes();
    for (const SrtpProfile profile :
         {SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm, SrtpProfile::aes128_cm_sha1_80}) {
        measure_srtp(profile, keys, 1);
        measure_srtp(profile, keys, keys.size());
    }
    measure_ice();
    return 0;
}
