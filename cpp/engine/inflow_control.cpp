#include "engine/inflow_control.hpp"

#include <algorithm>

namespace sr::engine {
namespace {

constexpr double kOverrun = 0.5;  // a burst of thousands of phones after a power cut stays below
constexpr double kLong = 0.1;     // some 5 ms of waiting
constexpr double kShort = 0.05;
constexpr std::uint32_t kLeastShare = InflowControl::kAll / 1024;
constexpr int kLooksBeforeMore = 5;

}  // namespace

bool InflowControl::look(double fullness) noexcept {
    if (fullness >= (is_limiting() ? kLong : kOverrun)) {
        calm_looks_ = 0;
        share_ = std::max(share_ / 2, kLeastShare);
        return true;
    }
    if (is_limiting() && fullness < kShort && ++calm_looks_ == kLooksBeforeMore) {
        calm_looks_ = 0;
        share_ = share_ > kAll / 5 * 4 ? kAll : share_ + share_ / 4;
        return true;
    }
    return false;
}

}  // namespace sr::engine
