// One subscription (RFC 6665 section 4.2): its dialog, what its watcher was told last, what he is to be told next.
//
// Theory of operation. It waits for policy, is active, ends (its last NOTIFY is still to be sent or answered), or is
// over and may be forgotten. At most one NOTIFY is unanswered; what changes meanwhile makes the next one due. It knows
// neither the other subscriptions nor the pace: whoever owns it asks `is_due`, and calls `notify` when it may go out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "dialog/call_event.hpp"
#include "dialog/call_request.hpp"
#include "dialog/client_transaction.hpp"
#include "dialog/message_text.hpp"
#include "dialog/timers.hpp"
#include "events/notify_pace.hpp"
#include "events/notify_text.hpp"
#include "events/resource_table.hpp"
#include "events/subscribe_request.hpp"
#include "events/values.hpp"

namespace sr::events {

using SubscriptionId = std::uint64_t;

/// Of our NOTIFYs; the id of the subscription follows.
inline constexpr std::string_view kNotifyPrefix = "z9hG4bKsrn-";
/// Until policy has answered `wanted`.
inline constexpr base::TimeMs kProvideWithin = 5'000;

/// What all subscriptions share in writing NOTIFYs: room that is used again.
struct NotifyRoom {
    std::string allow_events;
    std::string lines;
    std::string body;
};

/// What one NOTIFY gets from its owner.
struct NotifyTurn {
    std::uint64_t chance;  // makes its branch
    base::TimeMs interval_ms;
};

/// Who subscribes to what, and how he knows us.
struct NewSubscription {
    SubscriptionId id = 0;
    WatchedResource* resource = nullptr;
    Watcher watcher;
    dialog::LocalAddress local;
    std::string local_tag;
};

class Subscription {
  public:
    Subscription(const dialog::CallRequest& request, const SubscribeTerms& terms, NewSubscription made,
                 base::TimeMs now_ms);

    [[nodiscard]] SubscriptionId id() const noexcept { return id_; }
    [[nodiscard]] WatchedResource& resource() const noexcept { return *resource_; }
    [[nodiscard]] const Watcher& watcher() const noexcept { return watcher_; }
    [[nodiscard]] const dialog::DialogPath& path() const noexcept { return path_; }
    [[nodiscard]] bool supports_lists() const noexcept { return supports_lists_; }
    /// Waits for policy.
    [[nodiscard]] bool is_pending() const noexcept { return request_ != nullptr && !request_->is_accepted; }
    [[nodiscard]] bool is_ending() const noexcept { return end_ != EndReason::none; }
    [[nodiscard]] bool is_over() const noexcept { return is_over_; }
    /// Of the SUBSCRIBE that is not answered yet; empty: it is.
    [[nodiscard]] std::string_view unanswered_key() const noexcept;
    [[nodiscard]] bool is_of_dialog(const dialog::CallRequest& request) const noexcept;
    /// Whether this SUBSCRIBE means it, of whatever else may be in its dialog (section 4.5.1).
    [[nodiscard]] bool is_of_event(const SubscribeTerms& terms) const noexcept {
        return terms.package->name == resource_->name.package && terms.event_id == event_id_;
    }
    [[nodiscard]] SubscriptionReport report(base::TimeMs now_ms) const;

    /// Policy lets it in; the 200 leaves with the first NOTIFY.
    void accept(base::TimeMs now_ms);
    /// The initial SUBSCRIBE is refused; over.
    void refuse(std::uint16_t status, std::string_view lines, dialog::Outbox& out);

    /// A SUBSCRIBE of this one, judged and in order; 200 is sent, and a NOTIFY is due (section 4.2.1.2). Whether the
    /// watcher is elsewhere now: what is under way to where he was is given up.
    [[nodiscard]] bool refresh(const dialog::CallRequest& request, const SubscribeTerms& terms, base::TimeMs now_ms,
                               dialog::Outbox& out);

