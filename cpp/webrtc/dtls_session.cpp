#include "webrtc/dtls_session.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <utility>

#include "webrtc/announced_peer.hpp"
#include "webrtc/datagram_bio.hpp"
#include "webrtc/evp.hpp"

namespace sr::webrtc {
namespace {

using Ssl = std::unique_ptr<SSL, FreeWith<SSL_free>>;

// A connected association is silent until its end, so its record buffers (33 KB) are given back meanwhile.

// On a LAN an answer takes milliseconds: browsers begin with 50 ms as well, where RFC 6347 section 4.2.4.1 says 1 s.
// OpenSSL gives up after twelve in a row, here after 26 s.
constexpr unsigned kFirstRetransmissionUs = 50'000;
constexpr unsigned kLongestRetransmissionUs = 4'000'000;

// RFC 5764 section 4.2.
constexpr std::string_view kExporterLabel = "EXTRACTOR-dtls_srtp";

unsigned next_retransmission_us(SSL*, unsigned last_us) noexcept {
    return last_us == 0 ? kFirstRetransmissionUs : std::min(2 * last_us, kLongestRetransmissionUs);
}

/// Forgets the key material when it goes.
struct KeyBlock {
    std::array<std::uint8_t, 2 * (32 + 14)> octets{};
    ~KeyBlock() { OPENSSL_cleanse(octets.data(), octets.size()); }
};

/// Cuts the block of RFC 5764 section 4.2: both keys, then both salts, the client's first.
SrtpKeys cut_keys(SrtpProfile profile, const KeyBlock& block, DtlsRole role) noexcept {
    const SrtpProfileTraits& traits = traits_of(profile);
    SrtpKeys keys;
    keys.profile = profile;
    SrtpMaster& client = role == DtlsRole::active ? keys.local : keys.remote;
    SrtpMaster& server = role == DtlsRole::active ? keys.remote : keys.local;
    const std::uint8_t* at = block.octets.data();
    for (SrtpMaster* master : {&client, &server}) {
        std::copy_n(at, traits.key_size, master->key.begin());
        at += traits.key_size;
    }
    for (SrtpMaster* master : {&client, &server}) {
        std::copy_n(at, traits.salt_size, master->salt.begin());
        at += traits.salt_size;
    }
    return keys;
}

}  // namespace

std::string_view dtls_fault_name(DtlsFault fault) noexcept {
    switch (fault) {
        case DtlsFault::none: return "none";
        case DtlsFault::protocol: return "protocol";
        case DtlsFault::fingerprint: return "fingerprint";
        case DtlsFault::no_profile: return "no_profile";
        case DtlsFault::timeout: return "timeout";
    }
    return "none";
}

struct DtlsSession::Impl {
    DatagramPort port;  // outlives the SSL, which writes into it
    AnnouncedPeer peer;
    DtlsRole role = DtlsRole::passive;
    DtlsState state = DtlsState::handshaking;
    DtlsFault fault = DtlsFault::none;
    bool is_started = false;
    base::TimeMs deadline = 0;
    std::optional<SrtpKeys> keys;
    Ssl ssl;

    void advance();
    void read();
    void finish_handshake();
    void fail(DtlsFault why);
};

void DtlsSession::Impl::fail(DtlsFault why) {
    state = DtlsState::failed;
    fault = why;
    keys.reset();
}

/// One step of the handshake, with the datagram that is there, if any.
void DtlsSession::Impl::advance() {
    ERR_clear_error();  // the queue is the thread's: other sessions' errors must not count here
    const int done = SSL_do_handshake(ssl.get());
    if (done == 1) return finish_handshake();
    const int error = SSL_get_error(ssl.get(), done);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    fail(peer.verdict == AnnouncedPeer::Verdict::wrong ? DtlsFault::fingerprint : DtlsFault::protocol);
}

void DtlsSession::Impl::finish_handshake() {
    if (peer.verdict != AnnouncedPeer::Verdict::right) return fail(DtlsFault::fingerprint);
    const SRTP_PROTECTION_PROFILE* chosen = SSL_get_selected_srtp_profile(ssl.get());
    const auto profile = chosen == nullptr ? std::nullopt : find_srtp_profile(static_cast<std::uint16_t>(chosen->id));
    if (!profile) {
        SSL_shutdown(ssl.get());
        return fail(DtlsFault::no_profile);
    }
    const SrtpProfileTraits& traits = traits_of(*profile);
    KeyBlock block;
    if (SSL_export_keying_material(ssl.get(), block.octets.data(), 2 * (traits.key_size + traits.salt_size),
                                   kExporterLabel.data(), kExporterLabel.size(), nullptr, 0, 0) != 1) {
        return fail(DtlsFault::protocol);
    }
    keys = cut_keys(*profile, block, role);
    state = DtlsState::connected;
    SSL_free_buffers(ssl.get());
}

/// Application data is nobody's here and is dropped; what matters is close_notify and repeated flights.
void DtlsSession::Impl::read() {
    std::array<std::uint8_t, 2048> dropped;
    ERR_clear_error();
    int got = 0;
    do {
        got = SSL_read(ssl.get(), dropped.data(), static_cast<int>(dropped.size()));
    } while (got > 0);
    const int error = SSL_get_error(ssl.get(), got);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        SSL_free_buffers(ssl.get());  // which reading has brought back
        return;
    }
    if (error != SSL_ERROR_ZERO_RETURN) return fail(DtlsFault::protocol);
    SSL_shutdown(ssl.get());  // answers with ours (RFC 5246 section 7.2.1)
    state = DtlsState::closed;
    keys.reset();
}

