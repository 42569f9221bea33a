// What is told to watchers: as policy wants it, at the notifier's pace.
#include <memory>
#include <utility>

#include "engine/engine.hpp"
#include "engine/event_lines.hpp"

namespace sr::engine {

/// One step of the notifier's; the clock learns when the next is due.
template <class Step>
void Engine::watch(Step step) {
    dialog::Outbox out;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    step(now_ms, out);
    perform(out);
    wake_clock_at(notifier_.next_due_ms(now_ms));
}

void Engine::apply_notifier(events::NotifierConfig config) {
    exchange::PublicationRules rules;
    rules.min_expires_s = config.min_expires_s;
    for (const events::EventPackage& package : config.packages) {
        rules.packages.push_back({package.name, package.content_types});
    }
    publications_.apply(std::move(rules));
    event_lines_.set(std::make_shared<const std::string>(event_lines(config)));
    watch([&](base::TimeMs now_ms, dialog::Outbox& out) { notifier_.apply(std::move(config), now_ms, out); });
}

void Engine::provide(const events::Resource& resource, events::Audience audience, events::Document document,
                     bool is_list) {
    watch([&](base::TimeMs now_ms, dialog::Outbox& out) {
        notifier_.provide(resource, std::move(audience), std::move(document), is_list, now_ms, out);
    });
}

void Engine::refuse_watchers(const events::Resource& resource, std::string_view reason) {
    watch([&](base::TimeMs now_ms, dialog::Outbox& out) { notifier_.refuse(resource, reason, now_ms, out); });
}

bool Engine::answer_publish(exchange::PublishId id, const exchange::PublishAnswer& answer) {
    dialog::Outbox out;
    const bool is_answered = publications_.answer(id, answer, out);
    perform(out);
    return is_answered;
}

std::vector<events::SubscriptionReport> Engine::subscriptions() const {
    return notifier_.report(base::monotonic_now_ms());
}

void Engine::set_known_addresses(std::vector<std::string> aor_keys) {
    KnownAddresses known;
    for (std::string& key : aor_keys) known.keys.insert(std::move(key));
    known_addresses_.set(std::make_shared<const KnownAddresses>(std::move(known)));
}

void Engine::advance_notifier() {
    dialog::Outbox out;
    const base::TimeMs due_ms = notifier_.advance(base::monotonic_now_ms(), out);
    perform(out);
    wake_clock_at(due_ms);
}

void Engine::wake_clock_at(base::TimeMs due_ms) noexcept {
    {
        const std::lock_guard guard(clock_guard_);
        if (due_ms >= notify_at_ms_) return;
        notify_at_ms_ = due_ms;
    }
    clock_wake_.notify_all();
}

}  // namespace sr::engine
