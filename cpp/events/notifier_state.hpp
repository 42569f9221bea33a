// What the notifier keeps, under its mutex, and the steps that its entries share.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/text_hash.hpp"
#include "events/due_times.hpp"
#include "events/notifier.hpp"
#include "events/notify_pace.hpp"
#include "events/resource_table.hpp"
#include "events/subscribe_request.hpp"
#include "events/subscription.hpp"

namespace sr::events {

/// Guarded by `guard`, which whoever calls holds.
class Notifier::State {
  public:
    explicit State(Random source)
        : random(std::move(source)), resources(random()), unanswered_(0, base::TextHash(random())) {}

    void apply(NotifierConfig wanted, base::TimeMs now_ms, dialog::Outbox& out);
    [[nodiscard]] TakenRequest take(const dialog::CallRequest& request, const Watcher& watcher, base::TimeMs now_ms,
                                    dialog::Outbox& out);
    [[nodiscard]] sip::RejectReason begin(const dialog::CallRequest& request, const Watcher& watcher,
                                          const dialog::LocalAddress& local, base::TimeMs now_ms);
    bool take_response(std::string_view branch, std::uint16_t status, std::uint32_t retry_after_s, base::TimeMs now_ms);
    void provide(WatchedResource& resource, bool is_changed, base::TimeMs now_ms, dialog::Outbox& out);
    void refuse(WatchedResource& resource, std::string_view reason, base::TimeMs now_ms, dialog::Outbox& out);
    void advance(base::TimeMs now_ms, dialog::Outbox& out);
    [[nodiscard]] bool uses(std::uint64_t connection) const { return by_connection_.contains(connection); }
    void lose_flow(std::uint64_t connection, base::TimeMs now_ms);
    void shut_down(base::TimeMs now_ms, dialog::Outbox& out);
    void set_answer_room(std::size_t answers) noexcept { pace_.set_room(answers); }

    /// Sends the NOTIFYs whose turn it is.
    void send_ready(base::TimeMs now_ms, dialog::Outbox& out);
    [[nodiscard]] base::TimeMs next_due_ms(base::TimeMs now_ms) const noexcept;
    [[nodiscard]] std::string refusal_lines(sip::RejectReason reason, std::string_view package) const;

    std::mutex guard;
    Random random;
    NotifierConfig config;
    ResourceTable resources;
    std::unordered_map<SubscriptionId, std::unique_ptr<Subscription>> subscriptions;
    std::deque<WatchEvent> events;
    bool is_shut = false;

  private:
    [[nodiscard]] Subscription* find(SubscriptionId id) const noexcept;
    [[nodiscard]] Subscription* find_dialog(const dialog::CallRequest& request) const noexcept;
    Subscription& add(const dialog::CallRequest& request, const SubscribeTerms& terms, NewSubscription made,
                      base::TimeMs now_ms);
    void remove(Subscription& subscription, base::TimeMs now_ms);
    void follow_connection(const Subscription& subscription, std::uint64_t before);
    void leave_connection(const Subscription& subscription, std::uint64_t connection);
    void ask(WatchedResource& resource);
    void linger(WatchedResource& resource, base::TimeMs now_ms);
    void look_at(WatchedResource& resource, base::TimeMs now_ms);
    /// Forgets resources that linger, the longest first, until fewer than `most` are kept or all are watched.
    void make_room(std::size_t most, base::TimeMs now_ms);

    /// After every step of one: forgotten, queued for its NOTIFY, woken when it is due.
    void settle(Subscription& subscription, base::TimeMs now_ms);
    void answer_no(Subscription& subscription, sip::RejectReason reason, dialog::Outbox& out);
    /// Its initial SUBSCRIBE is about to be answered: repetitions are the engine's from now on.
    void note_answer(const Subscription& subscription);
    void wake(Subscription& subscription, base::TimeMs now_ms, dialog::Outbox& out);
    void judge_anew(Subscription& subscription, bool is_changed, base::TimeMs now_ms, dialog::Outbox& out);

    std::unordered_map<std::string_view, Subscription*> by_tag_;                  // our tags, which nobody else chooses
    std::unordered_map<std::string, SubscriptionId, base::TextHash> unanswered_;  // by the key of the transaction
    std::unordered_map<std::uint64_t, std::unordered_set<SubscriptionId>> by_connection_;
    DueTimes due_;
    DueTimes resources_due_;
    NotifyPace pace_;
    NotifyRoom room_;
    SubscriptionId next_id_ = 1;
};

}  // namespace sr::events
