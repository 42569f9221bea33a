// How a leg's packets travel: in the clear to an address, or through ICE, DTLS and SRTP.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "audio/octets.hpp"
#include "media/datagram_io.hpp"
#include "sdp/agreement.hpp"

namespace sr::media {

enum class TransportState : std::uint8_t { connecting, connected, failed };

enum class Content : std::uint8_t { none, rtp, rtcp };

struct Unwrapped {
    Content content = Content::none;
    std::span<std::uint8_t> octets{};  // in the arrival's own room
};

/// One leg's; used by its media thread only.
class LegTransport {
  public:
    LegTransport() = default;
    LegTransport(const LegTransport&) = delete;
    LegTransport& operator=(const LegTransport&) = delete;
    virtual ~LegTransport() = default;

    /// A packet that was sent to this leg; answers leave by `out`.
    [[nodiscard]] virtual Unwrapped receive(const Arrival& arrival, int descriptor, audio::TimeUs now_us,
                                            SendBatch& out) noexcept = 0;

    /// Sends the first `octets` of `out.room()`. The octets that were sent; 0 while there is no way.
    virtual std::size_t send_rtp(std::size_t octets, SendBatch& out) noexcept = 0;
    virtual std::size_t send_rtcp(std::size_t octets, SendBatch& out) noexcept = 0;

    /// Ten to fifty times a second: retransmissions and time-outs.
    virtual void tick(audio::TimeUs now_us, SendBatch& out) noexcept = 0;

    /// What a new offer and answer changed.
    virtual void update(const sdp::MediaTerms& terms) = 0;

    /// Says goodbye where the protocol has a word for it.
    virtual void close(audio::TimeUs now_us, SendBatch& out) noexcept = 0;

    [[nodiscard]] virtual TransportState state() const noexcept = 0;
    /// Failed only: a sentence for the owner.
    [[nodiscard]] virtual std::string_view reason() const noexcept = 0;
    /// Where packets go now; a port of 0: nowhere yet.
    [[nodiscard]] virtual sip::SocketAddress remote() const noexcept = 0;
};

}  // namespace sr::media
