// All calls: finds the one that a message is for, keeps the limits, runs the timers.
//
// Theory of operation. One mutex over all calls: a LAN has hundreds, and a step takes microseconds. Every entry takes
// what has come and the time, and leaves in the outbox what is to be sent; nothing is sent or called under the lock.
// Events wait here until they are drained and are never lost: a call that has ended keeps its place among
// `Limits::calls` until its end was drained, and each call has at most one update and kMostWaitingInfos of INFO
// waiting, so the queue is bounded however long nobody drains it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "dialog/call.hpp"
#include "dialog/call_event.hpp"
#include "dialog/call_request.hpp"
#include "sip/gate.hpp"
#include "sip/reject_reason.hpp"

namespace sr::dialog {

struct Limits {
    std::size_t calls = 500;
};

/// Where we are, as the peer of a flow sees us.
struct LocalAddress {
    std::string ip;         // no brackets
    std::string host_port;  // as a URI and a Via have it
};

enum class Taken : std::uint8_t {
    done,       // whatever is to be answered is in the outbox
    new_call,   // an INVITE that begins a call: to be judged, then given to `begin`
    unmatched,  // for no call here: whoever asks says what that means (481)
    refused,    // `reason` says why
};

struct TakenRequest {
    Taken taken = Taken::unmatched;
    sip::RejectReason reason = sip::RejectReason::none;
};

class Calls {
  public:
    explicit Calls(std::function<std::uint64_t()> random);
    ~Calls();
    Calls(const Calls&) = delete;
    Calls& operator=(const Calls&) = delete;

    void set_limits(const Limits& limits);

    /// A request that the gate has let through.
    [[nodiscard]] TakenRequest take(const CallRequest& request, base::TimeMs now_ms, Outbox& out);

    /// The INVITE for which `take` said `new_call`, let in: 100 is sent, an event tells of it.
    [[nodiscard]] sip::RejectReason begin(const CallRequest& request, const LocalAddress& local, base::TimeMs now_ms,
                                          Outbox& out);

    /// A response that the gate has let through; false: to no request of ours.
    [[nodiscard]] bool take_response(const sip::RawHeaders& headers, std::uint16_t status, base::TimeMs now_ms,
                                     Outbox& out);

    /// The commands: false where there is no such call, or it does not wait for that.
    [[nodiscard]] bool ring(CallId id, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] bool answer(CallId id, std::string_view sdp, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] bool reject(CallId id, std::uint16_t status, std::string_view reason, base::TimeMs now_ms,
                              Outbox& out);
    [[nodiscard]] bool answer_update(CallId id, std::string_view sdp, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] bool reject_update(CallId id, std::uint16_t status, std::string_view reason, base::TimeMs now_ms,
                                     Outbox& out);
    [[nodiscard]] bool hang_up(CallId id, std::string_view reason, base::TimeMs now_ms, Outbox& out);

    /// Runs what is due.
    void advance(base::TimeMs now_ms, Outbox& out);

    /// Ends every call: BYE, or 503 where it is not answered. No new one is taken until `reopen`.
    void shut_down(base::TimeMs now_ms, Outbox& out);
    void reopen();
    /// Whether nobody is left who owes an answer to a BYE of ours.
    [[nodiscard]] bool is_quiet() const;
    /// Forgets every call without a word; ends are told.
    void clear();

    [[nodiscard]] std::vector<CallEvent> drain(std::size_t most);
    [[nodiscard]] bool has_events() const;
    /// Calls that are not over.
    [[nodiscard]] std::size_t count() const;

  private:
    struct Place;

    mutable std::mutex guard_;
};

}  // namespace sr::dialog
