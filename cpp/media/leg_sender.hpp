// What one leg hears, as packets: encoded for it alone, encoded once for many, or another leg's passed on.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "audio/codec.hpp"
#include "audio/reception.hpp"
#include "media/leg_transport.hpp"
#include "media/out_stream.hpp"

namespace sr::media {

/// Room for the payload of any codec in one packet.
inline constexpr std::size_t kMostPayloadOctets = 1500;
using PayloadRoom = std::array<std::uint8_t, kMostPayloadOctets>;

/// The random beginnings of an RTP stream (RFC 3550 section 5.1).
struct StreamSeeds {
    std::uint32_t ssrc = 0;
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
};

class LegSender {
  public:
    LegSender(LegTransport& transport, const sdp::MediaTerms& terms, const StreamSeeds& seeds);

    void update(const sdp::MediaTerms& terms);

    /// A frame for this leg alone, through an encoder of its own. A silent tick is not encoded: its time passes.
    void send_frame(const audio::AudioFrame& frame, audio::TimeUs now_us, SendBatch& out) noexcept;

    /// What an encoder with the same `spec()` made; a payload of size 0 lets its time pass.
    void send_payload(const audio::EncodedPayload& payload, const PayloadRoom& octets, audio::TimeUs now_us,
                      SendBatch& out) noexcept;

    /// A packet of another leg in the codec of this one.
    void forward(const audio::RtpView& packet, audio::TimeUs now_us, SendBatch& out) noexcept;

    /// How this leg wants to be sent to; legs whose specs are equal can share an encoder.
    [[nodiscard]] const audio::CodecSpec& spec() const noexcept { return spec_; }
    [[nodiscard]] const sdp::Codec& codec() const noexcept { return format_.codec; }
    [[nodiscard]] std::uint8_t channels() const noexcept { return channels_; }

    [[nodiscard]] audio::Transmission& transmission() noexcept { return transmission_; }
    [[nodiscard]] const audio::Transmission& transmission() const noexcept { return transmission_; }
    [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }
    void set_expected_loss(std::uint8_t percent) noexcept;

  private:
    void send(const audio::RtpHeader& header, audio::Octets payload, audio::TimeUs now_us, SendBatch& out) noexcept;

    LegTransport& transport_;
    sdp::AgreedFormat format_;
    audio::CodecSpec spec_;
    std::uint8_t channels_ = 1;
    OutStream stream_;
    audio::Transmission transmission_;
    std::unique_ptr<audio::AudioEncoder> encoder_;  // made when it is first needed
    std::uint64_t octets_ = 0;
};

/// Whether one payload serves both.
[[nodiscard]] bool is_same_stream(const audio::CodecSpec& one, const audio::CodecSpec& other) noexcept;

}  // namespace sr::media
