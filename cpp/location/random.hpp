// Random numbers for jitter and nonces: unpredictable enough by the seed, repeatable in tests.
#pragma once

#include <cstdint>

namespace sr::location {

/// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
  public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

    [[nodiscard]] std::uint64_t next() noexcept {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// Uniform in [low, high]; `low` where the interval is empty.
    [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
        if (high <= low) return low;
        return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
    }

    /// Any but 0.
    [[nodiscard]] std::uint32_t nonce() noexcept {
        while (true) {
            if (const auto value = static_cast<std::uint32_t>(next() >> 32); value != 0) return value;
        }
    }

  private:
    std::uint64_t state_;
};

}  // namespace sr::location
