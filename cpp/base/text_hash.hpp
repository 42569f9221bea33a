// A keyed hash of text: peers choose the keys, so which of them collide must depend on a secret.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sr::base {

class TextHash {
  public:
    explicit TextHash(std::uint64_t seed) noexcept : seed_(seed) {}

    [[nodiscard]] std::uint64_t operator()(std::string_view text) const noexcept {
        std::uint64_t hash = seed_ ^ mix(text.size() ^ kPi0, kPi1);
        for (; text.size() >= sizeof hash; text.remove_prefix(sizeof hash)) {
            hash = mix(hash ^ read(text, sizeof hash), kPi1);
        }
        return mix(mix(hash ^ read(text, text.size()), kPi2), seed_ ^ kPi0);
    }

  private:
    // Digits of pi.
    static constexpr std::uint64_t kPi0 = 0x243F6A8885A308D3;
    static constexpr std::uint64_t kPi1 = 0x13198A2E03707345;
    static constexpr std::uint64_t kPi2 = 0xA4093822299F31D1;

    static std::uint64_t read(std::string_view text, std::size_t size) noexcept {
        std::uint64_t word = 0;
        if (size != 0) std::memcpy(&word, text.data(), size);
        return word;
    }

    /// The two halves of the 128-bit product, folded.
    static std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
        __extension__ using Wide = unsigned __int128;
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }

    std::uint64_t seed_;
};

}  // namespace sr::base
