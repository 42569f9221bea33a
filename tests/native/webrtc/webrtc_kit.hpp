// What the tests of the room share: octets from hexadecimal, addresses, random numbers that are the same in every run.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "sip/flow.hpp"
#include "webrtc/bytes.hpp"

namespace sr::webrtc::test {

using Buffer = std::vector<std::uint8_t>;

/// White space is skipped.
inline Buffer from_hex(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    Buffer octets;
    bool is_high = true;
    for (const char c : text) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos) continue;
        if (is_high) {
            octets.push_back(static_cast<std::uint8_t>(digit << 4));
        } else {
            octets.back() = static_cast<std::uint8_t>(octets.back() | digit);
        }
        is_high = !is_high;
    }
    return octets;
}

inline Octets octets_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline Buffer copy_of(Octets octets) { return {octets.begin(), octets.end()}; }

inline sip::SocketAddress address_of(const char* ip, std::uint16_t port) {
    return sip::SocketAddress::parse(ip, port).value();
}

/// SplitMix64.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t end) { return next() % end; }
    std::uint8_t octet() { return static_cast<std::uint8_t>(next()); }

  private:
    std::uint64_t state_;
};

}  // namespace sr::webrtc::test
