// What becomes of a request: read -> let in -> decide -> apply under one shard's lock -> answer.
#include <ctime>
#include <memory>
#include <optional>
#include <utility>

#include "engine/engine.hpp"
#include "registrar/reply.hpp"
#include "registrar/request_policy.hpp"
#include "sip/reject_reason_name.hpp"

namespace sr::engine {
namespace {

constexpr int kRefusalsPerSecond = 20;  // told to Python; the others are counted only

/// RFC 3261 section 21.5.4: room comes when somebody else's registration ends, within minutes where devices come and
/// go. Spread, so that not all who were refused come again at once.
std::uint32_t retry_when_full_s(std::uint64_t call_id_hash) noexcept {
    return 60 + static_cast<std::uint32_t>(call_id_hash % 61);
}

std::unique_ptr<BindingRecord> peer_at(const sip::Flow& flow) {
    auto peer = std::make_unique<BindingRecord>();
    peer->transport = transport_text(flow.transport);
    peer->flow_ip = flow.remote.ip_text();
    peer->flow_port = flow.remote.port;
    return peer;
}

std::unique_ptr<BindingRecord> peer_of(const sip::RegisterRequest& request) {
    auto peer = peer_at(request.flow);
    peer->aor_key = request.to_user;
    peer->call_id = request.call_id;
    peer->user_agent = request.user_agent;
    if (!request.contacts.empty()) peer->contact_uri = request.contacts.front().uri;
    return peer;
}

}  // namespace

void Engine::on_register(const sip::RegisterRequest& request, sip::Reply& reply) noexcept {
    const auto& rules = policy_.get();
    const sip::Identity identity = registrar::identify(request, *rules);
    if (identity.reason != sip::RejectReason::none) {
        sip::RegisterOutcome outcome;
        outcome.reason = identity.reason;
        outcome.detail = identity.detail;
        return refuse_register(request, outcome, *rules, reply);
    }
    const base::TimeMs now_ms = base::monotonic_now_ms();
    const Ruling ruling = doorkeeper_.admit(request, identity, now_ms, reply.headers);
    if (ruling.reason != sip::RejectReason::none) return turn_away(request, identity, ruling, reply);
    const sip::RegisterOutcome outcome = [&] {
        auto guard = location_.lock(identity.key(), now_ms);
        auto decided = registrar::process(request, guard.bindings(), guard.removals(), *rules);
        const std::uint64_t call = registrar::call_id_hash(request.call_id);
        if (decided.reason == sip::RejectReason::none) {
            decided.reason = guard.apply(request, identity, decided.changes, call);
            if (decided.reason != sip::RejectReason::none) decided.retry_after_s = retry_when_full_s(call);
        }
        if (decided.reason == sip::RejectReason::none) {
            registrar::write_accepted(request, guard.bindings(), now_ms, std::time(nullptr), reply.headers);
        }
        return decided;
    }();
    location_.touch(request.flow, now_ms);  // the device's other bindings on this flow were heard, too
    if (outcome.reason != sip::RejectReason::none) refuse_register(request, outcome, *rules, reply);
}

void Engine::refuse_register(const sip::RegisterRequest& request, const sip::RegisterOutcome& outcome,
                             const registrar::Policy& policy, sip::Reply& reply) noexcept {
    reply.refuse(outcome.reason);
    registrar::write_refused(outcome, policy, std::time(nullptr), reply.headers);
    refused_.fetch_add(1, std::memory_order_relaxed);
    report_refusal(outcome.reason, outcome.detail, peer_of(request));
}

void Engine::turn_away(const sip::RegisterRequest& request, const sip::Identity& identity, const Ruling& ruling,
                       sip::Reply& reply) noexcept {
    write_ruling(ruling, reply);
    if (ruling.is_usual) return;
    auto peer = peer_of(request);
    if (!identity.device.is_nil()) peer->device_uuid = identity.device.text();
    report_ruling(ruling, std::move(peer));
}

/// The same octets whoever is asked about, and whether he is there or not.
void Engine::turn_away(const stack::OtherRequest& request, const Ruling& ruling, sip::Reply& reply) noexcept {
    write_ruling(ruling, reply);
    if (ruling.is_usual) return;
    auto peer = peer_at(request.flow);
    peer->aor_key = request.request_user;
    peer->call_id = request.call_id;
    peer->user_agent = request.user_agent;
    report_ruling(ruling, std::move(peer));
}

void Engine::write_ruling(const Ruling& ruling, sip::Reply& reply) const noexcept {
    sip::RegisterOutcome outcome;
    outcome.reason = ruling.told;
    reply.refuse(ruling.told);
    reply.reason = ruling.reason;  // which the owner's log of messages keeps
    registrar::write_refused(outcome, *policy_.get(), std::time(nullptr), reply.headers);
}

void Engine::report_ruling(const Ruling& ruling, std::unique_ptr<BindingRecord> peer) noexcept {
    refused_.fetch_add(1, std::memory_order_relaxed);
    report_refusal(ruling.reason, ruling.finding, std::move(peer));
}

stack::Knock Engine::on_knock(const sip::Flow& flow) noexcept {
    return doorkeeper_.knock(flow.remote, base::monotonic_now_ms());
}

void Engine::report_refusal(sip::RejectReason reason, std::string_view detail,
                            std::unique_ptr<BindingRecord> peer) noexcept {
    const std::int64_t second = base::monotonic_now_ms() / 1000;
    if (refusal_second_.exchange(second, std::memory_order_relaxed) != second) refusals_this_second_.store(0);
    if (refusals_this_second_.fetch_add(1, std::memory_order_relaxed) >= kRefusalsPerSecond) return;
    const sip::StatusLine line = sip::status_line(reason);
    const std::string_view warning = sip::warning_text(reason);
    QueuedEvent event;
    event.kind = EventKind::refused;
    event.binding = std::move(peer);
    event.refusal = std::make_unique<Refusal>();
    event.refusal->status = line.status;
    event.refusal->cause = sip::reason_name(reason);
    event.refusal->reason = warning.empty() ? line.phrase : warning;
    if (!detail.empty()) event.refusal->reason.append(": ").append(detail);
    events_.push(std::move(event));
}

/// A device that is kept under its UUID is asked for in either case of its digits.
bool Engine::is_registered(std::string_view user) const noexcept {
    if (user.empty()) return false;
    if (location_.has(user)) return true;
    const auto uuid = sip::Uuid::parse(user);
    return uuid && location_.has(uuid->text());
}

void Engine::on_request(const stack::OtherRequest& request, sip::Reply& reply) noexcept {
    const auto& rules = policy_.get();
    registrar::RequestFacts facts;
    facts.method = request.method;
    facts.request_user = request.request_user;
    facts.request_host = request.request_host;
    facts.require = request.require;
    facts.has_sip_scheme = request.has_sip_scheme;
    facts.has_to_tag = request.has_to_tag;
    registrar::RequestDecision decision = registrar::decide_request(facts, *rules);
    if (decision.is_about_user) {
        const base::TimeMs now_ms = base::monotonic_now_ms();
        const Ruling ruling = doorkeeper_.admit_question(request, now_ms, reply.headers);
        if (ruling.reason != sip::RejectReason::none) return turn_away(request, ruling, reply);
        facts.is_registered = is_registered(request.request_user);
        decision = registrar::decide_request(facts, *rules);
    }
    reply.refuse(decision.reason);
    if (decision.reason == sip::RejectReason::none || decision.reason == sip::RejectReason::method_not_allowed) {
        reply.headers << dialog::kAllowLine;
    }
    if (decision.reason == sip::RejectReason::none) {
        reply.headers << *event_lines_.get() << dialog::kSupportedLine;
        return;
    }
    refused_.fetch_add(1, std::memory_order_relaxed);
    sip::RegisterOutcome refusal;
    refusal.reason = decision.reason;
    refusal.detail = decision.detail;
    registrar::write_refused(refusal, *rules, std::time(nullptr), reply.headers);
}

void Engine::on_unreadable(const sip::Flow& flow, sip::RejectReason reason) noexcept {
    refused_.fetch_add(1, std::memory_order_relaxed);
    report_refusal(reason, {}, peer_at(flow));
}

}  // namespace sr::engine
