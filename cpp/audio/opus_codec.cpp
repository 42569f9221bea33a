#include "audio/opus_codec.hpp"

#include <opus/opus.h>

#include <algorithm>
#include <utility>

#include "audio/reframer.hpp"

namespace sr::audio {

namespace {

constexpr std::size_t kMostSilentOctets = 2;  // what opus_encode returns for a frame that need not be sent
constexpr std::uint32_t kConcealStep = 120;   // 2.5 ms: opus conceals multiples of it
constexpr std::uint32_t kBitrateOfChannel = 32000;
constexpr std::uint8_t kLeastLossPercent = 5;  // without expected loss opus writes no redundancy at all

struct Destroy {
    void operator()(OpusEncoder* encoder) const noexcept { opus_encoder_destroy(encoder); }
    void operator()(OpusDecoder* decoder) const noexcept { opus_decoder_destroy(decoder); }
};
using Encoder = std::unique_ptr<OpusEncoder, Destroy>;
using Decoder = std::unique_ptr<OpusDecoder, Destroy>;

class OpusPackets final : public AudioEncoder {
  public:
    OpusPackets(Encoder encoder, std::uint8_t channels, std::uint32_t ptime_ms, bool has_fec)
        : encoder_(std::move(encoder)),
          channels_(channels),
          has_fec_(has_fec),
          ticks_(kMixRateHz / 1000 * ptime_ms),
          reframer_(kFrameSamples * channels, std::size_t{ticks_} * channels) {}

    void push(const AudioFrame& frame) noexcept override {
        if (frame.channels == channels_) return append(frame);
        AudioFrame converted = frame;
        convert_channels(converted, channels_);
        append(converted);
    }

    std::optional<EncodedPayload> next(OctetRoom room) noexcept override {
        if (!reframer_.has_piece()) return std::nullopt;
        const auto size = opus_encode(encoder_.get(), reframer_.piece().data(), static_cast<int>(ticks_), room.data(),
                                      static_cast<opus_int32>(room.size()));
        reframer_.drop_piece();
        if (size < 0) return EncodedPayload{0, ticks_};  // the room was too small
        const auto octets = static_cast<std::size_t>(size);
        // The first silent frame is sent: it tells the receiver that nothing was lost after it.
        const bool was_silent = std::exchange(is_silent_, octets <= kMostSilentOctets);
        return EncodedPayload{is_silent_ && was_silent ? 0 : octets, ticks_};
    }

    void set_expected_loss(std::uint8_t percent) noexcept override {
        const int loss = std::clamp<int>(percent, has_fec_ ? kLeastLossPercent : 0, 100);
        opus_encoder_ctl(encoder_.get(), OPUS_SET_PACKET_LOSS_PERC(loss));
    }

  private:
    void append(const AudioFrame& frame) noexcept {
        std::ranges::copy(frame.samples(), reframer_.room().begin());
        reframer_.grow(frame.samples().size());
    }

    const Encoder encoder_;
    const std::uint8_t channels_;
    const bool has_fec_;
    const std::uint32_t ticks_;
    bool is_silent_ = false;
    Reframer reframer_;
};

class OpusSamples final : public AudioDecoder {
  public:
    OpusSamples(Decoder decoder, std::uint8_t channels) : decoder_(std::move(decoder)), channels_(channels) {}

    std::uint8_t channels() const noexcept override { return channels_; }
    std::uint32_t clock_rate_hz() const noexcept override { return kMixRateHz; }

    std::uint32_t duration_ticks(Octets payload) const noexcept override {
        if (payload.empty()) return 0;
        const int samples =
            opus_packet_get_nb_samples(payload.data(), static_cast<opus_int32>(payload.size()), kMixRateHz);
        return samples < 0 ? 0 : static_cast<std::uint32_t>(samples);
    }
    bool is_silence(Octets payload) const noexcept override { return payload.size() <= kMostSilentOctets; }

    std::size_t decode(Octets payload, SampleRoom room) noexcept override {
        if (payload.empty()) return 0;
        return run(payload, kMostDecodedSamples, room, false);
    }

    std::size_t conceal(std::uint32_t ticks, SampleRoom room) noexcept override {
        const auto asked = std::min<std::size_t>(ticks, kMostDecodedSamples);
        return std::min(run({}, whole_steps(asked), room, false), asked);
    }

    std::size_t decode_fec(Octets next_payload, std::uint32_t ticks, SampleRoom room) noexcept override {
        const auto asked = std::min<std::size_t>(ticks, kMostDecodedSamples);
        if (next_payload.empty()) return conceal(ticks, room);
        const std::size_t made = run(next_payload, whole_steps(asked), room, true);
        return made == 0 ? conceal(ticks, room) : std::min(made, asked);
    }

  private:
    static std::size_t whole_steps(std::size_t samples) noexcept {
        return (samples + kConcealStep - 1) / kConcealStep * kConcealStep;
    }
    std::size_t run(Octets payload, std::size_t samples, SampleRoom room, bool is_fec) noexcept {
        if (samples == 0) return 0;
        const int made = opus_decode(decoder_.get(), payload.empty() ? nullptr : payload.data(),
                                     static_cast<opus_int32>(payload.size()), room.data(), static_cast<int>(samples),
                                     is_fec ? 1 : 0);
        return made < 0 ? 0 : static_cast<std::size_t>(made);
    }

    const Decoder decoder_;
    const std::uint8_t channels_;
};

std::uint8_t coded_channels(const CodecSpec& spec) noexcept { return spec.is_stereo ? 2 : 1; }

}  // namespace

std::unique_ptr<AudioEncoder> make_opus_encoder(const CodecSpec& spec) {
    const std::uint8_t channels = coded_channels(spec);
    int error = OPUS_OK;
    Encoder encoder(opus_encoder_create(kMixRateHz, channels, OPUS_APPLICATION_VOIP, &error));
    if (!encoder) return nullptr;
    const std::uint32_t wished_bps = spec.bitrate_bps == 0 ? kBitrateOfChannel * channels : spec.bitrate_bps;
    // RFC 7587 section 6.1: 6,000-510,000.
    const auto bitrate_bps = static_cast<opus_int32>(std::clamp<std::uint32_t>(wished_bps, 6000, 510000));
    opus_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(bitrate_bps));
    opus_encoder_ctl(encoder.get(), OPUS_SET_COMPLEXITY(std::min<int>(spec.complexity, 10)));
    opus_encoder_ctl(encoder.get(), OPUS_SET_INBAND_FEC(spec.uses_inband_fec ? 1 : 0));
    opus_encoder_ctl(encoder.get(), OPUS_SET_DTX(spec.uses_dtx ? 1 : 0));
    const std::uint32_t ptime_ms = spec.ptime_ms == 30 ? 20 : spec.ptime_ms;
    auto packets = std::make_unique<OpusPackets>(std::move(encoder), channels, ptime_ms, spec.uses_inband_fec);
    packets->set_expected_loss(spec.expected_loss_percent);
    return packets;
}

std::unique_ptr<AudioDecoder> make_opus_decoder(const CodecSpec& spec) {
    const std::uint8_t channels = coded_channels(spec);
    int error = OPUS_OK;
    Decoder decoder(opus_decoder_create(kMixRateHz, channels, &error));
    if (!decoder) return nullptr;
    return std::make_unique<OpusSamples>(std::move(decoder), channels);
}

}  // namespace sr::audio
