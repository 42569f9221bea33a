// The one RTP stream that a leg sends: its numbers run on whatever feeds it - an encoder, another leg's packets, or
// both by turns - so that the receiver never takes a change of feed for loss or for a new stream (RFC 3550
// section 5.1).
#pragma once

#include <cstdint>

#include "audio/octets.hpp"
#include "audio/rtp_packet.hpp"

namespace sr::media {

class OutStream {
  public:
    /// The first numbers are random (RFC 3550 section 5.1), so they come from outside.
    OutStream(std::uint32_t ssrc, std::uint32_t clock_rate_hz, std::uint16_t first_sequence,
              std::uint32_t first_timestamp) noexcept
        : ssrc_(ssrc), clock_rate_hz_(clock_rate_hz), sequence_(first_sequence), timestamp_(first_timestamp) {}

    [[nodiscard]] std::uint32_t ssrc() const noexcept { return ssrc_; }

    /// Of what an encoder made. `ticks`: how long it lasts, also of what is not sent because the encoder is silent;
    /// then `is_sent` is false and the header must not be used.
    [[nodiscard]] audio::RtpHeader encoded(std::uint8_t payload_type, std::uint32_t ticks, bool is_sent,
                                           audio::TimeUs now_us) noexcept;

    /// Of another leg's packet: gaps in its numbers stay gaps, so that losses are concealed where they are heard.
    [[nodiscard]] audio::RtpHeader forwarded(std::uint8_t payload_type, const audio::RtpView& packet,
                                             audio::TimeUs now_us) noexcept;

  private:
    void begin_feed(std::uint64_t feed, audio::TimeUs now_us) noexcept;

    static constexpr std::uint64_t kNone = ~std::uint64_t{0};
    static constexpr std::uint64_t kEncoder = kNone - 1;

    std::uint32_t ssrc_;
    std::uint32_t clock_rate_hz_;
    std::uint16_t sequence_;     // of the next packet
    std::uint32_t timestamp_;    // of the next packet, if it follows at once
    audio::TimeUs last_us_ = 0;  // when the packet before was written
    std::uint64_t feed_ = kNone;
    bool is_marked_ = true;  // the next packet begins a spell of audio
    std::uint16_t sequence_offset_ = 0;
    std::uint32_t timestamp_offset_ = 0;
};

}  // namespace sr::media
