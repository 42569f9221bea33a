// A browser's packets: checks of ICE, then DTLS, then SRTP, all on one port (RFC 8834, RFC 5764).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/leg_transport.hpp"
#include "webrtc/dtls_session.hpp"
#include "webrtc/ice_lite.hpp"
#include "webrtc/srtp.hpp"

namespace sr::media {

class WebRtcTransport final : public LegTransport {
  public:
    /// `identity` outlives it. Failed from the start where there is no fingerprint that can be compared.
    WebRtcTransport(const webrtc::DtlsIdentity& identity, const sdp::MediaTerms& terms, audio::TimeUs now_us);

    [[nodiscard]] Unwrapped receive(const Arrival& arrival, int descriptor, audio::TimeUs now_us,
                                    SendBatch& out) noexcept override;
    std::size_t send_rtp(std::size_t octets, SendBatch& out) noexcept override;
    std::size_t send_rtcp(std::size_t octets, SendBatch& out) noexcept override;
    void tick(audio::TimeUs now_us, SendBatch& out) noexcept override;
    void update(const sdp::MediaTerms& terms) override;
    void close(audio::TimeUs now_us, SendBatch& out) noexcept override;
    [[nodiscard]] TransportState state() const noexcept override { return state_; }
    [[nodiscard]] std::string_view reason() const noexcept override { return reason_; }
    [[nodiscard]] sip::SocketAddress remote() const noexcept override;

    /// By which the first packets of a peer find their leg.
    [[nodiscard]] const std::string& local_ufrag() const noexcept { return ice_.local().ufrag; }
    [[nodiscard]] bool is_known(const sip::SocketAddress& source) const noexcept { return ice_.is_known(source); }
    [[nodiscard]] bool has_path() const noexcept { return path_.has_value(); }

  private:
    struct Route {
        Path path;
        int descriptor;
    };

    void receive_check(const Arrival& arrival, int descriptor, audio::TimeUs now_us, SendBatch& out) noexcept;
    void begin_handshake(const sdp::MediaTerms& terms, audio::TimeUs now_us);
    void follow_handshake(SendBatch& out) noexcept;
    void fail(std::string reason) noexcept;

    const webrtc::DtlsIdentity& identity_;
    webrtc::IceLite ice_;
    std::unique_ptr<webrtc::DtlsSession> dtls_;
    std::unique_ptr<webrtc::SrtpSender> sender_;
    std::unique_ptr<webrtc::SrtpReceiver> receiver_;
    std::vector<sdp::Fingerprint> fingerprints_;
    std::optional<Route> path_;
    bool is_started_ = false;  // the handshake
    bool is_keyed_ = false;    // with what the handshake agreed on
    TransportState state_ = TransportState::connecting;
    std::string reason_;
    audio::TimeUs now_us_;
};

}  // namespace sr::media
