#include "media/webrtc_transport.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "webrtc/packet_kind.hpp"

namespace sr::media {
namespace {

base::TimeMs to_ms(audio::TimeUs now_us) noexcept { return now_us / 1000; }

webrtc::IceCredentials to_webrtc(const sdp::IceCredentials& credentials) {
    return {credentials.ufrag, credentials.pwd};
}

std::optional<webrtc::Fingerprint> to_webrtc(const sdp::Fingerprint& fingerprint) noexcept {
    webrtc::Fingerprint converted;
    switch (fingerprint.function) {
        case sdp::HashFunction::sha_1: converted.hash = webrtc::FingerprintHash::sha1; break;
        case sdp::HashFunction::sha_256: converted.hash = webrtc::FingerprintHash::sha256; break;
        case sdp::HashFunction::sha_384: converted.hash = webrtc::FingerprintHash::sha384; break;
        case sdp::HashFunction::sha_512: converted.hash = webrtc::FingerprintHash::sha512; break;
        case sdp::HashFunction::sha_224: return std::nullopt;
    }
    converted.size = fingerprint.size;
    converted.octets = fingerprint.octets;
    return converted;
}

/// The strongest that can be compared: one that matches is enough (RFC 8122 section 5).
std::optional<webrtc::Fingerprint> choose(const std::vector<sdp::Fingerprint>& offered) noexcept {
    std::optional<webrtc::Fingerprint> best;
    for (const sdp::Fingerprint& one : offered) {
        const auto converted = to_webrtc(one);
        if (converted && (!best || converted->size > best->size)) best = converted;
    }
    return best;
}

}  // namespace

WebRtcTransport::WebRtcTransport(const webrtc::DtlsIdentity& identity, const sdp::MediaTerms& terms,
                                 audio::TimeUs now_us)
    : identity_(identity),
      ice_(to_webrtc(terms.local_ice), to_webrtc(terms.remote_ice), to_ms(now_us)),
      now_us_(now_us) {
    begin_handshake(terms, now_us);
}

void WebRtcTransport::begin_handshake(const sdp::MediaTerms& terms, audio::TimeUs now_us) {
    fingerprints_ = terms.remote_fingerprints;
    const auto peer = choose(fingerprints_);
    if (!peer)
        return fail("its offer has no certificate fingerprint that can be compared (SHA-256 is what browsers use)");
    const auto role = terms.dtls_role == sdp::DtlsRole::client ? webrtc::DtlsRole::active : webrtc::DtlsRole::passive;
    dtls_ = webrtc::DtlsSession::make(identity_, role, *peer, to_ms(now_us));
    is_started_ = is_keyed_ = false;
    if (!dtls_) fail("OpenSSL made no DTLS session");
}

void WebRtcTransport::update(const sdp::MediaTerms& terms) {
    if (to_webrtc(terms.local_ice) != ice_.local() || to_webrtc(terms.remote_ice) != ice_.remote()) {
        ice_.restart(to_webrtc(terms.local_ice), to_webrtc(terms.remote_ice), to_ms(now_us_));
    }
    // Another certificate is another DTLS association (RFC 8842 section 4); the keys of the old one serve until then.
    if (terms.remote_fingerprints != fingerprints_) begin_handshake(terms, now_us_);
}

Unwrapped WebRtcTransport::receive(const Arrival& arrival, int descriptor, audio::TimeUs now_us,
                                   SendBatch& out) noexcept {
    now_us_ = now_us;
    const webrtc::PacketKind kind = webrtc::classify(arrival.octets);
    if (kind == webrtc::PacketKind::stun) {
        receive_check(arrival, descriptor, now_us, out);
        return {};
    }
    if (!ice_.is_known(arrival.path.remote)) return {};
    if (kind == webrtc::PacketKind::dtls && dtls_) {
        dtls_->receive(arrival.octets, to_ms(now_us));
        follow_handshake(out);
        return {};
    }
    if (!receiver_) return {};
    const bool is_control = kind == webrtc::PacketKind::rtcp;
    if (!is_control && kind != webrtc::PacketKind::rtp) return {};
    const webrtc::SrtpResult opened =
        is_control ? receiver_->unprotect_rtcp(arrival.octets) : receiver_->unprotect(arrival.octets);
    if (!opened) return {};
    return {is_control ? Content::rtcp : Content::rtp, arrival.octets.first(opened.length)};
}

void WebRtcTransport::receive_check(const Arrival& arrival, int descriptor, audio::TimeUs now_us,
                                    SendBatch& out) noexcept {
    webrtc::IceLite::ReplyRoom room;
    const webrtc::IceOutcome outcome = ice_.receive(arrival.octets, arrival.path.remote, to_ms(now_us), room);
    if (!outcome.reply.empty()) {
        std::memcpy(out.room().data(), outcome.reply.data(), outcome.reply.size());
        out.commit(descriptor, arrival.path, outcome.reply.size());
    }
    if (outcome.verdict != webrtc::IceVerdict::valid) return;
    if (const auto selected = ice_.selected(); selected && *selected == arrival.path.remote) {
        path_ = Route{arrival.path, descriptor};
    }
    if (dtls_ && !std::exchange(is_started_, true)) {
        dtls_->start(to_ms(now_us));
        follow_handshake(out);
    }
}

void WebRtcTransport::follow_handshake(SendBatch& out) noexcept {
    dtls_->outbox().drain([&](webrtc::Octets datagram) {
        if (!path_ || datagram.size() > out.room().size()) return;
        std::memcpy(out.room().data(), datagram.data(), datagram.size());
        out.commit(path_->descriptor, path_->path, datagram.size());
    });
    switch (dtls_->state()) {
        case webrtc::DtlsState::connected:
            if (const auto& keys = dtls_->keys(); keys && !std::exchange(is_keyed_, true)) {
                sender_ = webrtc::SrtpSender::make(keys->profile, keys->local);
                receiver_ = webrtc::SrtpReceiver::make(keys->profile, keys->remote);
                if (!sender_ || !receiver_) return fail("OpenSSL refused the keys of SRTP");
                state_ = TransportState::connected;
            }
            break;
        case webrtc::DtlsState::failed:
            fail("the DTLS handshake failed: " + std::string(webrtc::dtls_fault_name(dtls_->fault())));
            break;
        case webrtc::DtlsState::closed: fail("the browser closed the connection"); break;
        case webrtc::DtlsState::handshaking: break;
    }
}

std::size_t WebRtcTransport::send_rtp(std::size_t octets, SendBatch& out) noexcept {
    if (!sender_ || !path_) return 0;
    const webrtc::SrtpResult sealed = sender_->protect(out.room(), octets);
    if (!sealed) return 0;
    out.commit(path_->descriptor, path_->path, sealed.length);
    return sealed.length;
}

std::size_t WebRtcTransport::send_rtcp(std::size_t octets, SendBatch& out) noexcept {
    if (!sender_ || !path_) return 0;
    const webrtc::SrtpResult sealed = sender_->protect_rtcp(out.room(), octets);
    if (!sealed) return 0;
    out.commit(path_->descriptor, path_->path, sealed.length);
    return sealed.length;
}

void WebRtcTransport::tick(audio::TimeUs now_us, SendBatch& out) noexcept {
    now_us_ = now_us;
    if (state_ == TransportState::failed) return;
    const base::TimeMs now_ms = to_ms(now_us);
    if (is_started_ && dtls_) {
        if (const auto due = dtls_->next_timeout(now_ms); due && *due <= now_ms) {
            dtls_->tick(now_ms);
            follow_handshake(out);
        }
    }
    // RFC 7675 section 5.1.
    if (now_ms >= ice_.consent_until()) fail("no connectivity check has come from it for 30 seconds");
}

void WebRtcTransport::close(audio::TimeUs, SendBatch& out) noexcept {
    if (!dtls_ || state_ == TransportState::failed) return;
    dtls_->close();
    follow_handshake(out);
}

void WebRtcTransport::fail(std::string reason) noexcept {
    if (state_ == TransportState::failed) return;
    state_ = TransportState::failed;
    reason_ = std::move(reason);
}

sip::SocketAddress WebRtcTransport::remote() const noexcept {
    return path_ ? path_->path.remote : sip::SocketAddress{};
}

}  // namespace sr::media
