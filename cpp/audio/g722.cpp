// G.722 at 64 kbit/s: spandsp's sub-band coders. The filter that joins the decoded bands is ours, for spandsp's does
// not saturate: a full-scale sine comes out of it with every sixteenth sample wrapped to the other sign.
#include <spandsp.h>
#include <spandsp/private/g722.h>

#include <algorithm>
#include <array>

#include "audio/line_codec.hpp"

namespace sr::audio {

namespace {

struct FreeEncoder {
    void operator()(g722_encode_state_t* state) const noexcept { g722_encode_free(state); }
};
struct FreeDecoder {
    void operator()(g722_decode_state_t* state) const noexcept { g722_decode_free(state); }
};

/// The receiving quadrature mirror filter (ITU-T G.722 section 4.4, coefficients of table 11).
class BandJoiner {
  public:
    /// Two samples of 16 kHz from one of each band.
    void join(std::int32_t low, std::int32_t high, std::int16_t* out) noexcept {
        // The sums and differences of the last twelve, newest first; one memory each, doubled so that none is shifted.
        position_ = position_ == 0 ? kTaps - 1 : position_ - 1;
        sums_[position_] = sums_[position_ + kTaps] = low + high;
        differences_[position_] = differences_[position_ + kTaps] = low - high;
        std::int32_t first = 0;
        std::int32_t second = 0;
        for (std::size_t i = 0; i < kTaps; ++i) {
            first += differences_[position_ + i] * kCoefficients[i];
            second += sums_[position_ + i] * kCoefficients[kTaps - 1 - i];
        }
        out[0] = saturate(first >> kShift);
        out[1] = saturate(second >> kShift);
    }

  private:
    static constexpr std::size_t kTaps = 12;
    static constexpr int kShift = 11;
    static constexpr std::array<std::int32_t, kTaps> kCoefficients{3,    -11,  12,  32,   -210, 951,
                                                                   3876, -805, 362, -156, 53,   -11};

    static std::int16_t saturate(std::int32_t value) noexcept {
        return static_cast<std::int16_t>(std::clamp(value, -32768, 32767));
    }

    std::size_t position_ = 0;
    std::array<std::int32_t, 2 * kTaps> sums_{};
    std::array<std::int32_t, 2 * kTaps> differences_{};
};

/// Two samples of 16 kHz an octet.
class G722 final : public LineCodec {
  public:
    G722() noexcept : encoder_(g722_encode_init(nullptr, 64000, 0)), decoder_(g722_decode_init(nullptr, 64000, 0)) {
        if (decoder_) decoder_->itu_test_mode = 1;  // gives the two bands, in turn and doubled
    }
    [[nodiscard]] bool is_made() const noexcept { return encoder_ && decoder_; }

    std::size_t samples_in(std::size_t octets) const noexcept override { return 2 * octets; }
    std::size_t octets_of(std::size_t samples) const noexcept override { return samples / 2; }
    void encode(Samples samples, OctetRoom room) noexcept override {
        g722_encode(encoder_.get(), room.data(), samples.data(), static_cast<int>(samples.size()));
    }
    void decode(Octets octets, SampleRoom room) noexcept override {
        g722_decode(decoder_.get(), room.data(), octets.data(), static_cast<int>(octets.size()));
        for (std::size_t i = 0; i + 1 < room.size(); i += 2) joiner_.join(room[i] >> 1, room[i + 1] >> 1, &room[i]);
    }

  private:
    std::unique_ptr<g722_encode_state_t, FreeEncoder> encoder_;
    std::unique_ptr<g722_decode_state_t, FreeDecoder> decoder_;
    BandJoiner joiner_;
};

}  // namespace

std::unique_ptr<LineCodec> make_g722() {
    auto codec = std::make_unique<G722>();
    if (!codec->is_made()) return nullptr;
    return codec;
}

}  // namespace sr::audio
