// G.711: the two laws between 16-bit samples and octets (ITU-T G.711 tables 1 and 2).
#pragma once

#include <cstdint>

namespace sr::audio {

[[nodiscard]] std::int16_t decode_ulaw(std::uint8_t code) noexcept;
[[nodiscard]] std::int16_t decode_alaw(std::uint8_t code) noexcept;
[[nodiscard]] std::uint8_t encode_ulaw(std::int16_t sample) noexcept;
[[nodiscard]] std::uint8_t encode_alaw(std::int16_t sample) noexcept;

}  // namespace sr::audio
