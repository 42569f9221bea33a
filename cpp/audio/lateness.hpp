// How late packets are: what the jitter buffer's delay is made of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "audio/octets.hpp"

namespace sr::audio {

/// Measures against the quickest packet of the last ten seconds, and knows what 99 of the last 100-512 packets need.
class Lateness {
  public:
    Lateness() noexcept { clear(); }

    /// `transit_us`: arrival minus timestamp, on any common origin. Returns the lateness of this packet, 0 or more.
    TimeUs add(TimeUs transit_us, TimeUs arrival_us) noexcept;

    [[nodiscard]] TimeUs lowest_transit_us() const noexcept { return lowest_us_; }
    /// The lateness that at most one of 100 recent packets exceeds; with fewer than 100, the highest.
    [[nodiscard]] TimeUs percentile_us() const noexcept { return percentile_us_; }

    /// Forgets the transits, as a pause may have moved them all, and keeps what is known of their spread.
    void rebase() noexcept;
    void clear() noexcept;

  private:
    static constexpr std::size_t kSeconds = 10;
    static constexpr std::size_t kPackets = 512;
    static constexpr TimeUs kBucketUs = 2000;
    static constexpr std::size_t kBuckets = 256;  // the last one holds all above half a second

    void find_lowest(TimeUs transit_us, TimeUs arrival_us) noexcept;
    void follow_lowest() noexcept;
    void count(TimeUs transit_us) noexcept;
    void find_percentile() noexcept;

    std::array<TimeUs, kSeconds> lowest_of_second_{};
    std::int64_t second_ = 0;
    bool has_second_ = false;
    TimeUs lowest_us_ = 0;
    TimeUs first_bucket_us_ = 0;  // the transit at which the first bucket begins: at most one below the lowest
    std::array<std::uint8_t, kPackets> recent_{};  // buckets, as a ring
    std::array<std::uint16_t, kBuckets> counts_{};
    std::size_t packets_ = 0;
    std::size_t next_ = 0;
    TimeUs percentile_us_ = 0;
};

}  // namespace sr::audio
