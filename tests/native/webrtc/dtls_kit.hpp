// Two ends of a DTLS association over a wire that loses, doubles and turns round what it is told to.
#pragma once

#include <openssl/ssl.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "webrtc/announced_peer.hpp"
#include "webrtc/datagram_bio.hpp"
#include "webrtc/dtls_session.hpp"
#include "webrtc/evp.hpp"
#include "webrtc_kit.hpp"

namespace sr::webrtc::test {

class DtlsEnd {
  public:
    DtlsEnd() = default;
    virtual ~DtlsEnd() = default;
    DtlsEnd(const DtlsEnd&) = delete;
    DtlsEnd& operator=(const DtlsEnd&) = delete;

    virtual void receive(Octets datagram) = 0;
    virtual void tick() = 0;
    /// Milliseconds; nothing when there is none to wait for.
    [[nodiscard]] virtual std::optional<base::TimeMs> wait() const = 0;
    [[nodiscard]] virtual Outbox& outbox() = 0;

    std::vector<Buffer> take() {
        std::vector<Buffer> datagrams;
        outbox().drain([&datagrams](Octets datagram) { datagrams.push_back(copy_of(datagram)); });
        return datagrams;
    }
};

/// A session of ours.
class OurEnd final : public DtlsEnd {
  public:
    OurEnd(const DtlsIdentity& identity, DtlsRole role, const Fingerprint& peer)
        : session(DtlsSession::make(identity, role, peer, base::monotonic_now_ms())) {
        REQUIRE(session != nullptr);
    }

    void start() { session->start(base::monotonic_now_ms()); }
    void receive(Octets datagram) override { session->receive(datagram, base::monotonic_now_ms()); }
    void tick() override { session->tick(base::monotonic_now_ms()); }
    std::optional<base::TimeMs> wait() const override {
        const base::TimeMs now = base::monotonic_now_ms();
        const auto timeout = session->next_timeout(now);
        return timeout ? std::optional(*timeout - now) : std::nullopt;
    }
    Outbox& outbox() override { return session->outbox(); }

    std::unique_ptr<DtlsSession> session;
};

/// A libssl client as Chromium configures its own, with a ClientHello too long for one datagram.
class LibsslClient final : public DtlsEnd {
  public:
    explicit LibsslClient(const char* srtp_profiles, bool has_certificate = true,
                          PrivateKey key = PrivateKey(EVP_EC_gen("P-256"))) {
        context_.reset(SSL_CTX_new(DTLS_client_method()));
        SSL_CTX* const ctx = context_.get();
        key_ = std::move(key);
        certificate_.reset(X509_new());
        X509_set_version(certificate_.get(), X509_VERSION_3);
        X509_gmtime_adj(X509_getm_notBefore(certificate_.get()), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate_.get()), 3600);
        X509_set_pubkey(certificate_.get(), key_.get());
        const EVP_MD* const hash = EVP_PKEY_is_a(key_.get(), "ED25519") == 1 ? nullptr : EVP_sha256();
        REQUIRE(X509_sign(certificate_.get(), key_.get(), hash) > 0);
        if (has_certificate) {
            REQUIRE(SSL_CTX_use_certificate(ctx, certificate_.get()) == 1);
            REQUIRE(SSL_CTX_use_PrivateKey(ctx, key_.get()) == 1);
        }
        if (*srtp_profiles != '\0') REQUIRE(SSL_CTX_set_tlsext_use_srtp(ctx, srtp_profiles) == 0);
        SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU);
        std::string protocols;  // the length of a post-quantum key share
        for (int i = 0; i < 6; ++i) protocols += static_cast<char>(200) + std::string(200, 'x');
        REQUIRE(SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const unsigned char*>(protocols.data()),
                                        static_cast<unsigned>(protocols.size())) == 0);
        ssl_.reset(SSL_new(ctx));
        BIO* const bio = make_datagram_bio(port_);
        SSL_set_bio(ssl_.get(), bio, bio);
        SSL_set_mtu(ssl_.get(), 1200);
        DTLS_set_timer_cb(ssl_.get(), [](SSL*, unsigned last_us) { return last_us == 0 ? 50'000U : 2 * last_us; });
        SSL_set_connect_state(ssl_.get());
    }

    void start() { SSL_do_handshake(ssl_.get()); }
    void receive(Octets datagram) override {
        port_.incoming = datagram;
        if (is_connected()) {
            std::array<char, 64> text;
            SSL_read(ssl_.get(), text.data(), text.size());
        } else {
            SSL_do_handshake(ssl_.get());
        }
        port_.incoming = {};
    }
    void tick() override { DTLSv1_handle_timeout(ssl_.get()); }
    std::optional<base::TimeMs> wait() const override {
        timeval left{};
        if (DTLSv1_get_timeout(ssl_.get(), &left) != 1) return std::nullopt;
        return left.tv_sec * 1000 + left.tv_usec / 1000 + 1;
    }
    Outbox& outbox() override { return port_.outgoing; }

    [[nodiscard]] bool is_connected() const { return SSL_is_init_finished(ssl_.get()) == 1; }
    [[nodiscard]] bool has_heard_close() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }
    void close() { SSL_shutdown(ssl_.get()); }
    [[nodiscard]] std::string version() const { return SSL_get_version(ssl_.get()); }
    [[nodiscard]] std::string cipher() const { return SSL_get_cipher(ssl_.get()); }
    [[nodiscard]] Fingerprint fingerprint(FingerprintHash hash = FingerprintHash::sha256) const {
        return fingerprint_of(certificate_.get(), hash).value();
    }
    /// RFC 5764 section 4.2: client key, server key, client salt, server salt.
    [[nodiscard]] Buffer export_keys(std::size_t size) const {
        constexpr std::string_view kLabel = "EXTRACTOR-dtls_srtp";
        Buffer keys(size);
        REQUIRE(SSL_export_keying_material(ssl_.get(), keys.data(), size, kLabel.data(), kLabel.size(), nullptr, 0,
                                           0) == 1);
        return keys;
    }

  private:
    DatagramPort port_;
    std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>> context_;
    PrivateKey key_;
    Certificate certificate_;
    std::unique_ptr<SSL, FreeWith<SSL_free>> ssl_;
};

/// What becomes of a flight of datagrams on its way.
using Wire = std::function<std::vector<Buffer>(std::vector<Buffer> flight)>;

inline std::vector<Buffer> deliver_all(std::vector<Buffer> flight) { return flight; }

/// Carries datagrams until both ends are silent; then waits for the next retransmission, as long as `is_done` says no.
/// The waiting is real, as OpenSSL takes the time of its flights from the system's clock.
inline bool exchange(DtlsEnd& a, DtlsEnd& b, const std::function<bool()>& is_done, const Wire& wire = deliver_all) {
    const base::TimeMs limit = base::monotonic_now_ms() + 20'000;
    while (base::monotonic_now_ms() < limit) {
        bool is_moving = false;
        for (const auto& [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
            for (const Buffer& datagram : wire(from->take())) {
                is_moving = true;
                to->receive(datagram);
            }
        }
        if (is_moving) continue;
        if (is_done()) return true;
        const auto a_wait = a.wait();
        const auto b_wait = b.wait();
        if (!a_wait && !b_wait) return false;
        const base::TimeMs wait_ms = std::min(a_wait.value_or(1000), b_wait.value_or(1000));
        std::this_thread::sleep_for(std::chrono::milliseconds(std::clamp<base::TimeMs>(wait_ms, 1, 1000)));
        a.tick();
        b.tick();
    }
    return false;
}

}  // namespace sr::webrtc::test
