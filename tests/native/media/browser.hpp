// A browser as the media port sees it: checks with ICE, is the DTLS client, and speaks Opus through SRTP.
#pragma once

#include "media_kit.hpp"

namespace sr::test {

class Browser final : public AudioPeer {
  public:
    Browser() : AudioPeer("opus", 48000, 2, 111), identity_(webrtc::DtlsIdentity::make()) { level_extension_ = 1; }

    [[nodiscard]] std::string offer(std::string_view direction = "sendrecv") const {
        return "v=0\r\no=- 4611731400430051336 " + std::to_string(version_) +
               " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
               "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:" + ufrag_ +
               "\r\na=ice-pwd:" + pwd_ + "\r\na=fingerprint:" + fingerprint() +
               "\r\na=setup:actpass\r\na=mid:0\r\na=" + std::string(direction) +
               "\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
               "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n";
    }
    std::string reoffer(std::string_view direction) {
        ++version_;
        return offer(direction);
    }
    void restart_ice() { ufrag_ = "again"; }
    void show_wrong_fingerprint() { has_wrong_fingerprint_ = true; }

    void take_answer(const std::string& text) {
        const auto parsed = sdp::parse(text);
        REQUIRE(std::holds_alternative<sdp::SessionDescription>(parsed));
        const sdp::MediaSection& audio = std::get<sdp::SessionDescription>(parsed).media.at(0);
        remote_ufrag_ = audio.transport.ice_ufrag;
        remote_pwd_ = audio.transport.ice_pwd;
        for (const auto& candidate : audio.candidates) {
            if (!candidate.address.is_ipv6) remote_ = candidate.address;
        }
        const auto& announced = audio.transport.fingerprints.at(0);
        peer_ = {webrtc::FingerprintHash::sha256, announced.size, announced.octets};
    }

    /// A connectivity check, answered with success or not at all.
    [[nodiscard]] bool check(bool is_nominating = true) {
        std::array<std::uint8_t, 256> room{};
        webrtc::StunTransaction transaction{};
        transaction[0] = ++checks_;
        webrtc::StunWriter writer(room, webrtc::StunClass::request, transaction);
        writer.add_text(webrtc::StunAttribute::username, remote_ufrag_ + ":" + ufrag_)
            .add_u32(webrtc::StunAttribute::priority, 1853824767)
            .add_u64(webrtc::StunAttribute::ice_controlling, 7);
        if (is_nominating) writer.add_flag(webrtc::StunAttribute::use_candidate);
        const auto* key = reinterpret_cast<const std::uint8_t*>(remote_pwd_.data());
        socket_.send(remote_, writer.add_integrity({key, remote_pwd_.size()}).add_fingerprint().finish());
        while (const auto answer = socket_.receive(1000)) {
            if (webrtc::classify(*answer) == webrtc::PacketKind::stun) return (*answer)[0] == 1 && (*answer)[1] == 1;
        }
        return false;
    }

    /// DTLS from its ClientHello to the keys.
    [[nodiscard]] bool shake_hands() {
        dtls_ = webrtc::DtlsSession::make(*identity_, webrtc::DtlsRole::active, peer_, base::monotonic_now_ms());
        dtls_->start(base::monotonic_now_ms());
        const base::TimeMs until = base::monotonic_now_ms() + kPatienceMs;
        while (dtls_->state() == webrtc::DtlsState::handshaking && base::monotonic_now_ms() < until) {
            dtls_->outbox().drain([this](webrtc::Octets datagram) { socket_.send(remote_, datagram); });
            if (const auto answer = socket_.receive(200)) {
                if (webrtc::classify(*answer) == webrtc::PacketKind::dtls) {
                    dtls_->receive(*answer, base::monotonic_now_ms());
                }
            } else {
                dtls_->tick(base::monotonic_now_ms());
            }
        }
        dtls_->outbox().drain([this](webrtc::Octets datagram) { socket_.send(remote_, datagram); });
        if (dtls_->state() != webrtc::DtlsState::connected) return false;
        sender_ = webrtc::SrtpSender::make(dtls_->keys()->profile, dtls_->keys()->local);
        receiver_ = webrtc::SrtpReceiver::make(dtls_->keys()->profile, dtls_->keys()->remote);
        return true;
    }

    [[nodiscard]] bool connect() { return check() && shake_hands(); }

    void send(std::span<const std::uint8_t> rtp) override {
        std::array<std::uint8_t, 2048> room{};
        std::memcpy(room.data(), rtp.data(), rtp.size());
        const auto sealed = sender_->protect(room, rtp.size());
        REQUIRE(sealed);
        socket_.send(remote_, std::span(room).first(sealed.length));
    }

    std::optional<Octets> receive_rtp(int patience_ms) override {
        while (auto packet = socket_.receive(patience_ms)) {
            if (webrtc::classify(*packet) != webrtc::PacketKind::rtp) continue;
            const auto opened = receiver_->unprotect(*packet);
            REQUIRE(opened);
            packet->resize(opened.length);
            return packet;
        }
        return std::nullopt;
    }

    /// The network changes: everything comes from another port from now on.
    void move() { socket_ = Socket(); }

  private:
    [[nodiscard]] std::string fingerprint() const {
        std::string text = identity_->fingerprint().text();
        if (has_wrong_fingerprint_) text.back() = text.back() == '0' ? '1' : '0';
        return text;
    }

    std::unique_ptr<const webrtc::DtlsIdentity> identity_;
    Socket socket_;
    std::string ufrag_ = "abcd";
    std::string pwd_ = "0123456789012345678901";
    std::string remote_ufrag_;
    std::string remote_pwd_;
    sip::SocketAddress remote_;
    webrtc::Fingerprint peer_;
    std::unique_ptr<webrtc::DtlsSession> dtls_;
    std::unique_ptr<webrtc::SrtpSender> sender_;
    std::unique_ptr<webrtc::SrtpReceiver> receiver_;
    std::uint8_t checks_ = 0;
    int version_ = 1;
    bool has_wrong_fingerprint_ = false;
};

}  // namespace sr::test
