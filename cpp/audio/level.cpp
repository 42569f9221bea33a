#include "audio/level.hpp"

#include <cmath>

namespace sr::audio {

std::uint8_t level_below_overload_db(Samples samples) noexcept {
    std::int64_t energy = 0;
    for (const std::int16_t sample : samples) energy += std::int32_t{sample} * sample;
    if (energy == 0) return kSilentLevel;
    constexpr double kOverload = 32768.0 * 32768.0;
    const double below_db =
        -10 * std::log10(static_cast<double>(energy) / static_cast<double>(samples.size()) / kOverload);
    if (below_db >= kSilentLevel) return kSilentLevel;
    return static_cast<std::uint8_t>(std::lround(below_db));
}

}  // namespace sr::audio
