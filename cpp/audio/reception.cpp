#include "audio/reception.hpp"

#include <algorithm>
#include <cmath>

#include "audio/sequence.hpp"

namespace sr::audio {

namespace {

constexpr std::int32_t kMaxDropout = 3000;  // RFC 3550 appendix A.1: from here on a jump is a restart
constexpr std::int32_t kMaxMisorder = 100;  // packets that come later than by this many are none of this stream
constexpr std::int64_t kUnixToNtpS = 2'208'988'800;
constexpr TimeUs kSecondUs = 1'000'000;

std::uint32_t to_ntp_short(TimeUs us) noexcept { return static_cast<std::uint32_t>(us * 65536 / kSecondUs); }

}  // namespace

void Reception::restart(std::uint16_t sequence) noexcept {
    is_started_ = true;
    first_sequence_ = highest_sequence_ = sequence;
    expected_restart_.reset();
    received_before_ = expected_before_ = received_since_restart_ = 0;
    has_transit_ = false;
}

void Reception::receive(std::uint16_t sequence, std::uint32_t timestamp, TimeUs arrival_us) noexcept {
    if (!is_started_) restart(sequence);
    const std::int64_t extended = unwrap_sequence(highest_sequence_, sequence);
    const std::int64_t ahead = extended - highest_sequence_;
    if (ahead >= kMaxDropout || ahead < -kMaxMisorder) {
        const bool is_second = expected_restart_ == sequence;
        expected_restart_ = static_cast<std::uint16_t>(sequence + 1);
        if (!is_second) return;
        restart(sequence);
    } else if (ahead > 0) {
        highest_sequence_ = extended;
        expected_restart_.reset();
    }
    ++received_;
    ++received_since_restart_;
    measure_jitter(timestamp, arrival_us);
}

void Reception::measure_jitter(std::uint32_t timestamp, TimeUs arrival_us) noexcept {
    // Whole seconds apart, so that days of uptime do not overflow; what counts is the difference modulo 2^32.
    const std::int64_t clock = clock_rate_hz_;
    const auto arrival =
        static_cast<std::uint32_t>(arrival_us / kSecondUs * clock + arrival_us % kSecondUs * clock / kSecondUs);
    const std::uint32_t transit = arrival - timestamp;
    if (has_transit_) {
        const double change = std::abs(static_cast<double>(timestamp_distance(last_transit_ticks_, transit)));
        // A sender that starts its timestamps anew is not jitter.
        if (change < clock_rate_hz_) jitter_ticks_ += (change - jitter_ticks_) / 16;
    }
    has_transit_ = true;
    last_transit_ticks_ = transit;
}

void Reception::receive_sender_report(const SenderInfo& info, TimeUs now_us) noexcept {
    last_sr_ = static_cast<std::uint32_t>(info.ntp_time >> 16);
    last_sr_at_us_ = now_us;
}

std::int64_t Reception::expected() const noexcept { return is_started_ ? highest_sequence_ - first_sequence_ + 1 : 0; }

std::int64_t Reception::lost() const noexcept { return expected() - received_since_restart_; }

ReportBlock Reception::report(TimeUs now_us) noexcept {
    const std::int64_t expected_now = expected() - expected_before_;
    const std::int64_t lost_now = expected_now - (received_since_restart_ - received_before_);
    expected_before_ = expected();
    received_before_ = received_since_restart_;

    ReportBlock block;
    block.ssrc = ssrc_;
    if (lost_now > 0)
        block.fraction_lost = static_cast<std::uint8_t>(std::min<std::int64_t>(255, lost_now * 256 / expected_now));
    block.cumulative_lost = static_cast<std::int32_t>(std::clamp<std::int64_t>(lost(), -0x800000, 0x7FFFFF));
    block.highest_sequence = static_cast<std::uint32_t>(highest_sequence_);
    block.jitter_ticks = static_cast<std::uint32_t>(jitter_ticks_);
    block.last_sr = last_sr_;
    if (last_sr_ != 0) block.delay_since_sr = to_ntp_short(now_us - last_sr_at_us_);
    return block;
}

void Transmission::send(std::size_t payload_octets, std::uint32_t timestamp, TimeUs now_us) noexcept {
    ++packets_;
    octets_ += payload_octets;
    last_timestamp_ = timestamp;
    last_sent_at_us_ = now_us;
}

SenderInfo Transmission::sender_info(TimeUs now_us, std::int64_t unix_time_us) noexcept {
    SenderInfo info;
    info.ntp_time = ntp_time(unix_time_us);
    // The timestamp that audio of this very instant would have (section 6.4.1).
    const auto ticks = packets_ == 0 ? 0 : (now_us - last_sent_at_us_) * clock_rate_hz_ / kSecondUs;
    info.rtp_timestamp = last_timestamp_ + static_cast<std::uint32_t>(ticks);
    info.packets = static_cast<std::uint32_t>(packets_);
    info.octets = static_cast<std::uint32_t>(octets_);
    reports_[next_report_] = {static_cast<std::uint32_t>(info.ntp_time >> 16), now_us};
    next_report_ = (next_report_ + 1) % reports_.size();
    return info;
}

void Transmission::receive_report(const ReportBlock& block, TimeUs now_us) noexcept {
    if (block.ssrc != ssrc_) return;
    remote_fraction_lost_ = block.fraction_lost;
    remote_lost_ = block.cumulative_lost;
    remote_jitter_ms_ = block.jitter_ticks * 1000.0 / clock_rate_hz_;
    if (block.last_sr == 0) return;
    const auto sent = std::ranges::find(reports_, block.last_sr, &SentReport::middle_ntp);
    if (sent == reports_.end()) return;
    const double held_us = block.delay_since_sr * (kSecondUs / 65536.0);
    // The peer's clock may tell a little more than passed.
    round_trip_ms_ = std::max(0.0, (static_cast<double>(now_us - sent->at_us) - held_us) / 1000);
}

std::uint64_t ntp_time(std::int64_t unix_time_us) noexcept {
    const auto seconds = static_cast<std::uint64_t>(unix_time_us / kSecondUs + kUnixToNtpS);
    const auto fraction = (static_cast<std::uint64_t>(unix_time_us % kSecondUs) << 32) / kSecondUs;
    return seconds << 32 | fraction;
}

}  // namespace sr::audio
