// A received stream as frames: the jitter buffer, the decoder, and what joins packets of any length to ticks of 20 ms.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "audio/audio_frame.hpp"
#include "audio/codec.hpp"
#include "audio/jitter_buffer.hpp"
#include "audio/rtp_packet.hpp"

namespace sr::audio {

/// One per leg that is decoded; a new one when the codec changes. Allocates when it is made and never after. Not for
/// several threads.
class Playout {
  public:
    /// `config.clock_rate_hz` is taken from the decoder, which is not null.
    Playout(std::unique_ptr<AudioDecoder> decoder, JitterConfig config);

    /// A packet of the decoder's payload type.
    void insert(const RtpView& packet, TimeUs arrival_us) noexcept;
    /// A packet of the same SSRC and another payload type (telephone-event, comfort noise), so that it is not missed.
    void insert_other(const RtpView& packet) noexcept { jitter_.insert_other(packet.ssrc(), packet.sequence()); }

    /// The next 20 ms, once per tick; false and a silent frame while there is no stream.
    [[nodiscard]] bool pop(TimeUs now_us, AudioFrame& out) noexcept;

    /// In the place of `pop` where nobody listens: 20 ms pass, the decoder rests.
    void skip(TimeUs now_us) noexcept;

    /// How much earlier the last `pop` could have been, always; nothing when no packet was played in it.
    [[nodiscard]] std::optional<TimeUs> spare_us() const noexcept { return spare_us_; }
    /// From when on there is something to be popped without haste; nothing while there is none.
    [[nodiscard]] std::optional<TimeUs> ready_us() const noexcept { return jitter_.ready_us(); }

    [[nodiscard]] const JitterStatistics& statistics() const noexcept { return jitter_.statistics(); }
    /// Of the last frame, decibels below overload.
    [[nodiscard]] std::uint8_t level() const noexcept { return level_; }

  private:
    // What is left of a frame, then the longest packet twice: the one to be shortened, and the one it is blended with.
    static constexpr std::size_t kRoom = (kFrameSamples + 2 * kMostDecodedSamples) * kMostChannels;

    [[nodiscard]] bool append_piece(TimeUs now_us) noexcept;
    [[nodiscard]] std::size_t decode(const JitterPiece& piece) noexcept;
    void shorten(std::size_t first, std::size_t second) noexcept;

    std::unique_ptr<AudioDecoder> decoder_;
    JitterBuffer jitter_;
    std::uint8_t channels_;
    std::uint8_t level_ = 127;
    std::optional<TimeUs> spare_us_;
    std::size_t ready_ = 0;    // samples per channel in `samples_`
    std::size_t skipped_ = 0;  // samples per channel that have passed unheard before their time
    std::array<std::int16_t, kRoom> samples_{};
};

}  // namespace sr::audio
