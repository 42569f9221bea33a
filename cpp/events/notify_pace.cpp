#include "events/notify_pace.hpp"

#include <algorithm>

#include "dialog/timers.hpp"

namespace sr::events {

void NotifyPace::wait(Place& place, std::uint64_t id, const sip::Flow& flow, const sip::SocketAddress& to) {
    sip::Flow key = flow;
    if (flow.connection == 0) key.remote = to;
    Lane& lane = lanes_.try_emplace(key, Lane{key, {}}).first->second;
    lane.waiting.push_back(id);
    place.lane_ = &lane;
    place.at_ = std::prev(lane.waiting.end());
    place.is_out_ = false;
    take_turn(lane);
}

void NotifyPace::leave(Place& place) {
    if (place.lane_ == nullptr) return;
    Lane& lane = *place.lane_;
    if (place.is_out_) {
        --lane.unanswered;
        if (place.moment_ != 0 && place.moment_ == moment_) --expected_;
        if (place.moment_ != 0 && place.moment_ + 1 == moment_) --expected_before_;
        take_turn(lane);
    } else {
        lane.waiting.erase(place.at_);
    }
    place = {};
    drop_if_idle(lane);
}

std::optional<std::uint64_t> NotifyPace::next(base::TimeMs now_ms) {
    refill(now_ms);
    turn_moments(now_ms);
    while (allowance_ > 0 && has_room() && !turns_.empty()) {
        Lane& lane = *turns_.front();
        if (!lane.waiting.empty() && lane.unanswered < kWindow) {
            turns_.splice(turns_.end(), turns_, turns_.begin());
            return lane.waiting.front();
        }
        turns_.pop_front();
        lane.is_in_turn = false;
        drop_if_idle(lane);
    }
    return std::nullopt;
}

void NotifyPace::go(Place& place, std::size_t messages, base::TimeMs now_ms) {
    place.lane_->waiting.erase(place.at_);
    ++place.lane_->unanswered;
    place.is_out_ = true;
    turn_moments(now_ms);
    if (place.lane_->key.connection == 0) {
        place.moment_ = moment_;
        ++expected_;
    }
    allowance_ -= std::min(allowance_, messages);
}

base::TimeMs NotifyPace::next_ms(base::TimeMs now_ms) const noexcept {
    if (turns_.empty()) return dialog::kNever;
    if (!has_room()) return std::max((moment_ + 1) * kMoment, now_ms);
    return now_ms + (allowance_ == 0 ? 1 : 0);
}

void NotifyPace::turn_moments(base::TimeMs now_ms) noexcept {
    const base::TimeMs moment = now_ms / kMoment;
    if (moment <= moment_) return;
    expected_before_ = moment == moment_ + 1 ? expected_ : 0;
    expected_ = 0;
    moment_ = moment;
}

void NotifyPace::refill(base::TimeMs now_ms) noexcept {
    if (now_ms <= refilled_ms_) return;
    const auto passed = static_cast<std::size_t>(std::min<base::TimeMs>(now_ms - refilled_ms_, kBurst));
    allowance_ = std::min(kBurst, allowance_ + passed * kPerMs);
    refilled_ms_ = now_ms;
}

void NotifyPace::take_turn(Lane& lane) {
    if (lane.is_in_turn || lane.waiting.empty() || lane.unanswered >= kWindow) return;
    lane.is_in_turn = true;
    turns_.push_back(&lane);
}

void NotifyPace::drop_if_idle(Lane& lane) {
    if (lane.is_in_turn || !lane.waiting.empty() || lane.unanswered != 0) return;
    const sip::Flow key = lane.key;
    lanes_.erase(key);
}

}  // namespace sr::events
