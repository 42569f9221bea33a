#include "audio/line_codec.hpp"

#include "audio/g711.hpp"

namespace sr::audio {

namespace {

template <std::uint8_t (*Encode)(std::int16_t), std::int16_t (*Decode)(std::uint8_t)>
class G711 final : public LineCodec {
  public:
    std::size_t samples_in(std::size_t octets) const noexcept override { return octets; }
    std::size_t octets_of(std::size_t samples) const noexcept override { return samples; }
    void encode(Samples samples, OctetRoom room) noexcept override {
        for (std::size_t i = 0; i < room.size(); ++i) room[i] = Encode(samples[i]);
    }
    void decode(Octets octets, SampleRoom room) noexcept override {
        for (std::size_t i = 0; i < room.size(); ++i) room[i] = Decode(octets[i]);
    }
};

/// RFC 3551 section 4.5.11: 16 bits in network order, the channels interleaved.
class L16 final : public LineCodec {
  public:
    explicit L16(std::uint8_t channels) noexcept : channels_(channels) {}

    std::size_t samples_in(std::size_t octets) const noexcept override {
        const std::size_t of_one = 2U * channels_;
        return octets % of_one == 0 ? octets / of_one : 0;
    }
    std::size_t octets_of(std::size_t samples) const noexcept override { return 2U * channels_ * samples; }
    void encode(Samples samples, OctetRoom room) noexcept override {
        for (std::size_t i = 0; i < samples.size(); ++i) write_u16(room, 2 * i, static_cast<std::uint16_t>(samples[i]));
    }
    void decode(Octets octets, SampleRoom room) noexcept override {
        for (std::size_t i = 0; i < room.size(); ++i) room[i] = static_cast<std::int16_t>(read_u16(octets, 2 * i));
    }

  private:
    std::uint8_t channels_;
};

}  // namespace

std::unique_ptr<LineCodec> make_ulaw() { return std::make_unique<G711<encode_ulaw, decode_ulaw>>(); }

std::unique_ptr<LineCodec> make_alaw() { return std::make_unique<G711<encode_alaw, decode_alaw>>(); }

std::unique_ptr<LineCodec> make_l16(std::uint8_t channels) { return std::make_unique<L16>(channels); }

}  // namespace sr::audio
