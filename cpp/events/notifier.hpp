// All subscriptions (RFC 6665): who watches what, what each was told last, and when the next NOTIFY is due.
//
// Theory of operation. As dialog::Calls: one mutex, every entry takes what has come and the time and leaves in the
// outbox what is to be sent. A resource's document is kept here while anybody watches it, so a SUBSCRIBE to it, its
// refresh and the NOTIFY that follows never meet policy. A resource that is not known yet is asked for, once; its
// watchers wait for the answer. Changes mark subscriptions as due; NOTIFYs leave in `advance`, a burst at a time, so
// that receive buffers hold, each subscription's at most once in an interval, the last state always.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "dialog/call_event.hpp"
#include "dialog/call_request.hpp"
#include "dialog/message_text.hpp"
#include "events/values.hpp"
#include "sip/reject_reason.hpp"

namespace sr::events {

enum class Taken : std::uint8_t {
    done,     // whatever is to be answered is in the outbox
    initial,  // begins a subscription: to be judged at the door, then given to `begin`
    refused,  // `reason` says why
};

struct TakenRequest {
    Taken taken = Taken::refused;
    sip::RejectReason reason = sip::RejectReason::none;
};

/// Safe from any thread.
class Notifier {
  public:
    using Random = std::function<std::uint64_t()>;

    /// `random` makes tags and branches that nobody can guess.
    explicit Notifier(Random random);
    ~Notifier();
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    void apply(NotifierConfig config, base::TimeMs now_ms, dialog::Outbox& out);
    /// How many answers to NOTIFYs our UDP sockets' receive buffers hold: more are not asked for at once.
    void set_answer_room(std::size_t answers);

    /// A SUBSCRIBE that the gate has let through, and that is no repetition of an answered one.
    [[nodiscard]] TakenRequest take(const dialog::CallRequest& request, const Watcher& watcher, base::TimeMs now_ms,
                                    dialog::Outbox& out);

    /// The SUBSCRIBE for which `take` said `initial`, let in; unless a reason is returned it is answered now or once
    /// policy has spoken.
    [[nodiscard]] sip::RejectReason begin(const dialog::CallRequest& request, const Watcher& watcher,
                                          const dialog::LocalAddress& local, base::TimeMs now_ms, dialog::Outbox& out);

    /// The header lines that a refusal of a SUBSCRIBE or PUBLISH carries: Allow-Events, Min-Expires, Accept (the types
    /// of `package`; of all, where it is none), Require, Retry-After. Not Unsupported, whose tags
    /// `unsupported_by_notifier` has.
    [[nodiscard]] std::string refusal_lines(sip::RejectReason reason, std::string_view package = {}) const;

    /// A response that the gate has let through; false: to no NOTIFY of ours. `retry_after_s`: 0 where it has none.
    bool take_response(std::string_view branch, std::uint16_t status, std::uint32_t retry_after_s, base::TimeMs now_ms,
                       dialog::Outbox& out);

    void provide(const Resource& resource, Audience audience, Document document, bool is_list, base::TimeMs now_ms,
                 dialog::Outbox& out);
    void refuse(const Resource& resource, std::string_view reason, base::TimeMs now_ms, dialog::Outbox& out);

    /// Runs what is due, at most one burst of NOTIFYs. When it is to be called next at the latest; kNever: nothing
    /// waits.
    [[nodiscard]] base::TimeMs advance(base::TimeMs now_ms, dialog::Outbox& out);

    /// The same without doing anything: for whoever sleeps, after any other call.
    [[nodiscard]] base::TimeMs next_due_ms(base::TimeMs now_ms) const;

    /// Whether any subscription is notified down this connection.
    [[nodiscard]] bool uses(const sip::Flow& flow) const;
    /// The connection is gone, and with it the subscriptions that were made over it.
    void lose_flow(const sip::Flow& flow, base::TimeMs now_ms, dialog::Outbox& out);

    /// Ends every subscription with a NOTIFY (terminated, probation, with a time to come back); takes no new one until
    /// `reopen`.
    void shut_down(base::TimeMs now_ms, dialog::Outbox& out);
    void reopen();
    /// No subscription is left, nor its last NOTIFY unanswered.
    [[nodiscard]] bool is_quiet() const { return count() == 0; }

    [[nodiscard]] std::vector<WatchEvent> drain(std::size_t most);
    [[nodiscard]] bool has_events() const;
    /// Those that are not ending.
    [[nodiscard]] std::vector<SubscriptionReport> report(base::TimeMs now_ms) const;
    /// All that take a place, ending or not.
    [[nodiscard]] std::size_t count() const;

  private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace sr::events
