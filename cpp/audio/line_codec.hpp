// Codecs that know samples only: no packets, no loss, no memory of what was sent but their own filters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "audio/audio_frame.hpp"
#include "audio/codec.hpp"
#include "audio/octets.hpp"

namespace sr::audio {

struct LineFormat {
    std::uint32_t rate_hz = 8000;   // of the samples
    std::uint32_t clock_hz = 8000;  // of the RTP timestamps
    std::uint8_t channels = 1;
};

/// One direction of one stream; interleaved samples at the format's rate.
class LineCodec {
  public:
    virtual ~LineCodec() = default;
    LineCodec(const LineCodec&) = delete;
    LineCodec& operator=(const LineCodec&) = delete;

    /// Samples of each channel in so many octets; 0 where they end within a sample.
    [[nodiscard]] virtual std::size_t samples_in(std::size_t octets) const noexcept = 0;
    /// The other way round; `samples` make whole octets.
    [[nodiscard]] virtual std::size_t octets_of(std::size_t samples) const noexcept = 0;
    /// Both fill their room, which is as long as `samples_in` says.
    virtual void encode(Samples samples, OctetRoom room) noexcept = 0;
    virtual void decode(Octets octets, SampleRoom room) noexcept = 0;

  protected:
    LineCodec() = default;
};

[[nodiscard]] std::unique_ptr<LineCodec> make_ulaw();
[[nodiscard]] std::unique_ptr<LineCodec> make_alaw();
[[nodiscard]] std::unique_ptr<LineCodec> make_l16(std::uint8_t channels);
/// Null when memory is gone.
[[nodiscard]] std::unique_ptr<LineCodec> make_g722();

/// The packets around a line codec. Null when `codec` is, or when memory is gone.
[[nodiscard]] std::unique_ptr<AudioEncoder> make_line_encoder(std::unique_ptr<LineCodec> codec, LineFormat format,
                                                              std::uint32_t ptime_ms);
[[nodiscard]] std::unique_ptr<AudioDecoder> make_line_decoder(std::unique_ptr<LineCodec> codec, LineFormat format);

}  // namespace sr::audio
