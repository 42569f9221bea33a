// Plain RTP. The address in a description is often wrong (NAT, several interfaces), so packets go where the peer's come
// from: symmetric RTP (RFC 4961), latching once.
#pragma once

#include <optional>

#include "media/leg_transport.hpp"
#include "media/port_pool.hpp"

namespace sr::media {

/// Where one kind of packet (RTP or RTCP) goes, and from where it is taken.
class Latch {
  public:
    void expect(const std::optional<sip::SocketAddress>& announced) noexcept;

    /// Whether a packet from there is to be taken. The first one decides; another source takes over only when the first
    /// has been silent for two seconds (a phone that restarted), so that nobody can speak into a call that goes on - or
    /// when it is the one that the description announces.
    [[nodiscard]] bool accept(const Path& path, audio::TimeUs now_us) noexcept;

    [[nodiscard]] const std::optional<Path>& path() const noexcept { return path_; }

  private:
    std::optional<sip::SocketAddress> announced_;
    std::optional<Path> path_;    // announced, until a packet came
    std::optional<Path> former_;  // until another address was announced
    bool is_latched_ = false;
    audio::TimeUs heard_us_ = 0;
};

class RtpTransport final : public LegTransport {
  public:
    RtpTransport(PortPair ports, const sdp::MediaTerms& terms) noexcept;

    [[nodiscard]] Unwrapped receive(const Arrival& arrival, int descriptor, audio::TimeUs now_us,
                                    SendBatch& out) noexcept override;
    std::size_t send_rtp(std::size_t octets, SendBatch& out) noexcept override;
    std::size_t send_rtcp(std::size_t octets, SendBatch& out) noexcept override;
    void tick(audio::TimeUs, SendBatch&) noexcept override {}
    void update(const sdp::MediaTerms& terms) override;
    void close(audio::TimeUs, SendBatch&) noexcept override {}
    [[nodiscard]] TransportState state() const noexcept override { return TransportState::connected; }
    [[nodiscard]] std::string_view reason() const noexcept override { return {}; }
    [[nodiscard]] sip::SocketAddress remote() const noexcept override;

    [[nodiscard]] const PortPair& ports() const noexcept { return ports_; }

  private:
    PortPair ports_;
    Latch rtp_;
    Latch rtcp_;
    bool has_rtcp_mux_ = false;
};

}  // namespace sr::media
