#include "events/notifier.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "events/notifier_state.hpp"

namespace sr::events {

Notifier::Notifier(Random random) : state_(std::make_unique<State>(std::move(random))) {}
Notifier::~Notifier() = default;

void Notifier::apply(NotifierConfig config, base::TimeMs now_ms, dialog::Outbox& out) {
    const std::lock_guard guard(state_->guard);
    state_->apply(std::move(config), now_ms, out);
    state_->send_ready(now_ms, out);
}

void Notifier::set_answer_room(std::size_t answers) {
    const std::lock_guard guard(state_->guard);
    state_->set_answer_room(answers);
}

TakenRequest Notifier::take(const dialog::CallRequest& request, const Watcher& watcher, base::TimeMs now_ms,
                            dialog::Outbox& out) {
    const std::lock_guard guard(state_->guard);
    const TakenRequest taken = state_->take(request, watcher, now_ms, out);
    state_->send_ready(now_ms, out);
    return taken;
}

sip::RejectReason Notifier::begin(const dialog::CallRequest& request, const Watcher& watcher,
                                  const dialog::LocalAddress& local, base::TimeMs now_ms, dialog::Outbox& out) {
    const std::lock_guard guard(state_->guard);
    const sip::RejectReason reason = state_->begin(request, watcher, local, now_ms);
    state_->send_ready(now_ms, out);
    return reason;
}

std::string Notifier::refusal_lines(sip::RejectReason reason, std::string_view package) const {
    const std::lock_guard guard(state_->guard);
    return state_->refusal_lines(reason, package);
}

bool Notifier::take_response(std::string_view branch, std::uint16_t status, std::uint32_t retry_after_s,
                             base::TimeMs now_ms, dialog::Outbox& out) {
    if (!branch.starts_with(kNotifyPrefix)) return false;
    const std::lock_guard guard(state_->guard);
    if (!state_->take_response(branch, status, retry_after_s, now_ms)) return false;
    state_->send_ready(now_ms, out);
    return true;
}

void Notifier::provide(const Resource& resource, Audience audience, Document document, bool is_list,
                       base::TimeMs now_ms, dialog::Outbox& out) {
    const std::lock_guard guard(state_->guard);
    const bool is_asked_for = state_->resources.find(resource) != nullptr;
    WatchedResource& held = state_->resources.find_or_add(resource);
    if (!is_asked_for) held.is_unsolicited = true;
    const bool is_changed = held.take(std::move(audience), std::move(document), is_list);
    state_->provide(held, is_changed, now_ms, out);
    state_->send_ready(now_ms, out);
}

void Notifier::refuse(const Resource& resource, std::string_view reason, base::TimeMs now_ms, dialog::Outbox& out) {
    const std::lock_guard guard(state_->guard);
    WatchedResource* held = state_->resources.find(resource);
    if (held == nullptr) return;
    state_->refuse(*held, reason, now_ms, out);
    state_->send_ready(now_ms, out);
}

base::TimeMs Notifier::advance(base::TimeMs now_ms, dialog::Outbox& out) {
    const std::lock_guard guard(state_->guard);
    state_->advance(now_ms, out);
    state_->send_ready(now_ms, out);
    return state_->next_due_ms(now_ms);
}

base::TimeMs Notifier::next_due_ms(base::TimeMs now_ms) const {
    const std::lock_guard guard(state_->guard);
    return state_->next_due_ms(now_ms);
}

bool Notifier::uses(const sip::Flow& flow) const {
    const std::lock_guard guard(state_->guard);
    return state_->uses(flow.connection);
}

void Notifier::lose_flow(const sip::Flow& flow, base::TimeMs now_ms, dialog::Outbox& out) {
    if (flow.connection == 0) return;  // nothing is ever lost that was not held
    const std::lock_guard guard(state_->guard);
    state_->lose_flow(flow.connection, now_ms);
    state_->send_ready(now_ms, out);
}

void Notifier::shut_down(base::TimeMs now_ms, dialog::Outbox& out) {
    const std::lock_guard guard(state_->guard);
    state_->shut_down(now_ms, out);
    state_->send_ready(now_ms, out);
}

void Notifier::reopen() {
    const std::lock_guard guard(state_->guard);
    state_->is_shut = false;
}

std::vector<WatchEvent> Notifier::drain(std::size_t most) {
    const std::lock_guard guard(state_->guard);
    auto& events = state_->events;
    const auto end = events.begin() + static_cast<std::ptrdiff_t>(std::min(most, events.size()));
    std::vector<WatchEvent> drained(std::make_move_iterator(events.begin()), std::make_move_iterator(end));
    events.erase(events.begin(), end);
    return drained;
}

bool Notifier::has_events() const {
    const std::lock_guard guard(state_->guard);
    return !state_->events.empty();
}

std::vector<SubscriptionReport> Notifier::report(base::TimeMs now_ms) const {
    const std::lock_guard guard(state_->guard);
    std::vector<SubscriptionReport> reports;
    reports.reserve(state_->subscriptions.size());
    for (const auto& [id, subscription] : state_->subscriptions) {
        if (!subscription->is_ending()) reports.push_back(subscription->report(now_ms));
    }
    return reports;
}

std::size_t Notifier::count() const {
    const std::lock_guard guard(state_->guard);
    return state_->subscriptions.size();
}

}  // namespace sr::events
