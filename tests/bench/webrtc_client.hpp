// One browser of the load generator: a socket of its own, ICE as the controlling side, DTLS in the role that the answer
// leaves, SRTP. It speaks to any server: ours, Janus, aiortc.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "audio/rtp_packet.hpp"
#include "base/clock.hpp"
#include "media/datagram_io.hpp"
#include "sdp/session_description.hpp"
#include "webrtc/dtls_session.hpp"
#include "webrtc/ice_lite.hpp"
#include "webrtc/packet_kind.hpp"
#include "webrtc/srtp.hpp"
#include "webrtc/stun.hpp"

namespace bench {

using namespace sr;

/// What one 20 ms packet carries, and how loud its header says it is.
struct Speech {
    std::vector<std::uint8_t> payload;
    std::uint8_t level = audio::AudioLevel{}.below_overload_db;
};

class WebRtcClient {
  public:
    static constexpr std::uint8_t kPayloadType = 111;
    static constexpr std::uint8_t kLevelExtension = 1;

    /// `address`: its own, port 0.
    WebRtcClient(const webrtc::DtlsIdentity& identity, const sip::SocketAddress& address, std::uint32_t number)
        : identity_(identity),
          socket_(std::get<media::UdpSocket>(media::UdpSocket::open(address))),
          ice_(webrtc::IceCredentials::generate()),
          ssrc_(0x5C000000 + number) {}

    [[nodiscard]] int descriptor() const { return socket_.descriptor(); }
    [[nodiscard]] bool is_connected() const { return sender_ && receiver_; }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    [[nodiscard]] std::uint64_t received() const { return received_; }
    /// Packets that the sequence numbers promise and that did not come.
    [[nodiscard]] std::uint64_t missing() const {
        return received_ == 0 ? 0 : static_cast<std::uint64_t>(highest_ - first_ + 1) - received_;
    }
    void forget_counts() {
        sent_ = received_ = 0;
        has_source_ = false;
    }

    [[nodiscard]] std::string offer() const {
        const std::string port = std::to_string(socket_.address().port);
        const std::string ip = socket_.address().ip_text();
        return "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
               "m=audio " +
               port + " UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 " + ip + "\r\na=rtcp:" + port + " IN IP4 " + ip +
               "\r\na=candidate:1 1 udp 2122260223 " + ip + " " + port + " typ host\r\na=ice-ufrag:" + ice_.ufrag +
               "\r\na=ice-pwd:" + ice_.pwd + "\r\na=fingerprint:" + identity_.fingerprint().text() +
               "\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n"
               "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
               "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=end-of-candidates\r\na=ssrc:" +
               std::to_string(ssrc_) + " cname:bench\r\n";
    }

    /// What is wrong with the answer, if anything.
    [[nodiscard]] std::string take_answer(const std::string& text) {
        const auto parsed = sdp::parse(text);
        const auto* description = std::get_if<sdp::SessionDescription>(&parsed);
        if (description == nullptr || description->media.empty()) return "the answer is no description of media";
        const sdp::MediaSection& audio = description->media.front();
        const auto or_session = [](const auto& own, const auto& session) { return own.empty() ? session : own; };
        remote_ice_.ufrag = or_session(audio.transport.ice_ufrag, description->transport.ice_ufrag);
        remote_ice_.pwd = or_session(audio.transport.ice_pwd, description->transport.ice_pwd);
        for (const auto& candidate : audio.candidates) {
            if (candidate.address.ip == socket_.address().ip) remote_ = candidate.address;
        }
        if (remote_.port == 0) return "the answer has no candidate of this address";
        const auto fingerprints = or_session(audio.transport.fingerprints, description->transport.fingerprints);
        for (const auto& one : fingerprints) {
            if (one.function == sdp::HashFunction::sha_256) {
                peer_ = {webrtc::FingerprintHash::sha256, one.size, one.octets};
            }
        }
        if (peer_.size == 0) return "the answer has no SHA-256 fingerprint";
        const sdp::Setup setup =
            audio.transport.setup != sdp::Setup::none ? audio.transport.setup : description->transport.setup;
        const auto role = setup == sdp::Setup::active ? webrtc::DtlsRole::passive : webrtc::DtlsRole::active;
        dtls_ = webrtc::DtlsSession::make(identity_, role, peer_, base::monotonic_now_ms());
        return {};
    }

    /// A check that nominates, as long as none was answered; and what DTLS has to repeat.
    void push_connection() {
        if (!is_checked_) return check();
        const base::TimeMs now = base::monotonic_now_ms();
        if (const auto due = dtls_->next_timeout(now); due && *due <= now) {
            dtls_->tick(now);
            follow_handshake();
        }
    }

    /// RFC 7675: the server may forget us without it.
    void check() {
        std::array<std::uint8_t, 256> room{};
        webrtc::StunTransaction transaction{};
        std::memcpy(transaction.data(), &++checks_, sizeof checks_);
        webrtc::StunWriter writer(room, webrtc::StunClass::request, transaction);
        writer.add_text(webrtc::StunAttribute::username, remote_ice_.ufrag + ":" + ice_.ufrag)
            .add_u32(webrtc::StunAttribute::priority, 1853824767)
            .add_u64(webrtc::StunAttribute::ice_controlling, 7)
            .add_flag(webrtc::StunAttribute::use_candidate);
        send_datagram(writer.add_integrity(key_of(remote_ice_)).add_fingerprint().finish());
    }

