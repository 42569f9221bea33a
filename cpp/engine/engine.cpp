#include "engine/engine.hpp"

#include <pthread.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <random>
#include <utility>

#include "engine/event_lines.hpp"

namespace sr::engine {
namespace {

constexpr std::size_t kQueuedEvents = 32'768;
constexpr std::size_t kPingsPerTick = 2'000;  // a tick's burst; the rest waits for the next
constexpr std::size_t kFirstPingsPerMs = 20;
constexpr std::int64_t kFirstPingsMs = 2'000;  // at least: a few devices, too, are better not all pinged at once
constexpr int kLooksPerTick = 5;
constexpr std::size_t kOctetsPerAnswer = 2 * 1280;  // of a receive buffer, as the kernel counts; half is for others

std::uint64_t random_seed() {
    std::random_device source;
    return std::uint64_t{source()} << 32 | source();
}

auth::Authenticator::Secrets make_secrets() {
    std::random_device source;
    auth::Authenticator::Secrets secrets;
    for (std::uint8_t& octet : secrets.nonce_key) octet = static_cast<std::uint8_t>(source());
    secrets.hash_seed = random_seed();
    return secrets;
}

std::int64_t monotonic_now_us() noexcept {
    using namespace std::chrono;
    return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

EventKind event_kind(location::ChangeKind kind) noexcept {
    switch (kind) {
        case location::ChangeKind::added: return EventKind::added;
        case location::ChangeKind::changed: return EventKind::changed;
        case location::ChangeKind::removed: return EventKind::removed;
        case location::ChangeKind::reachable: return EventKind::reachable;
        case location::ChangeKind::unreachable: return EventKind::unreachable;
    }
    return EventKind::changed;
}

}  // namespace

Engine::Engine()
    : policy_(std::make_shared<const registrar::Policy>()),
      events_(kQueuedEvents),
      location_(*this, random_seed()),
      log_(random_seed()),
      doorkeeper_(make_secrets()),
      calls_(random_seed),
      notifier_(random_seed),
      publications_(random_seed),
      relay_(random_seed),
      known_addresses_(std::make_shared<const KnownAddresses>()),
      event_lines_(std::make_shared<const std::string>(event_lines({}))),
      stack_(*this, random_seed()),
      leg_events_([this] { events_.wake(); }),
      audio_(leg_events_) {}

Engine::~Engine() { detach(); }

void Engine::apply_config(Config config) {
    location_.set_liveness(config.liveness);
    calls_.set_limits(config.calls);
    location_.set_limits(config.limits);
    policy_.set(std::make_shared<const registrar::Policy>(std::move(config.registrar)));
}

std::optional<std::string> Engine::attach(const std::string& library_path) { return stack_.attach(library_path); }

std::optional<std::string> Engine::open(const std::string& ip, std::uint16_t port) {
    if (auto fault = stack_.open(ip, port)) return fault;
    calls_.reopen();
    notifier_.reopen();
    notifier_.set_answer_room(static_cast<std::size_t>(stack_.receive_buffer()) / kOctetsPerAnswer);
    publications_.reopen();
    relay_.reopen();
    const std::lock_guard guard(clock_guard_);
    if (!clock_.joinable()) {
        is_clock_wanted_ = true;
        clock_ = std::thread(&Engine::run_clock, this);
    }
    return std::nullopt;
}

void Engine::detach() noexcept {
    say_farewell();
    stop_clock();
    stack_.detach();
}

void Engine::stop_clock() noexcept {
    {
        const std::lock_guard guard(clock_guard_);
        is_clock_wanted_ = false;
    }
    clock_wake_.notify_all();
    if (clock_.joinable()) clock_.join();
}

void Engine::run_clock() {
    pthread_setname_np(pthread_self(), "sr-clock");
    std::unique_lock guard(clock_guard_);
    base::TimeMs look_at_ms = base::monotonic_now_ms() + InflowControl::kLook_ms;
    for (int looks = 0; is_clock_wanted_;) {
        const base::TimeMs now_ms = base::monotonic_now_ms();
        const base::TimeMs due_ms = std::min(look_at_ms, notify_at_ms_);
        if (now_ms < due_ms) {
            clock_wake_.wait_for(guard, std::chrono::milliseconds(due_ms - now_ms));
            continue;
        }
        const bool is_notifying = notify_at_ms_ <= now_ms;
        if (is_notifying) notify_at_ms_ = dialog::kNever;
        guard.unlock();
        if (is_notifying) advance_notifier();
        if (look_at_ms <= now_ms) {
            relieve_sockets();
            if (++looks % kLooksPerTick == 0) tick();
            look_at_ms = now_ms + InflowControl::kLook_ms;
        }
        guard.lock();
    }
    if (inflow_.is_limiting()) stack_.admit_all();
    inflow_ = {};
}

void Engine::relieve_sockets() {
    if (!inflow_.look(stack_.fullness())) return;
    if (!inflow_.is_limiting()) return stack_.admit_all();
    stack_.limit_strangers(doorkeeper_.trusted_sources(base::monotonic_now_ms()), inflow_.share());
}

void Engine::tick() {
    dialog::Outbox out;
    calls_.advance(base::monotonic_now_ms(), out);
    publications_.advance(base::monotonic_now_ms(), out);
    relay_.advance(base::monotonic_now_ms(), out);
    answered_.advance(base::monotonic_now_ms());
    perform(out);
    sweep_flows(base::monotonic_now_ms());
    location_.advance(base::monotonic_now_ms(), kPingsPerTick, due_pings_);
    if (due_pings_.empty()) return;
    const auto& rules = policy_.get();
    for (const location::DuePing& ping : due_pings_) {
        stack_.send_ping({ping.binding_id, ping.nonce, monotonic_now_us()}, ping.flow, ping.target, ping.contact_uri,
                         ping.path, rules->domain);
    }
    due_pings_.clear();
}

/// What people write to each other is not for the owner's log.
void Engine::on_trace(const stack::Trace& trace) noexcept {
    stack::Trace seen = trace;
    const std::size_t head = trace.message.find("\r\n\r\n");
    if (trace.message.starts_with("MESSAGE ") && head != std::string_view::npos) {
        seen.message = trace.message.substr(0, head + 4);
    }
    log_.record(seen, base::wall_now_ms());
}

void Engine::on_heard(const sip::Flow& flow) noexcept { location_.touch(flow, base::monotonic_now_ms()); }

void Engine::on_ping_answer(const stack::PingToken& token, const sip::Flow& flow) noexcept {
    const std::int64_t rtt_us = monotonic_now_us() - token.sent_us;
    if (rtt_us < 0 || rtt_us > UINT32_MAX) return;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    const bool is_ours =
        location_.answer_ping(token.binding_id, token.nonce, now_ms, static_cast<std::uint32_t>(rtt_us));
    if (is_ours) doorkeeper_.vouch(flow.remote, now_ms);
}

void Engine::on_change(const location::Change& change) noexcept {
    QueuedEvent event;
    event.kind = event_kind(change.kind);
    event.removal = change.reason;
    event.binding_id = change.binding.id;
    if (change.kind == location::ChangeKind::removed) {
        event.binding =
            std::make_unique<BindingRecord>(record(change.aor_key, change.binding, base::monotonic_now_ms()));
    }
    event_count_.fetch_add(1, std::memory_order_relaxed);
    events_.push(std::move(event));
}

std::optional<Event> Engine::to_event(QueuedEvent&& queued) const {
    Event event;
    event.kind = queued.kind;
    event.removal = queued.removal;
    if (queued.refusal) event.refusal = std::move(*queued.refusal);
    if (queued.binding) {
        event.binding = std::move(*queued.binding);
        return event;
    }
    const base::TimeMs now_ms = base::monotonic_now_ms();
    const bool is_there =
        location_.visit(queued.binding_id, [&](std::string_view aor_key, const sip::BindingView& binding) {
            event.binding = record(aor_key, binding, now_ms);
        });
    if (!is_there) return std::nullopt;
    return event;
}

/// A binding that ended before anybody saw it is told of all the same, with its last state: added, then removed.
void Engine::deliver(QueuedEvent&& queued, std::vector<Event>& events) {
    const bool is_addition = queued.kind == EventKind::added;
    const bool is_removal = queued.kind == EventKind::removed;
    const std::uint64_t binding_id = queued.binding_id;
    auto event = to_event(std::move(queued));
    if (!event) {
        if (is_addition) gone_before_seen_.insert(binding_id);
        return;
    }
    if (is_removal && gone_before_seen_.erase(binding_id) > 0) {
        events.push_back(*event);
        events.back().kind = EventKind::added;
    }
    events.push_back(std::move(*event));
}

Drained Engine::drain(std::size_t most) {
    auto batch = events_.drain(most);
    if (batch.is_overflown) gone_before_seen_.clear();
    Drained drained;
    drained.is_resync_required = batch.is_overflown;
    drained.events.reserve(batch.items.size());
    for (QueuedEvent& queued : batch.items) deliver(std::move(queued), drained.events);
    drained.calls = calls_.drain(most);
    drained.legs = leg_events_.drain();
    drained.watch = notifier_.drain(most);
    drained.publications = publications_.drain(most);
    wake_for_events();
    return drained;
}

std::vector<BindingRecord> Engine::snapshot() const {
    std::vector<BindingRecord> records;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    location_.visit([&](std::string_view aor_key, const sip::BindingView& binding) {
        records.push_back(record(aor_key, binding, now_ms));
    });
    return records;
}

std::vector<BindingRecord> Engine::find_device(const std::string& uuid_or_aor_key) const {
    std::vector<BindingRecord> records;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    const auto uuid = sip::Uuid::parse(uuid_or_aor_key);
    location_.visit([&](std::string_view aor_key, const sip::BindingView& binding) {
        const bool is_device = uuid && !binding.device.is_nil() ? binding.device == *uuid
                                                                : binding.device.is_nil() && aor_key == uuid_or_aor_key;
        if (is_device) records.push_back(record(aor_key, binding, now_ms));
    });
    return records;
}

std::vector<BindingRecord> Engine::find_aor(const std::string& aor_key) const {
    std::vector<BindingRecord> records;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    location_.visit([&](std::string_view key, const sip::BindingView& binding) {
        if (key == aor_key) records.push_back(record(key, binding, now_ms));
    });
    return records;
}

Changes Engine::take_changes(std::size_t most) {
    Changes changes;
    changes.saved.reserve(most);
    const base::TimeMs now_ms = base::monotonic_now_ms();
    changes.is_last =
        location_.take_changes(most, changes.removed, [&](std::string_view aor_key, const sip::BindingView& binding) {
            changes.saved.push_back(record(aor_key, binding, now_ms));
        });
    changes.has_lost = location_.has_lost_changes();
    return changes;
}

std::size_t Engine::restore(const std::vector<BindingRecord>& records, std::uint64_t first_number) {
    location_.number_from(first_number);
    const base::TimeMs now_ms = base::monotonic_now_ms();
    const auto ping_within_ms = std::max(kFirstPingsMs, static_cast<std::int64_t>(records.size() / kFirstPingsPerMs));
    const auto restored = std::ranges::count_if(records, [&](const BindingRecord& stored) {
        const auto view = view_of(stored, now_ms);
        // A connection ended with the process that had it, and nobody can be reached by one that is gone.
        return view && view->flow.transport == sip::Transport::udp &&
               location_.restore(stored.aor_key, *view, now_ms, ping_within_ms);
    });
    return static_cast<std::size_t>(restored);
}

Statistics Engine::statistics() const noexcept {
    const stack::StackCounters& counters = stack_.counters();
    const location::Counts counts = location_.counts();
    return {counters.requests.load(),
            counters.replies.load(),
            refused_.load(),
            counters.dropped.load(),
            counters.pings.load(),
            event_count_.load(),
            counts.bindings,
            counts.aors,
            static_cast<std::uint64_t>(location_.held().octets)};
}

}  // namespace sr::engine
