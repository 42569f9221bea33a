// The packets around a line codec: resampling, channels, packet times and concealment.
#include <algorithm>
#include <array>

#include "audio/concealment.hpp"
#include "audio/line_codec.hpp"
#include "audio/reframer.hpp"
#include "audio/resampler.hpp"

namespace sr::audio {

namespace {

constexpr std::size_t kMostOctets = 1400;  // of a payload, so that the packet is not fragmented on its way
constexpr std::uint32_t kMostMs = 120;

/// Halved until the payload fits a packet: L16 at high rates does not at 20 ms.
std::uint32_t fitting_ptime_ms(const LineCodec& codec, const LineFormat& format, std::uint32_t wished_ms) noexcept {
    std::uint32_t ptime_ms = wished_ms;
    while (ptime_ms > 1 && codec.octets_of(format.rate_hz * ptime_ms / 1000) > kMostOctets) ptime_ms /= 2;
    return ptime_ms;
}

class LineEncoder final : public AudioEncoder {
  public:
    LineEncoder(std::unique_ptr<LineCodec> codec, LineFormat format, std::unique_ptr<Resampler> resampler,
                std::uint32_t ptime_ms)
        : codec_(std::move(codec)),
          format_(format),
          resampler_(std::move(resampler)),
          samples_per_packet_(format.rate_hz * ptime_ms / 1000),
          octets_(codec_->octets_of(samples_per_packet_)),
          ticks_(format.clock_hz * ptime_ms / 1000),
          reframer_((format.rate_hz * kFrameMs / 1000 + 1U) * format.channels, samples_per_packet_ * format.channels) {}

    void push(const AudioFrame& frame) noexcept override {
        if (frame.channels == format_.channels) return resample(frame);
        AudioFrame converted = frame;
        convert_channels(converted, format_.channels);
        resample(converted);
    }

    std::optional<EncodedPayload> next(OctetRoom room) noexcept override {
        if (!reframer_.has_piece()) return std::nullopt;
        EncodedPayload payload{0, ticks_};
        if (octets_ <= room.size()) {
            codec_->encode(reframer_.piece(), room.first(octets_));
            payload.size = octets_;
        }
        reframer_.drop_piece();
        return payload;
    }

    void set_expected_loss(std::uint8_t /*percent*/) noexcept override {}

  private:
    void resample(const AudioFrame& frame) noexcept {
        reframer_.grow(resampler_->process(frame.samples(), reframer_.room()));
    }

    const std::unique_ptr<LineCodec> codec_;
    const LineFormat format_;
    const std::unique_ptr<Resampler> resampler_;
    const std::size_t samples_per_packet_;
    const std::size_t octets_;
    const std::uint32_t ticks_;
    Reframer reframer_;
};

class LineDecoder final : public AudioDecoder {
  public:
    LineDecoder(std::unique_ptr<LineCodec> codec, LineFormat format, std::unique_ptr<Resampler> resampler)
        : codec_(std::move(codec)), format_(format), resampler_(std::move(resampler)), concealment_(format.channels) {}

    std::uint8_t channels() const noexcept override { return format_.channels; }
    std::uint32_t clock_rate_hz() const noexcept override { return format_.clock_hz; }

    std::uint32_t duration_ticks(Octets payload) const noexcept override {
        const std::size_t samples = codec_->samples_in(payload.size());
        if (samples > format_.rate_hz * kMostMs / 1000) return 0;
        return static_cast<std::uint32_t>(samples * format_.clock_hz / format_.rate_hz);
    }
    bool is_silence(Octets /*payload*/) const noexcept override { return false; }

    std::size_t decode(Octets payload, SampleRoom room) noexcept override {
        if (duration_ticks(payload) == 0) return 0;
        std::array<std::int16_t, kMostDecodedSamples * kMostChannels> line;
        const SampleRoom decoded = SampleRoom(line).first(codec_->samples_in(payload.size()) * format_.channels);
        codec_->decode(payload, decoded);
        const std::size_t made = resampler_->process(decoded, room);
        concealment_.hear(room.first(made));
        return made / format_.channels;
    }

    std::size_t conceal(std::uint32_t ticks, SampleRoom room) noexcept override {
        const std::uint64_t samples = std::uint64_t{ticks} * kMixRateHz / format_.clock_hz;
        const std::size_t count = std::min<std::uint64_t>(samples, kMostDecodedSamples);
        concealment_.conceal(room.first(count * format_.channels));
        return count;
    }

    std::size_t decode_fec(Octets /*next_payload*/, std::uint32_t ticks, SampleRoom room) noexcept override {
        return conceal(ticks, room);
    }

  private:
    const std::unique_ptr<LineCodec> codec_;
    const LineFormat format_;
    const std::unique_ptr<Resampler> resampler_;
    Concealment concealment_;
};

}  // namespace

std::unique_ptr<AudioEncoder> make_line_encoder(std::unique_ptr<LineCodec> codec, LineFormat format,
                                                std::uint32_t ptime_ms) {
    auto resampler = Resampler::make(kMixRateHz, format.rate_hz, format.channels);
    if (!codec || !resampler) return nullptr;
    const std::uint32_t fitting_ms = fitting_ptime_ms(*codec, format, ptime_ms);
    return std::make_unique<LineEncoder>(std::move(codec), format, std::move(resampler), fitting_ms);
}

std::unique_ptr<AudioDecoder> make_line_decoder(std::unique_ptr<LineCodec> codec, LineFormat format) {
    auto resampler = Resampler::make(format.rate_hz, kMixRateHz, format.channels);
    if (!codec || !resampler) return nullptr;
    return std::make_unique<LineDecoder>(std::move(codec), format, std::move(resampler));
}

}  // namespace sr::audio
