#include "engine/inflow_control.hpp"

#include <algorithm>

namespace sr::engine {
namespace {

constexpr double kOverrun = 0.3;  // a burst of a thousand phones after a power cut stays below
constexpr double kLong = 0.06;    // some 5 ms of waiting
constexpr double kShort = 0.03;
constexpr std::uint32_t kFirstShare = InflowControl::kAll / 16;  // floods send some ten times what can be read
constexpr std::uint32_t kLeastShare = InflowControl::kAll / 256;
constexpr int kLooksBeforeMore = 5;
constexpr int kWaryLooks = 30'000 / InflowControl::kLook_ms;

}  // namespace

bool InflowControl::look(double fullness) noexcept {
    if (!is_limiting()) {
        if (wary_looks_ > 0) --wary_looks_;
        if (fullness < (wary_looks_ > 0 ? kLong : kOverrun)) return false;
        calm_looks_ = 0;
        share_ = kFirstShare;
        return true;
    }
    if (fullness >= kLong) {
        calm_looks_ = 0;
        share_ = std::max(share_ / 2, kLeastShare);
        return true;
    }
    if (fullness >= kShort || ++calm_looks_ < kLooksBeforeMore) return false;
    calm_looks_ = 0;
    share_ = share_ > kAll / 5 * 4 ? kAll : share_ + share_ / 4;
    if (!is_limiting()) wary_looks_ = kWaryLooks;
    return true;
}

}  // namespace sr::engine
