// Digits as RTP events (RFC 4733), sent and received.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "audio/octets.hpp"
#include "audio/rtp_packet.hpp"

namespace sr::audio {

/// `0`-`9`, `*`, `#`, `A`-`D` for the event codes 0-15 (RFC 4733 section 3.2); nothing for any other.
[[nodiscard]] std::optional<char> event_digit(std::uint8_t code) noexcept;
[[nodiscard]] std::optional<std::uint8_t> digit_event(char digit) noexcept;

/// The payload of a telephone-event packet (section 2.3), of four octets.
struct TelephoneEvent {
    std::uint8_t code = 0;
    bool is_end = false;
    std::uint8_t below_overload_db = 10;  // "volume": 0-63
    std::uint16_t duration_ticks = 0;
    bool operator==(const TelephoneEvent&) const = default;

    [[nodiscard]] static std::optional<TelephoneEvent> parse(Octets payload) noexcept;
    void write(OctetRoom four_octets) const noexcept;
};

/// Makes one digit of the many packets of one key press, whichever of them are lost, doubled or out of order.
class DigitReceiver {
  public:
    explicit DigitReceiver(std::uint32_t clock_rate_hz) noexcept : clock_rate_hz_(clock_rate_hz) {}

    struct Digit {
        char digit = 0;
        bool is_end = false;            // false: it begins, told once; true: its end came, told once as well
        std::uint32_t duration_ms = 0;  // so far
    };
    /// What a packet tells that was not known before. A digit of which only the end comes begins and ends with it, and
    /// is told once, with `is_end`.
    [[nodiscard]] std::optional<Digit> receive(const RtpView& packet) noexcept;

  private:
    const std::uint32_t clock_rate_hz_;
    bool has_event_ = false;
    bool has_ended_ = false;
    std::uint32_t ssrc_ = 0;
    std::uint32_t timestamp_ = 0;     // of the event's current segment
    std::uint32_t ticks_before_ = 0;  // of its segments before (section 2.5.1.3)
    std::uint16_t longest_ticks_ = 0;
    std::uint8_t code_ = 0;
};

/// Sends digits one after another: a packet each 20 ms, the last one three times (section 2.5.1.4), then a pause.
class DigitSender {
  public:
    explicit DigitSender(std::uint32_t clock_rate_hz) noexcept : clock_rate_hz_(clock_rate_hz) {}

    /// False for what is no digit, or when 32 are waiting. `duration_ms` is held within 40-6000, and within
    /// what one segment's 16 bits can tell (1,360 at 48 kHz); steps of 20.
    bool push(char digit, std::uint32_t duration_ms) noexcept;

    struct Packet {
        TelephoneEvent event;
        std::uint32_t timestamp = 0;  // that of the event's beginning
        bool is_marked = false;       // its first packet
    };
    /// To be called each 20 ms with the timestamp that audio would carry, in this event's clock. While there is a
    /// packet, it goes out in the place of audio.
    [[nodiscard]] std::optional<Packet> tick(std::uint32_t rtp_timestamp) noexcept;
    [[nodiscard]] bool is_busy() const noexcept { return waiting_ != 0 || state_ != State::Idle; }

  private:
    enum class State : std::uint8_t { Idle, Sounding, Ending, Pausing };
    struct Press {
        std::uint8_t code = 0;
        std::uint16_t duration_ms = 0;
    };
    [[nodiscard]] Packet sound(bool is_first) noexcept;

    const std::uint32_t clock_rate_hz_;
    std::array<Press, 32> presses_{};
    std::size_t first_ = 0;
    std::size_t waiting_ = 0;
    State state_ = State::Idle;
    Press current_;
    std::uint32_t timestamp_ = 0;
    std::uint32_t sounded_ms_ = 0;
    std::uint32_t steps_left_ = 0;  // of the state
};

}  // namespace sr::audio
