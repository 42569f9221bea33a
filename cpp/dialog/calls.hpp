// All calls: finds the one that a message is for, keeps the limits, runs the timers.
//
// Theory of operation. One mutex over all calls: a LAN has hundreds, and a step takes microseconds. Every entry takes
// what has come and the time, and leaves in the outbox what is to be sent; nothing is sent or called under the lock.
// Events wait here until they are drained and are never lost: a call that has ended keeps its place among
// `Limits::calls` until its end was drained, and each call has at most kMostWaitingEvents more of them waiting, so the
// queue is bounded however long nobody drains it. Calls that are over and only wait for what may still come late
// (ACK, copies of BYE) are bounded, too: the oldest is forgotten first, and its peer is answered as a stranger.
#pragma once

#include <cstdint>
#include <deque>
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

enum class Taken : std::uint8_t {
    done,       // whatever is to be answered is in the outbox
    new_call,   // an INVITE that begins a call: to be judged, then given to `begin`
    unmatched,  // for no call here: whoever asks says what that means
    refused,    // `reason` says why
};

struct TakenRequest {
    Taken taken = Taken::unmatched;
    sip::RejectReason reason = sip::RejectReason::none;
};

class Calls {
  public:
    /// `random` makes tags and branches that nobody can guess; called under the lock.
    explicit Calls(Call::Random random) : random_(std::move(random)) {}
    Calls(const Calls&) = delete;
    Calls& operator=(const Calls&) = delete;

    void set_limits(const Limits& limits);

    /// A request that the gate has let through.
    [[nodiscard]] TakenRequest take(const CallRequest& request, base::TimeMs now_ms, Outbox& out);

    /// The INVITE for which `take` said `new_call`, let in: 100 is sent and an event tells of it, unless a reason is
    /// returned.
    [[nodiscard]] sip::RejectReason begin(const CallRequest& request, const LocalAddress& local, base::TimeMs now_ms,
                                          Outbox& out);

    /// A response that the gate has let through; false: to no request of ours.
    bool take_response(std::string_view branch, std::uint16_t status, base::TimeMs now_ms, Outbox& out);

    // The commands: false where there is no such call, or it does not wait for that.
    bool ring(CallId id, base::TimeMs now_ms, Outbox& out);
    bool answer(CallId id, std::string_view sdp, base::TimeMs now_ms, Outbox& out);
    bool reject(CallId id, std::uint16_t status, std::string_view reason, base::TimeMs now_ms, Outbox& out);
    bool answer_update(CallId id, std::string_view sdp, base::TimeMs now_ms, Outbox& out);
    bool reject_update(CallId id, std::uint16_t status, std::string_view reason, base::TimeMs now_ms, Outbox& out);
    bool hang_up(CallId id, std::string_view reason, base::TimeMs now_ms, Outbox& out);

    /// Runs what is due.
    void advance(base::TimeMs now_ms, Outbox& out);

    /// Ends every call: BYE, or 503 where it is not answered. No new one is taken until `reopen`.
    void shut_down(base::TimeMs now_ms, Outbox& out);
    void reopen();
    /// Nobody owes an answer to a BYE of ours.
    [[nodiscard]] bool is_quiet() const;
    /// Forgets what is left after `shut_down`; ends that were not drained stay.
    void forget_all();

    /// The next events in order, at most `most`.
    [[nodiscard]] std::vector<CallEvent> drain(std::size_t most);
    [[nodiscard]] bool has_events() const;
    /// Whether any call that is still known goes over this connection.
    [[nodiscard]] bool uses(const sip::Flow& flow) const;
    /// The connection is gone, and with it the calls over it.
    void lose_flow(const sip::Flow& flow, base::TimeMs now_ms, Outbox& out);
    /// Calls that are not over.
    [[nodiscard]] std::size_t count() const;

  private:
    struct Entry {
        std::unique_ptr<Call> call;
        std::string transaction_key;  // of the INVITE that made it
        std::string merge_key;        // section 8.2.2.2
    };
    using Index = std::unordered_map<std::string, CallId>;

    [[nodiscard]] Call* find(CallId id) const noexcept;
    [[nodiscard]] Call* find(const Index& index, const std::string& key) const noexcept;
    [[nodiscard]] TakenRequest take_initial(const CallRequest& request, Outbox& out);
    [[nodiscard]] TakenRequest take_cancel(const CallRequest& request, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] std::size_t count_places() const noexcept { return calls_.size() - over_.size() + undrained_ends_; }

    template <class Step>
    bool command(CallId id, base::TimeMs now_ms, Outbox& out, Step step);
    /// After any step with a call: its events are kept here, its due time counts, and it may be forgotten.
    void settle(CallId id, base::TimeMs now_ms, Outbox& out);
    void keep_events(Outbox& out);
    void forget(CallId id);

    mutable std::mutex guard_;
    Call::Random random_;
    Limits limits_;
    std::unordered_map<CallId, Entry> calls_;
    Index by_tag_;
    Index by_transaction_;
    Index by_merge_;
    std::deque<CallEvent> events_;
    std::deque<CallId> over_;  // of calls_, the oldest first
    std::size_t undrained_ends_ = 0;
    CallId next_id_ = 1;
    base::TimeMs next_due_ms_ = kNever;
    bool is_shut_ = false;
};

}  // namespace sr::dialog
