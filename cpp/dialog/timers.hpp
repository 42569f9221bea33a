// RFC 3261 section 17 and its relatives, in milliseconds.
#pragma once

#include <cstdint>
#include <limits>

#include "base/clock.hpp"

namespace sr::dialog {

inline constexpr base::TimeMs kT1 = 500;
inline constexpr base::TimeMs kT2 = 4'000;
inline constexpr base::TimeMs kT4 = 5'000;
inline constexpr base::TimeMs kTransactionLife = 64 * kT1;  // timers B, F, H, J
inline constexpr base::TimeMs kNever = std::numeric_limits<base::TimeMs>::max();

inline constexpr base::TimeMs kDecideWithin = 10'000;   // until policy has rung, answered or refused
inline constexpr base::TimeMs kAnswerWithin = 180'000;  // as a proxy's timer C waits (section 16.6 step 11)
inline constexpr base::TimeMs kProgressEvery = 60'000;  // section 13.3.1.1: or a proxy gives up
inline constexpr base::TimeMs kShortestRetry = 2'100;   // before a refused request of ours is tried again
inline constexpr base::TimeMs kOwnByeLinger = kT4;      // for what crosses our BYE

}  // namespace sr::dialog