    /// Who may watch is asked of the registrar each time that the watcher speaks.
    void note_registered(bool is_registered) noexcept { watcher_.is_registered = is_registered; }

    /// The resource's document is another one.
    void change() noexcept { is_changed_ = true; }
    /// The last NOTIFY is due; what it says of the state depends on the reason.
    void end(EndReason reason) noexcept;
    /// What is under way and unanswered is not waited for any longer; whether anything was. Not of the last NOTIFY.
    [[nodiscard]] bool give_up_notify() noexcept;
    /// No NOTIFY can reach the watcher any more.
    void lose() noexcept { is_over_ = true; }

    /// A NOTIFY is to go out now.
    [[nodiscard]] bool is_due(base::TimeMs now_ms) const noexcept;
    /// Sends it, and before it the 200 that is still due. How many messages that is.
    std::size_t notify(const NotifyTurn& turn, NotifyRoom& room, base::TimeMs now_ms, dialog::Outbox& out);
    /// A NOTIFY is out and not answered.
    [[nodiscard]] bool is_notifying() const noexcept { return transaction_ != nullptr; }

    /// False: to no NOTIFY of this one.
    bool take_response(std::string_view branch, std::uint16_t status, std::uint32_t retry_after_s, base::TimeMs now_ms);

    /// When `advance` has something to do at the latest.
    [[nodiscard]] base::TimeMs due_ms() const noexcept;
    void advance(base::TimeMs now_ms, dialog::Outbox& out);

    // The owner's.
    NotifyPace::Place place;
    base::TimeMs armed_ms = dialog::kNever;
    std::size_t place_in_resource = 0;

  private:
    /// The initial SUBSCRIBE until it is answered.
    struct Unanswered {
        dialog::ReplyHead head;
        std::string key;
        base::TimeMs decide_by_ms;
        bool is_accepted = false;
    };

    [[nodiscard]] base::TimeMs notify_due_ms() const noexcept;
    /// When one that ends waits no more for its turn: those before it at its destination have not been answered for as
    /// long as a NOTIFY is repeated. Else a dead host would keep its places for as long as its lane takes.
    [[nodiscard]] base::TimeMs give_up_at_ms() const noexcept { return expires_at_ms_ + dialog::kTransactionLife; }
    [[nodiscard]] std::string granted_lines() const;
    [[nodiscard]] const Text* choose_text() const noexcept;
    void answer(dialog::Outbox& out);
    [[nodiscard]] std::string write_notify(std::string_view branch, NotifyRoom& room, base::TimeMs now_ms);
    void fail_notify(std::uint16_t status, std::uint32_t retry_after_s, base::TimeMs now_ms) noexcept;
    void set_expiry(std::uint32_t expires_s, base::TimeMs now_ms) noexcept;

    const SubscriptionId id_;
    WatchedResource* const resource_;
    Watcher watcher_;
    std::optional<std::string> event_id_;
    dialog::DialogPath path_;
    std::unique_ptr<Unanswered> request_;
    std::unique_ptr<dialog::ClientTransaction> transaction_;
    base::TimeMs expires_at_ms_ = dialog::kNever;
    base::TimeMs next_change_ms_ = 0;  // not before (RFC 3856 section 6.10)
    base::TimeMs retry_at_ms_ = 0;     // not before: the watcher asked for it by Retry-After
    std::uint64_t told_serial_ = 0;    // of the document that he has for sure; 0: none
    std::uint64_t sent_serial_ = 0;    // of the one that is under way
    std::uint64_t notified_ = 0;
    std::uint32_t expires_s_ = 0;
    std::uint32_t version_ = 0;
    EndReason end_ = EndReason::none;
    bool supports_lists_ = false;
    bool is_full_due_ = false;  // at once, the whole document
    bool is_changed_ = false;   // not before its time, part of it may do
    bool is_last_out_ = false;
    bool is_over_ = false;
};

}  // namespace sr::events
