#include "audio/telephone_event.hpp"

#include <algorithm>
#include <string_view>

#include "audio/sequence.hpp"

namespace sr::audio {

namespace {

constexpr std::string_view kDigits = "0123456789*#ABCD";
constexpr std::uint32_t kStepMs = 20;
constexpr std::uint32_t kLeastMs = 40;  // what receivers must recognise (ITU-T Q.24)
constexpr std::uint32_t kMostMs = 6000;
constexpr std::uint16_t kMostTicks = 0xFFFF;  // of a segment
constexpr std::uint32_t kEndRepetitions = 2;  // three end packets in all
constexpr std::uint32_t kPauseSteps = 2;

}  // namespace

std::optional<char> event_digit(std::uint8_t code) noexcept {
    if (code >= kDigits.size()) return std::nullopt;
    return kDigits[code];
}

std::optional<std::uint8_t> digit_event(char digit) noexcept {
    const char upper = digit >= 'a' && digit <= 'd' ? static_cast<char>(digit - 'a' + 'A') : digit;
    const std::size_t code = kDigits.find(upper);
    if (code == std::string_view::npos) return std::nullopt;
    return static_cast<std::uint8_t>(code);
}

std::optional<TelephoneEvent> TelephoneEvent::parse(Octets payload) noexcept {
    // Several events may stand in one payload only with redundancy (RFC 2198), which nobody negotiates with us.
    if (payload.size() < 4) return std::nullopt;
    return TelephoneEvent{payload[0], (payload[1] & 0x80) != 0, static_cast<std::uint8_t>(payload[1] & 0x3F),
                          read_u16(payload, 2)};
}

void TelephoneEvent::write(OctetRoom four_octets) const noexcept {
    four_octets[0] = code;
    four_octets[1] = static_cast<std::uint8_t>((is_end ? 0x80 : 0) | (below_overload_db & 0x3F));
    write_u16(four_octets, 2, duration_ticks);
}

std::optional<DigitReceiver::Digit> DigitReceiver::receive(const RtpView& packet) noexcept {
    const auto event = TelephoneEvent::parse(packet.payload());
    if (!event) return std::nullopt;
    const auto digit = event_digit(event->code);
    if (!digit) return std::nullopt;

    const std::int32_t later = timestamp_distance(timestamp_, packet.timestamp());
    const bool is_same_source = has_event_ && packet.ssrc() == ssrc_;
    if (is_same_source && later < 0) return std::nullopt;
    const bool is_next_segment = is_same_source && later > 0 && later % kMostTicks == 0 && event->code == code_ &&
                                 !has_ended_ && !packet.is_marked();
    bool is_news = false;
    if (is_next_segment) {
        ticks_before_ += static_cast<std::uint32_t>(later);
        longest_ticks_ = 0;
    } else if (!is_same_source || later > 0) {
        has_event_ = is_news = true;
        has_ended_ = false;
        ticks_before_ = 0;
        longest_ticks_ = 0;
        code_ = event->code;
        ssrc_ = packet.ssrc();
    }
    timestamp_ = packet.timestamp();
    longest_ticks_ = std::max(longest_ticks_, event->duration_ticks);
    if (event->is_end && !has_ended_) has_ended_ = is_news = true;
    if (!is_news) return std::nullopt;
    const std::uint64_t ticks = std::uint64_t{ticks_before_} + longest_ticks_;
    return Digit{*event_digit(code_), event->is_end, static_cast<std::uint32_t>(ticks * 1000 / clock_rate_hz_)};
}

bool DigitSender::push(char digit, std::uint32_t duration_ms) noexcept {
    const auto code = digit_event(digit);
    if (!code || waiting_ == presses_.size()) return false;
    const std::uint32_t most_ms = std::min(kMostMs, kMostTicks * 1000U / clock_rate_hz_ / kStepMs * kStepMs);
    const std::uint32_t held_ms = std::clamp(duration_ms, kLeastMs, most_ms);
    const auto rounded_ms = std::min(most_ms, (held_ms + kStepMs - 1) / kStepMs * kStepMs);
    presses_[(first_ + waiting_) % presses_.size()] = {*code, static_cast<std::uint16_t>(rounded_ms)};
    ++waiting_;
    return true;
}

DigitSender::Packet DigitSender::sound(bool is_first) noexcept {
    Packet packet;
    packet.event.code = current_.code;
    packet.event.is_end = state_ == State::Ending;
    packet.event.duration_ticks = static_cast<std::uint16_t>(sounded_ms_ * clock_rate_hz_ / 1000);
    packet.timestamp = timestamp_;
    packet.is_marked = is_first;
    return packet;
}

std::optional<DigitSender::Packet> DigitSender::tick(std::uint32_t rtp_timestamp) noexcept {
    switch (state_) {
        case State::Idle: {
            if (waiting_ == 0) return std::nullopt;
            current_ = presses_[first_];
            first_ = (first_ + 1) % presses_.size();
            --waiting_;
            state_ = State::Sounding;
            timestamp_ = rtp_timestamp;
            sounded_ms_ = kStepMs;
            return sound(true);
        }
        case State::Sounding: {
            sounded_ms_ += kStepMs;
            if (sounded_ms_ >= current_.duration_ms) {
                state_ = State::Ending;
                steps_left_ = kEndRepetitions;
            }
            return sound(false);
        }
        case State::Ending: {
            if (--steps_left_ == 0) {
                const Packet last = sound(false);
                state_ = State::Pausing;
                steps_left_ = kPauseSteps;
                return last;
            }
            return sound(false);
        }
        case State::Pausing: {
            if (--steps_left_ == 0) state_ = State::Idle;
            return std::nullopt;
        }
    }
    return std::nullopt;
}

}  // namespace sr::audio
