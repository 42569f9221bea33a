// Time as the core counts it. Deciders are told the time; only the engine and the tests' virtual clock make it.
#pragma once

#include <chrono>
#include <cstdint>

namespace sr::base {

/// Milliseconds on the monotonic clock; an absolute instant.
using TimeMs = std::int64_t;

[[nodiscard]] inline TimeMs monotonic_now_ms() noexcept {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    return duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Milliseconds since 1970 on the wall clock, for people to read; nothing is decided by it.
[[nodiscard]] inline std::int64_t wall_now_ms() noexcept {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    return duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace sr::base
