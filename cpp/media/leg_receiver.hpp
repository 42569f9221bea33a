// What one leg says: its packets told apart, counted, and decoded where anybody needs that.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "audio/level.hpp"
#include "audio/playout.hpp"
#include "audio/reception.hpp"
#include "audio/rtp_packet.hpp"
#include "audio/telephone_event.hpp"
#include "sdp/agreement.hpp"

namespace sr::media {

class LegReceiver {
  public:
    explicit LegReceiver(const sdp::MediaTerms& terms);

    void update(const sdp::MediaTerms& terms);

    struct Heard {
        std::optional<audio::RtpView> audio{};               // in a codec that was agreed on
        std::optional<sdp::Codec> codec{};                   // of `audio`
        std::optional<audio::DigitReceiver::Digit> digit{};  // that has ended
    };
    [[nodiscard]] Heard receive(std::span<const std::uint8_t> packet, audio::TimeUs now_us) noexcept;

    /// Whether packets are kept to be pulled. What was kept before is forgotten.
    void set_decoded(bool is_decoded) noexcept;

    /// The next 20 ms; false and silence while there is no stream.
    [[nodiscard]] bool pull(audio::TimeUs now_us, audio::AudioFrame& out) noexcept;
    /// Lets 20 ms pass unheard.
    void skip(audio::TimeUs now_us) noexcept;

    /// Whether somebody speaks. Legs that send no levels (RFC 6464) must be pulled to know; until then they may.
    [[nodiscard]] bool is_active(audio::TimeUs now_us) const noexcept;
    /// Decibels below overload, of the last packet or frame.
    [[nodiscard]] std::uint8_t level() const noexcept { return level_; }

    [[nodiscard]] audio::TimeUs last_packet_us() const noexcept { return last_packet_us_; }
    [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }
    [[nodiscard]] std::uint64_t packets() const noexcept { return packets_; }
    [[nodiscard]] std::optional<audio::Reception>& reception() noexcept { return reception_; }
    [[nodiscard]] const std::optional<audio::Reception>& reception() const noexcept { return reception_; }
    [[nodiscard]] const audio::Playout* playout() const noexcept { return playout_ ? &*playout_ : nullptr; }

  private:
    void hear_level(const audio::RtpView& packet, audio::TimeUs now_us) noexcept;
    void keep(const audio::RtpView& packet, const sdp::Codec& codec, audio::TimeUs now_us) noexcept;
    [[nodiscard]] std::optional<audio::DigitReceiver::Digit> hear_digit(const audio::RtpView& packet) noexcept;

    std::vector<sdp::AgreedFormat> formats_;
    std::vector<sdp::AgreedEvents> events_;
    std::vector<audio::DigitReceiver> digits_;  // one for each of `events_`
    std::uint8_t level_extension_ = 0;
    bool is_decoded_ = false;
    std::optional<sdp::Codec> codec_;  // of the playout
    std::optional<audio::Playout> playout_;
    std::optional<audio::Reception> reception_;
    std::uint8_t level_ = 127;
    audio::TimeUs last_loud_us_ = 0;
    audio::TimeUs last_packet_us_ = 0;
    std::uint64_t octets_ = 0;
    std::uint64_t packets_ = 0;
};

/// As the codecs' factories know it; `ptime_ms` is of what we send.
[[nodiscard]] audio::CodecSpec codec_spec(const sdp::AgreedFormat& format, std::uint16_t ptime_ms);

}  // namespace sr::media