DtlsSession::DtlsSession(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
DtlsSession::~DtlsSession() = default;

std::unique_ptr<DtlsSession> DtlsSession::make(const DtlsIdentity& identity, DtlsRole role, const Fingerprint& peer,
                                               base::TimeMs now) {
    ERR_clear_error();
    auto impl = std::make_unique<Impl>();
    impl->peer.fingerprint = peer;
    impl->role = role;
    impl->deadline = now + kDtlsHandshakeMs;
    impl->ssl.reset(SSL_new(identity.context()));
    SSL* const ssl = impl->ssl.get();
    if (ssl == nullptr) return nullptr;
    BIO* const bio = make_datagram_bio(impl->port);
    if (bio == nullptr) return nullptr;
    SSL_set_bio(ssl, bio, bio);  // takes the one reference for both
    SSL_set_app_data(ssl, &impl->peer);
    SSL_set_mtu(ssl, static_cast<long>(kDtlsMtu));
    DTLS_set_timer_cb(ssl, next_retransmission_us);
    if (role == DtlsRole::active) {
        SSL_set_connect_state(ssl);
    } else {
        SSL_set_accept_state(ssl);
    }
    return std::unique_ptr<DtlsSession>(new DtlsSession(std::move(impl)));
}

void DtlsSession::start(base::TimeMs now) {
    if (impl_->role == DtlsRole::passive || impl_->is_started) return;
    impl_->is_started = true;
    impl_->deadline = now + kDtlsHandshakeMs;
    impl_->advance();
}

void DtlsSession::receive(Octets datagram, base::TimeMs now) {
    impl_->port.incoming = datagram;
    if (impl_->state == DtlsState::handshaking) {
        if (now >= impl_->deadline) {
            impl_->fail(DtlsFault::timeout);
        } else if (impl_->role == DtlsRole::passive || impl_->is_started) {
            impl_->advance();
        }
    } else if (impl_->state == DtlsState::connected) {
        impl_->read();
    }
    impl_->port.incoming = {};
}

std::optional<base::TimeMs> DtlsSession::next_timeout(base::TimeMs now) const noexcept {
    if (impl_->state != DtlsState::handshaking) return std::nullopt;
    timeval left{};
    if (DTLSv1_get_timeout(impl_->ssl.get(), &left) != 1) return impl_->deadline;
    // Rounded up: woken a part of a millisecond early, there would be nothing to do yet.
    const base::TimeMs left_ms = left.tv_sec * base::TimeMs{1000} + (left.tv_usec + 999) / 1000;
    return std::min(impl_->deadline, now + left_ms);
}

void DtlsSession::tick(base::TimeMs now) {
    if (impl_->state != DtlsState::handshaking) return;
    if (now >= impl_->deadline) return impl_->fail(DtlsFault::timeout);
    ERR_clear_error();
    if (DTLSv1_handle_timeout(impl_->ssl.get()) < 0) impl_->fail(DtlsFault::timeout);
}

void DtlsSession::close() {
    if (impl_->state != DtlsState::connected && impl_->state != DtlsState::handshaking) return;
    ERR_clear_error();
    // In a handshake there is nothing to close in the peer's eyes; it will give up as we do.
    // An alert is written without asking whether there is a buffer for it.
    if (impl_->state == DtlsState::connected && SSL_alloc_buffers(impl_->ssl.get()) == 1) {
        SSL_shutdown(impl_->ssl.get());
    }
    impl_->state = DtlsState::closed;
    impl_->keys.reset();
}

Outbox& DtlsSession::outbox() noexcept { return impl_->port.outgoing; }
DtlsState DtlsSession::state() const noexcept { return impl_->state; }
DtlsFault DtlsSession::fault() const noexcept { return impl_->fault; }
const std::optional<SrtpKeys>& DtlsSession::keys() const noexcept { return impl_->keys; }

}  // namespace sr::webrtc