    void send_speech(const Speech& speech) {
        std::array<std::uint8_t, media::kMostDatagramOctets> room;
        audio::RtpWriter writer(room, {kPayloadType, sequence_ == 0, sequence_, timestamp_, ssrc_});
        writer.audio_level(kLevelExtension, {speech.level, speech.level < 60});
        const std::size_t size = writer.finish(speech.payload);
        ++sequence_;
        timestamp_ += 960;
        const auto sealed = sender_->protect(room, size);
        if (!sealed) return;
        ++sent_;
        send_datagram(audio::Octets(room).first(sealed.length));
    }

    /// One datagram, if any waits. `hear` gets RTP packets, opened.
    template <class Hear>
    bool receive(Hear&& hear) {
        std::array<std::uint8_t, media::kMostDatagramOctets> room;
        const ssize_t size = recv(descriptor(), room.data(), room.size(), MSG_DONTWAIT);
        if (size <= 0) return false;
        const std::span<std::uint8_t> datagram(room.data(), static_cast<std::size_t>(size));
        switch (webrtc::classify(datagram)) {
            case webrtc::PacketKind::stun: take_stun(datagram); break;
            case webrtc::PacketKind::dtls:
                if (dtls_) {
                    dtls_->receive(datagram, base::monotonic_now_ms());
                    follow_handshake();
                }
                break;
            case webrtc::PacketKind::rtp: take_rtp(datagram, hear); break;
            case webrtc::PacketKind::rtcp:
            case webrtc::PacketKind::other: break;
        }
        return true;
    }

    void close() {
        if (!dtls_) return;
        dtls_->close();
        follow_handshake();
    }

  private:
    static webrtc::Octets key_of(const webrtc::IceCredentials& credentials) {
        return {reinterpret_cast<const std::uint8_t*>(credentials.pwd.data()), credentials.pwd.size()};
    }

    void send_datagram(std::span<const std::uint8_t> octets) {
        const auto name = sip::to_native(remote_);
        if (sendto(descriptor(), octets.data(), octets.size(), 0, name.get(), name.size) < 0) std::perror("sendto");
    }

    void take_stun(webrtc::Octets datagram) {
        const auto message = webrtc::StunMessage::parse(datagram);
        if (!message) return;
        if (message->message_class() == webrtc::StunClass::success) {
            if (!std::exchange(is_checked_, true)) {
                dtls_->start(base::monotonic_now_ms());
                follow_handshake();
            }
        } else if (message->message_class() == webrtc::StunClass::request && message->is_authentic(key_of(ice_))) {
            // A server with the whole of ICE checks us as well.
            std::array<std::uint8_t, 128> room{};
            webrtc::StunWriter writer(room, webrtc::StunClass::success, message->transaction());
            send_datagram(
                writer.add_xor_mapped_address(remote_).add_integrity(key_of(ice_)).add_fingerprint().finish());
        }
    }

    template <class Hear>
    void take_rtp(std::span<std::uint8_t> datagram, Hear& hear) {
        if (!receiver_) return;
        const auto opened = receiver_->unprotect(datagram);
        if (!opened) return;
        const auto view = audio::RtpView::parse(datagram.first(opened.length));
        if (!view) return;
        count(*view);
        hear(*this, *view);
    }

    void count(const audio::RtpView& packet) {
        if (!has_source_ || source_ != packet.ssrc()) {
            has_source_ = true;
            source_ = packet.ssrc();
            first_ = highest_ = packet.sequence();
            received_ = 0;
        }
        ++received_;
        const auto ahead = static_cast<std::int16_t>(packet.sequence() - static_cast<std::uint16_t>(highest_));
        if (ahead > 0) highest_ += ahead;
    }

    void follow_handshake() {
        dtls_->outbox().drain([this](webrtc::Octets datagram) { send_datagram(datagram); });
        if (dtls_->state() != webrtc::DtlsState::connected || is_connected()) return;
        sender_ = webrtc::SrtpSender::make(dtls_->keys()->profile, dtls_->keys()->local);
        receiver_ = webrtc::SrtpReceiver::make(dtls_->keys()->profile, dtls_->keys()->remote);
    }

    const webrtc::DtlsIdentity& identity_;
    media::UdpSocket socket_;
    webrtc::IceCredentials ice_;
    webrtc::IceCredentials remote_ice_;
    sip::SocketAddress remote_;
    webrtc::Fingerprint peer_;
    std::unique_ptr<webrtc::DtlsSession> dtls_;
    std::unique_ptr<webrtc::SrtpSender> sender_;
    std::unique_ptr<webrtc::SrtpReceiver> receiver_;
    bool is_checked_ = false;
    bool has_source_ = false;
    std::uint32_t checks_ = 0;
    std::uint32_t ssrc_;
    std::uint16_t sequence_ = 0;
    std::uint32_t timestamp_ = 0;
    std::uint32_t source_ = 0;
    std::int64_t first_ = 0;
    std::int64_t highest_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
};

}  // namespace bench
