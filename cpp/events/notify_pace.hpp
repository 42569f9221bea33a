// How fast NOTIFYs leave: so that the receive buffers of watchers, and ours for their answers, hold.
//
// Theory of operation. A default receive buffer of Linux (208 KB) holds about 90 datagrams of 1.5 KB, or 160 small
// ones, by what the kernel counts for each. So at most kWindow NOTIFYs are unanswered per destination, and over all at
// most kPerMs leave in a millisecond, with kBurst at once after a pause: 1,000 are out in 25 ms. Of those that left
// over UDP within the last moments no more are unanswered than our own buffer has room for; who has not answered by
// then is not about to, so a dead host keeps nobody's place. A destination is an address or a connection; each has a
// lane of its own, lanes take turns, and one that does not answer holds up itself alone.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "base/clock.hpp"
#include "sip/flow.hpp"

namespace sr::events {

inline constexpr std::size_t kWindow = 64;
inline constexpr std::size_t kPerMs = 40;
inline constexpr std::size_t kBurst = 64;
inline constexpr base::TimeMs kMoment = 50;  // an answer on a LAN takes a few milliseconds

class NotifyPace {
  public:
    struct Lane;

    /// One's place in its lane: waiting, or out and unanswered. Nobody else has it.
    class Place {
      public:
        [[nodiscard]] bool is_waiting() const noexcept { return lane_ != nullptr && !is_out_; }

      private:
        friend class NotifyPace;
        Lane* lane_ = nullptr;
        std::list<std::uint64_t>::iterator at_{};
        bool is_out_ = false;
        base::TimeMs moment_ = 0;  // in which it went out over UDP
    };

    struct Lane {
        sip::Flow key;
        std::list<std::uint64_t> waiting;
        std::size_t unanswered = 0;
        bool is_in_turn = false;
    };

    /// How many answers our own receive buffer has room for.
    void set_room(std::size_t answers) noexcept { room_ = answers; }

    /// Queues `id`, which has no place yet, for the destination.
    void wait(Place& place, std::uint64_t id, const sip::Flow& flow, const sip::SocketAddress& to);
    /// Gives the place up, whichever it is.
    void leave(Place& place);

    /// Who is next, if anybody may send now; whoever is returned calls `go` or `leave`.
    [[nodiscard]] std::optional<std::uint64_t> next(base::TimeMs now_ms);
    /// It sends now, `messages` in all, and its NOTIFY is unanswered until it leaves.
    void go(Place& place, std::size_t messages, base::TimeMs now_ms);

    /// When `next` may have somebody again; kNever: not before an answer, or nobody waits.
    [[nodiscard]] base::TimeMs next_ms(base::TimeMs now_ms) const noexcept;

  private:
    struct FlowHash {
        std::size_t operator()(const sip::Flow& flow) const noexcept { return flow.hash(); }
    };

    void refill(base::TimeMs now_ms) noexcept;
    void turn_moments(base::TimeMs now_ms) noexcept;
    [[nodiscard]] bool has_room() const noexcept { return expected_ + expected_before_ < room_; }
    void take_turn(Lane& lane);
    void drop_if_idle(Lane& lane);

    std::unordered_map<sip::Flow, Lane, FlowHash> lanes_;
    std::list<Lane*> turns_;  // who wait and may send
    base::TimeMs refilled_ms_ = 0;
    std::size_t allowance_ = kBurst;
    std::size_t room_ = SIZE_MAX;
    base::TimeMs moment_ = 0;          // the number of this moment
    std::size_t expected_ = 0;         // answers to what left over UDP in it
    std::size_t expected_before_ = 0;  // and in the one before
};

}  // namespace sr::events
