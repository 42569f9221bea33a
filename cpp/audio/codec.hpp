// Codecs between payloads of RTP and the frames of the mixes: resampling, channels and packet times are inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "audio/audio_frame.hpp"
#include "audio/octets.hpp"

namespace sr::audio {

/// What an rtpmap and its fmtp agree on. Names as in SDP, without regard to case: opus, G722, PCMU, PCMA, L16.
struct CodecSpec {
    std::string name;
    std::uint32_t clock_rate_hz =
        8000;                     // of the RTP timestamps: 8000 for G722 (RFC 3551 section 4.5.2), 48000 for opus
    std::uint8_t channels = 1;    // as in the rtpmap: always 2 for opus, which has `is_stereo` besides
    std::uint32_t ptime_ms = 20;  // of what we send: 5, 10, 20, 30, 40 or 60
    // RFC 7587, as the receiver of the stream asked:
    bool uses_inband_fec = false;
    bool uses_dtx = false;
    bool is_stereo = false;
    std::uint32_t bitrate_bps = 0;  // maxaveragebitrate; 0 lets the encoder choose 32,000 a channel
    // Ours:
    std::uint8_t complexity = 5;             // of opus, 0-10: 5 takes half the time of 10
    std::uint8_t expected_loss_percent = 0;  // opus spends bits on FEC by it; with FEC at least 5 is taken
};

struct EncodedPayload {
    std::size_t size = 0;     // octets written; 0 where nothing is to be sent (DTX), though the timestamp goes on
    std::uint32_t ticks = 0;  // of the RTP clock, by which the timestamp of the next packet is higher
};

class AudioEncoder {
  public:
    virtual ~AudioEncoder() = default;
    AudioEncoder(const AudioEncoder&) = delete;
    AudioEncoder& operator=(const AudioEncoder&) = delete;

    /// Takes 20 ms of one or two channels; then `next` must be called until it has nothing.
    virtual void push(const AudioFrame& frame) noexcept = 0;
    /// The payload of one packet, written to `room` (1,500 octets suffice for all); nothing until enough was pushed.
    [[nodiscard]] virtual std::optional<EncodedPayload> next(OctetRoom room) noexcept = 0;
    /// As a receiver reports it; opus makes its FEC the stronger. Others do not care.
    virtual void set_expected_loss(std::uint8_t percent) noexcept = 0;

  protected:
    AudioEncoder() = default;
};

/// Holds 120 ms of samples at 48 kHz: the longest packet that opus allows.
inline constexpr std::size_t kMostDecodedSamples = 5760;

/// All that decode write interleaved samples at 48 kHz with `channels()` channels to `room`, which holds
/// `kMostDecodedSamples` per channel, and return the number of samples per channel.
class AudioDecoder {
  public:
    virtual ~AudioDecoder() = default;
    AudioDecoder(const AudioDecoder&) = delete;
    AudioDecoder& operator=(const AudioDecoder&) = delete;

    /// 1 or 2, and the same for the whole life.
    [[nodiscard]] virtual std::uint8_t channels() const noexcept = 0;
    [[nodiscard]] virtual std::uint32_t clock_rate_hz() const noexcept = 0;
    /// How long a payload lasts, without decoding it; 0 for one that is malformed or longer than 120 ms.
    [[nodiscard]] virtual std::uint32_t duration_ticks(Octets payload) const noexcept = 0;
    /// Whether the payload says that the sender now falls silent (opus with DTX: two octets at most).
    [[nodiscard]] virtual bool is_silence(Octets payload) const noexcept = 0;

    /// 0 for a malformed payload, after which `conceal` is due.
    [[nodiscard]] virtual std::size_t decode(Octets payload, SampleRoom room) noexcept = 0;
    /// `ticks` of audio for what was lost, from what was heard before; fades out when called again and again.
    /// During DTX it is opus' comfort noise.
    [[nodiscard]] virtual std::size_t conceal(std::uint32_t ticks, SampleRoom room) noexcept = 0;
    /// The lost packet of `ticks` out of the redundancy in the one after it; conceals where there is none.
    [[nodiscard]] virtual std::size_t decode_fec(Octets next_payload, std::uint32_t ticks,
                                                 SampleRoom room) noexcept = 0;

  protected:
    AudioDecoder() = default;
};

/// Whether both factories know it: name, clock rate and channels go together.
[[nodiscard]] bool is_supported(const CodecSpec& spec) noexcept;

/// Null for an unsupported spec or when memory is gone. Allocates; to be called when a leg is set up.
[[nodiscard]] std::unique_ptr<AudioEncoder> make_encoder(const CodecSpec& spec);
[[nodiscard]] std::unique_ptr<AudioDecoder> make_decoder(const CodecSpec& spec);

}  // namespace sr::audio
