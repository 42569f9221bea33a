#include "engine/engine.hpp"

#include <ctime>
#include <random>
#include <utility>

#include "registrar/reply.hpp"
#include "registrar/request_policy.hpp"

namespace sr::engine {
namespace {

constexpr std::size_t kQueuedEvents = 32'768;
constexpr std::size_t kPingsPerTick = 2'000;   // a tick's burst; the rest waits for the next
constexpr auto kTick = std::chrono::milliseconds(50);
constexpr std::string_view kAllow = "Allow: REGISTER, OPTIONS\r\n";
constexpr std::string_view kCapabilities = "Accept: application/sdp\r\nSupported: path\r\n";   // RFC 3261 section 11.2
constexpr int kRefusalsPerSecond = 20;         // told to Python; the others are counted only

std::uint64_t random_seed() {
    std::random_device source;
    return std::uint64_t{source()} << 32 | source();
}

std::int64_t monotonic_now_us() noexcept {
    using namespace std::chrono;
    return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

Event refusal_event(const sip::Flow& flow, sip::RejectReason reason) {
    Event event;
    event.kind = EventKind::refused;
    event.at_ms = base::monotonic_now_ms();
    const sip::StatusLine line = sip::status_line(reason);
    event.status = line.status;
    event.reason = sip::warning_text(reason).empty() ? line.phrase : sip::warning_text(reason);
    event.binding.flow_ip = flow.remote.ip_text();
    event.binding.flow_port = flow.remote.port;
    return event;
}

}  // namespace

Engine::Engine()
    : policy_(std::make_shared<registrar::Policy>()),
      events_(kQueuedEvents),
      location_(*this, random_seed()),
      stack_(*this, random_seed()) {}

Engine::~Engine() { detach(); }

void Engine::apply_config(Config config) {
    location_.set_liveness(config.liveness);
    Policy policy = std::make_shared<const registrar::Policy>(std::move(config.registrar));
    const std::lock_guard guard(policy_guard_);
    policy_ = std::move(policy);
}

Engine::Policy Engine::policy() const noexcept {
    const std::lock_guard guard(policy_guard_);
    return policy_;
}

std::optional<std::string> Engine::attach(const std::string& library_path) { return stack_.attach(library_path); }

std::optional<std::string> Engine::open(const std::string& ip, std::uint16_t port) {
    if (auto fault = stack_.open(ip, port)) return fault;
    const std::lock_guard guard(clock_guard_);
    if (!clock_.joinable()) {
        is_clock_wanted_ = true;
        clock_ = std::thread(&Engine::run_clock, this);
    }
    return std::nullopt;
}

void Engine::detach() noexcept {
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
    std::unique_lock guard(clock_guard_);
    while (!clock_wake_.wait_for(guard, kTick, [this] { return !is_clock_wanted_; })) {
        guard.unlock();
        tick();
        guard.lock();
    }
}

void Engine::tick() {
    location_.advance(base::monotonic_now_ms(), kPingsPerTick, due_pings_);
    if (due_pings_.empty()) return;
    const Policy rules = policy();
    for (const location::DuePing& ping : due_pings_) {
        stack_.send_ping({ping.binding_id, ping.nonce, monotonic_now_us()}, ping.flow, ping.target, ping.contact_uri, ping.path,
                         rules->domain);
    }
    due_pings_.clear();
}

void Engine::on_register(const sip::RegisterRequest& request, sip::Reply& reply) noexcept {
    const Policy rules = policy();
    const sip::Identity identity = registrar::identify(request, *rules);
    if (identity.reason != sip::RejectReason::none) {
        sip::RegisterOutcome outcome;
        outcome.reason = identity.reason;
        outcome.detail = identity.detail;
        return refuse_register(request, outcome, *rules, reply);
    }
    const base::TimeMs now_ms = base::monotonic_now_ms();
    auto guard = location_.lock(identity.key(), now_ms);
    const sip::RegisterOutcome outcome = registrar::process(request, guard.bindings(), guard.removals(), *rules, now_ms);
    if (outcome.reason != sip::RejectReason::none) return refuse_register(request, outcome, *rules, reply);
    guard.apply(request, identity, outcome.changes, registrar::call_id_hash(request.call_id));
    registrar::write_accepted(request, guard.bindings(), now_ms, std::time(nullptr), reply.headers);
}

void Engine::refuse_register(const sip::RegisterRequest& request, const sip::RegisterOutcome& outcome, const registrar::Policy& policy,
                             sip::Reply& reply) noexcept {
    reply.refuse(outcome.reason);
    registrar::write_refused(outcome, policy, std::time(nullptr), reply.headers);
    refused_.fetch_add(1, std::memory_order_relaxed);
    Event event = refusal_event(request.flow, outcome.reason);
    event.binding.aor_key = request.to_user;
    event.binding.call_id = request.call_id;
    event.binding.user_agent = request.user_agent;
    if (!request.contacts.empty()) event.binding.contact_uri = request.contacts.front().uri;
    if (!outcome.detail.empty()) event.reason.append(": ").append(outcome.detail);
    report_refusal(std::move(event));
}

void Engine::report_refusal(Event&& event) noexcept {
    const std::int64_t second = event.at_ms / 1000;
    if (refusal_second_.exchange(second, std::memory_order_relaxed) != second) refusals_this_second_.store(0);
    if (refusals_this_second_.fetch_add(1, std::memory_order_relaxed) < kRefusalsPerSecond) events_.push(std::move(event));
}

void Engine::on_request(const stack::OtherRequest& request, sip::Reply& reply) noexcept {
    const Policy rules = policy();
    registrar::RequestFacts facts;
    facts.method = request.method;
    facts.request_user = request.request_user;
    facts.request_host = request.request_host;
    facts.require = request.require;
    facts.has_sip_scheme = request.has_sip_scheme;
    facts.has_to_tag = request.has_to_tag;
    facts.is_registered = !request.request_user.empty() && location_.has(request.request_user);
    const registrar::RequestDecision decision = registrar::decide_request(facts, *rules);
    reply.refuse(decision.reason);
    if (decision.reason == sip::RejectReason::none || decision.reason == sip::RejectReason::method_not_allowed) {
        reply.headers << kAllow;
    }
    if (decision.reason == sip::RejectReason::none) {
        reply.headers << kCapabilities;
        return;
    }
    refused_.fetch_add(1, std::memory_order_relaxed);
    sip::RegisterOutcome refusal;
    refusal.reason = decision.reason;
    refusal.detail = decision.detail;
    registrar::write_refused(refusal, *rules, std::time(nullptr), reply.headers);
}

void Engine::on_heard(const sip::Flow& flow) noexcept { location_.touch(flow, base::monotonic_now_ms()); }

void Engine::on_ping_answer(const stack::PingToken& token) noexcept {
    const std::int64_t rtt_us = monotonic_now_us() - token.sent_us;
    if (rtt_us < 0 || rtt_us > UINT32_MAX) return;
    location_.answer_ping(token.binding_id, token.nonce, base::monotonic_now_ms(), static_cast<std::uint32_t>(rtt_us));
}

void Engine::on_unreadable(const sip::Flow& flow, sip::RejectReason reason) noexcept {
    refused_.fetch_add(1, std::memory_order_relaxed);
    report_refusal(refusal_event(flow, reason));
}

void Engine::on_change(const location::Change& change) noexcept {
    Event event;
    switch (change.kind) {
        case location::ChangeKind::added: event.kind = EventKind::added; break;
        case location::ChangeKind::changed: event.kind = EventKind::changed; break;
        case location::ChangeKind::removed: event.kind = EventKind::removed; break;
        case location::ChangeKind::reachable: event.kind = EventKind::reachable; break;
        case location::ChangeKind::unreachable: event.kind = EventKind::unreachable; break;
    }
    event.removal = change.reason;
    event.at_ms = base::monotonic_now_ms();
    event.binding = record(change.aor_key, change.binding, event.at_ms);
    event_count_.fetch_add(1, std::memory_order_relaxed);
    events_.push(std::move(event));
}

Drained Engine::drain(std::size_t most) {
    auto batch = events_.drain(most);
    return {std::move(batch.items), batch.is_overflown};
}

std::vector<BindingRecord> Engine::snapshot() const {
    std::vector<BindingRecord> records;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    location_.visit([&](std::string_view aor_key, const sip::BindingView& binding) { records.push_back(record(aor_key, binding, now_ms)); });
    return records;
}

std::vector<BindingRecord> Engine::find_device(const std::string& uuid_or_aor_key) const {
    std::vector<BindingRecord> records;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    const auto uuid = sip::Uuid::parse(uuid_or_aor_key);
    location_.visit([&](std::string_view aor_key, const sip::BindingView& binding) {
        const bool is_device = uuid && !binding.device.is_nil() ? binding.device == *uuid : binding.device.is_nil() && aor_key == uuid_or_aor_key;
        if (is_device) records.push_back(record(aor_key, binding, now_ms));
    });
    return records;
}

Statistics Engine::statistics() const noexcept {
    const stack::StackCounters& counters = stack_.counters();
    const location::Counts counts = location_.counts();
    return {counters.requests.load(), counters.replies.load(), refused_.load(),  counters.dropped.load(),
            counters.pings.load(),    event_count_.load(),     counts.bindings, counts.aors};
}

}  // namespace sr::engine
