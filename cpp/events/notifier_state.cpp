#include "events/notifier_state.hpp"

#include <algorithm>
#include <utility>

namespace sr::events {

Subscription* Notifier::State::find(SubscriptionId id) const noexcept {
    const auto found = subscriptions.find(id);
    return found == subscriptions.end() ? nullptr : found->second.get();
}

Subscription* Notifier::State::find_dialog(const dialog::CallRequest& request) const noexcept {
    const auto found = by_tag_.find(request.to_tag);
    return found != by_tag_.end() && found->second->is_of_dialog(request) ? found->second : nullptr;
}

Subscription& Notifier::State::add(const dialog::CallRequest& request, const SubscribeTerms& terms,
                                   NewSubscription made, base::TimeMs now_ms) {
    const SubscriptionId id = made.id;
    auto owned = std::make_unique<Subscription>(request, terms, std::move(made), now_ms);
    Subscription& added = *owned;
    subscriptions.emplace(id, std::move(owned));
    by_tag_.emplace(added.path().local_tag, &added);
    unanswered_.emplace(added.unanswered_key(), id);
    follow_connection(added, 0);
    auto& watchers = added.resource().watchers;
    added.place_in_resource = watchers.size();
    watchers.push_back(&added);
    added.resource().forget_at_ms = dialog::kNever;
    return added;
}

void Notifier::State::remove(Subscription& subscription, base::TimeMs now_ms) {
    note_answer(subscription);
    pace_.leave(subscription.place);
    WatchedResource& resource = subscription.resource();
    auto& watchers = resource.watchers;
    watchers.back()->place_in_resource = subscription.place_in_resource;
    std::swap(watchers[subscription.place_in_resource], watchers.back());
    watchers.pop_back();
    if (watchers.empty()) linger(resource, now_ms);
    leave_connection(subscription, subscription.path().flow.connection);
    by_tag_.erase(subscription.path().local_tag);
    subscriptions.erase(subscription.id());
}

void Notifier::State::follow_connection(const Subscription& subscription, std::uint64_t before) {
    const std::uint64_t connection = subscription.path().flow.connection;
    if (connection == before) return;
    leave_connection(subscription, before);
    if (connection != 0) by_connection_[connection].insert(subscription.id());
}

void Notifier::State::leave_connection(const Subscription& subscription, std::uint64_t connection) {
    const auto found = by_connection_.find(connection);
    if (found == by_connection_.end()) return;
    found->second.erase(subscription.id());
    if (found->second.empty()) by_connection_.erase(found);
}

void Notifier::State::ask(WatchedResource& resource) {
    if (std::exchange(resource.is_asked, true)) return;
    events.push_back({WatchEventKind::wanted, resource.name});
}

void Notifier::State::linger(WatchedResource& resource, base::TimeMs now_ms) {
    resource.forget_at_ms = now_ms + kLingerFor;
    if (std::exchange(resource.is_armed, true)) return;
    resources_due_.push({resource.forget_at_ms, resource.id});
}

void Notifier::State::look_at(WatchedResource& resource, base::TimeMs now_ms) {
    resource.is_armed = resource.forget_at_ms != dialog::kNever && resource.forget_at_ms > now_ms;
    if (resource.is_armed) {
        resources_due_.push({resource.forget_at_ms, resource.id});
    } else if (resource.watchers.empty()) {
        if (resource.is_held) events.push_back({WatchEventKind::unwanted, resource.name});
        resources.erase(resource);
    }
}

void Notifier::State::make_room(std::size_t most, base::TimeMs now_ms) {
    while (resources.count() >= most && resources_due_.next_ms() != dialog::kNever) {
        WatchedResource* resource = resources.find(resources_due_.pop().id);
        if (resource == nullptr) continue;
        if (resource->forget_at_ms != dialog::kNever) resource->forget_at_ms = now_ms;
        look_at(*resource, now_ms);
    }
}

void Notifier::State::note_answer(const Subscription& subscription) {
    const std::string_view key = subscription.unanswered_key();
    if (!key.empty()) unanswered_.erase(std::string(key));
}

void Notifier::State::settle(Subscription& subscription, base::TimeMs now_ms) {
    if (subscription.is_over()) {
        remove(subscription, now_ms);
        return;
    }
    const bool is_waiting = subscription.place.is_waiting();
    if (!is_waiting && !subscription.is_notifying()) {
        pace_.leave(subscription.place);
        const dialog::DialogPath& path = subscription.path();
        if (subscription.is_due(now_ms)) pace_.wait(subscription.place, subscription.id(), path.flow, path.to);
    }
    const base::TimeMs due_ms = subscription.due_ms();
    if (due_ms >= subscription.armed_ms) return;  // it wakes early, and sees
    subscription.armed_ms = due_ms;
    due_.push({due_ms, subscription.id()});
    if (!due_.is_crowded(subscriptions.size())) return;
    due_.clean([this](const DueTimes::Entry& entry) {
        const Subscription* known = find(entry.id);
        return known == nullptr || known->armed_ms != entry.at_ms;
    });
}

void Notifier::State::wake(Subscription& subscription, base::TimeMs now_ms, dialog::Outbox& out) {
    subscription.armed_ms = dialog::kNever;
    if (!subscription.is_pending()) {
        subscription.advance(now_ms, out);
    } else if (subscription.due_ms() <= now_ms) {
        note_answer(subscription);
        subscription.refuse(500, dialog::warning_line("what is watched could not be told in time"), out);
    }
    settle(subscription, now_ms);
}

void Notifier::State::advance(base::TimeMs now_ms, dialog::Outbox& out) {
    while (due_.next_ms() <= now_ms) {
        const DueTimes::Entry entry = due_.pop();
        Subscription* known = find(entry.id);
        if (known != nullptr && known->armed_ms == entry.at_ms) wake(*known, now_ms, out);
    }
    while (resources_due_.next_ms() <= now_ms) {
        WatchedResource* resource = resources.find(resources_due_.pop().id);
        if (resource != nullptr) look_at(*resource, now_ms);
    }
}

void Notifier::State::send_ready(base::TimeMs now_ms, dialog::Outbox& out) {
    while (const auto id = pace_.next(now_ms)) {
        Subscription& next = *find(*id);
        note_answer(next);
        const std::size_t messages = next.notify({random(), config.interval_ms}, room_, now_ms, out);
        pace_.go(next.place, messages, now_ms);
        settle(next, now_ms);
    }
}

base::TimeMs Notifier::State::next_due_ms(base::TimeMs now_ms) const noexcept {
    return std::min({due_.next_ms(), resources_due_.next_ms(), pace_.next_ms(now_ms)});
}

void Notifier::State::apply(NotifierConfig wanted, base::TimeMs now_ms, dialog::Outbox& out) {
    config = std::move(wanted);
    room_.allow_events = allow_events_line(config.packages);
    std::vector<Subscription*> homeless;
    for (const auto& [id, subscription] : subscriptions) {
        const std::string& package = subscription->resource().name.package;
        const bool is_served =
            std::ranges::find(config.packages, package, &EventPackage::name) != config.packages.end();
        if (!is_served) homeless.push_back(subscription.get());
    }
    for (Subscription* subscription : homeless) {
        if (subscription->is_pending()) {
            answer_no(*subscription, sip::RejectReason::bad_event, out);
        } else {
            subscription->end(EndReason::noresource);
        }
        settle(*subscription, now_ms);
    }
}

void Notifier::State::provide(WatchedResource& resource, bool is_changed, base::TimeMs now_ms, dialog::Outbox& out) {
    if (resource.watchers.empty() && !resource.is_armed) linger(resource, now_ms);
    const std::vector<Subscription*> watchers = resource.watchers;  // those that are refused leave it
    for (Subscription* watcher : watchers) {
        judge_anew(*watcher, is_changed, now_ms, out);
        settle(*watcher, now_ms);
    }
}

void Notifier::State::refuse(WatchedResource& resource, std::string_view reason, base::TimeMs now_ms,
                             dialog::Outbox& out) {
    resource.is_asked = resource.is_held = false;
    const std::string warning = dialog::warning_line(reason);
    const std::vector<Subscription*> watchers = resource.watchers;
    for (Subscription* watcher : watchers) {
        if (watcher->is_pending()) {
            note_answer(*watcher);
            watcher->refuse(404, warning, out);
        } else {
            watcher->end(EndReason::noresource);
        }
        settle(*watcher, now_ms);
    }
    if (resource.watchers.empty()) resources.erase(resource);
}

void Notifier::State::lose_flow(std::uint64_t connection, base::TimeMs now_ms) {
    const auto found = by_connection_.find(connection);
    if (found == by_connection_.end()) return;
    const std::unordered_set<SubscriptionId> ids = std::move(found->second);
    by_connection_.erase(found);
    for (const SubscriptionId id : ids) {
        Subscription& lost = *find(id);
        lost.lose();
        settle(lost, now_ms);
    }
}

void Notifier::State::shut_down(base::TimeMs now_ms, dialog::Outbox& out) {
    is_shut = true;
    std::vector<Subscription*> all;
    all.reserve(subscriptions.size());
    for (const auto& [id, subscription] : subscriptions) all.push_back(subscription.get());
    for (Subscription* subscription : all) {
        if (subscription->is_pending()) {
            answer_no(*subscription, sip::RejectReason::shutting_down, out);
        } else {
            if (subscription->give_up_notify()) pace_.leave(subscription->place);  // there is no time to wait for it
            subscription->end(EndReason::probation);
        }
        settle(*subscription, now_ms);
    }
}

}  // namespace sr::events
