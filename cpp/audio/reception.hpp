// What RTCP reports about a stream (RFC 3550 section 6.4 and appendix A): one object per SSRC received or sent.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "audio/octets.hpp"
#include "audio/rtcp.hpp"

namespace sr::audio {

/// The reception of one SSRC.
class Reception {
  public:
    Reception(std::uint32_t ssrc, std::uint32_t clock_rate_hz) noexcept : ssrc_(ssrc), clock_rate_hz_(clock_rate_hz) {}

    /// Appendix A.1 and A.8. A jump of the sequence by 3,000 or more counts from its second packet on, as a restart.
    void receive(std::uint16_t sequence, std::uint32_t timestamp, TimeUs arrival_us) noexcept;
    void receive_sender_report(const SenderInfo& info, TimeUs now_us) noexcept;

    /// The next report; the fraction lost is that since the last call.
    [[nodiscard]] ReportBlock report(TimeUs now_us) noexcept;

    [[nodiscard]] std::uint32_t ssrc() const noexcept { return ssrc_; }
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    /// Expected but not received (appendix A.3); negative where duplicates outnumber them.
    [[nodiscard]] std::int64_t lost() const noexcept;
    [[nodiscard]] double jitter_ms() const noexcept { return jitter_ticks_ * 1000.0 / clock_rate_hz_; }

  private:
    void restart(std::uint16_t sequence) noexcept;
    void measure_jitter(std::uint32_t timestamp, TimeUs arrival_us) noexcept;
    [[nodiscard]] std::int64_t expected() const noexcept;

    const std::uint32_t ssrc_;
    const std::uint32_t clock_rate_hz_;
    bool is_started_ = false;
    std::int64_t first_sequence_ = 0;
    std::int64_t highest_sequence_ = 0;  // extended by its cycles
    std::optional<std::uint16_t> expected_restart_;
    std::uint64_t received_ = 0;
    std::int64_t received_before_ = 0;  // at the last report
    std::int64_t expected_before_ = 0;
    std::int64_t received_since_restart_ = 0;
    bool has_transit_ = false;
    std::uint32_t last_transit_ticks_ = 0;
    double jitter_ticks_ = 0;
    std::uint32_t last_sr_ = 0;
    TimeUs last_sr_at_us_ = 0;
};

/// The transmission of one SSRC, and what its receiver reports about it.
class Transmission {
  public:
    Transmission(std::uint32_t ssrc, std::uint32_t clock_rate_hz) noexcept
        : ssrc_(ssrc), clock_rate_hz_(clock_rate_hz) {}

    /// `payload_octets` without header and padding.
    void send(std::size_t payload_octets, std::uint32_t timestamp, TimeUs now_us) noexcept;

    /// For a sender report to go out now; remembered, so that the report that answers it gives a round trip.
    [[nodiscard]] SenderInfo sender_info(TimeUs now_us, std::int64_t unix_time_us) noexcept;
    /// A report about this SSRC; others are passed over. Ones whose `last_sr` was never sent give no round trip.
    void receive_report(const ReportBlock& block, TimeUs now_us) noexcept;

    [[nodiscard]] std::uint32_t ssrc() const noexcept { return ssrc_; }
    [[nodiscard]] std::uint64_t packets() const noexcept { return packets_; }
    [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }
    [[nodiscard]] std::optional<double> round_trip_ms() const noexcept { return round_trip_ms_; }
    /// As the receiver last reported it: of 256, and its jitter.
    [[nodiscard]] std::uint8_t remote_fraction_lost() const noexcept { return remote_fraction_lost_; }
    [[nodiscard]] std::uint8_t remote_loss_percent() const noexcept {
        return static_cast<std::uint8_t>(remote_fraction_lost_ * 100 / 256);
    }
    [[nodiscard]] std::int32_t remote_lost() const noexcept { return remote_lost_; }
    [[nodiscard]] double remote_jitter_ms() const noexcept { return remote_jitter_ms_; }

  private:
    struct SentReport {
        std::uint32_t middle_ntp = 0;
        TimeUs at_us = 0;
    };

    const std::uint32_t ssrc_;
    const std::uint32_t clock_rate_hz_;
    std::uint64_t packets_ = 0;
    std::uint64_t octets_ = 0;
    std::uint32_t last_timestamp_ = 0;
    TimeUs last_sent_at_us_ = 0;
    std::array<SentReport, 4> reports_;  // the latest; the wall clock may be set, so they carry the monotonic time
    std::size_t next_report_ = 0;
    std::optional<double> round_trip_ms_;
    std::uint8_t remote_fraction_lost_ = 0;
    std::int32_t remote_lost_ = 0;
    double remote_jitter_ms_ = 0;
};

/// RFC 5905: seconds since 1900, and their fraction.
[[nodiscard]] std::uint64_t ntp_time(std::int64_t unix_time_us) noexcept;

}  // namespace sr::audio
