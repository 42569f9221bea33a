// Calls: what of a request is for them, who may begin one, and what their owner wants of them.
#include <charconv>
#include <chrono>
#include <ctime>
#include <memory>
#include <utility>

#include "engine/engine.hpp"
#include "registrar/reply.hpp"
#include "registrar/request_policy.hpp"
#include "sip/reply_text.hpp"

namespace sr::engine {
namespace {

constexpr auto kFarewell = std::chrono::milliseconds(1000);  // a BYE, one repetition and its answer

std::uint16_t status_of(std::string_view start_line) noexcept {
    constexpr std::size_t kVersionOctets = 8;  // "SIP/2.0 "
    std::uint16_t status = 0;
    if (start_line.size() < kVersionOctets + 3) return status;
    std::from_chars(start_line.data() + kVersionOctets, start_line.data() + kVersionOctets + 3, status);
    return status;
}

}  // namespace

stack::CallRuling Engine::on_call_request(std::string_view message, const sip::Inspection& seen, const sip::Flow& flow,
                                          sip::Reply& reply) noexcept {
    dialog::CallRequest request;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    dialog::Outbox out;
    dialog::TakenRequest taken{dialog::Taken::refused, dialog::read_request(message, seen, flow, request)};
    if (taken.reason == sip::RejectReason::none) taken = calls_.take(request, now_ms, out);
    if (taken.taken == dialog::Taken::unmatched) return stack::CallRuling::not_a_call;
    if (taken.taken == dialog::Taken::new_call) {
        taken.reason = begin_call(message, seen, request, reply);
        if (taken.reason == sip::RejectReason::none) return stack::CallRuling::done;
        return stack::CallRuling::reply;
    }
    if (taken.taken == dialog::Taken::refused) {
        refuse_call(request, taken.reason, reply);
        return stack::CallRuling::reply;
    }
    perform(out);
    const std::string_view answer = out.transmissions.empty() ? std::string_view() : out.transmissions.front().octets;
    on_trace({.message = message,
              .answer = answer,
              .method = seen.method,
              .to = seen.headers.to,
              .status = status_of(answer),
              .flow = flow});
    return stack::CallRuling::done;
}

/// An INVITE outside of dialogs: in section 8.2's order, with the door (section 22) before what costs memory.
sip::RejectReason Engine::begin_call(std::string_view message, const sip::Inspection& seen,
                                     const dialog::CallRequest& request, sip::Reply& reply) noexcept {
    const auto& rules = policy_.get();
    registrar::RequestFacts facts;
    facts.method = request.method;
    facts.request_host = dialog::host_of(request.request_uri);
    facts.has_sip_scheme = seen.has_sip_scheme;
    const registrar::RequestDecision decision = registrar::decide_request(facts, *rules);
    if (decision.reason != sip::RejectReason::none) {
        refuse_call(request, decision.reason, reply, decision.detail);
        return decision.reason;
    }
    const std::string_view from = dialog::uri_of(seen.headers.from);
    const std::string user = dialog::user_of(from);
    const sip::Identity caller = registrar::identify_caller({user, dialog::host_of(from), request.contact}, *rules);
    const base::TimeMs now_ms = base::monotonic_now_ms();
    const Ruling ruling = doorkeeper_.admit({seen.method, seen.request_uri, seen.authorizations(), seen.headers.call_id,
                                             request.cseq, request.user_agent, message, request.flow.remote},
                                            caller, now_ms, reply.headers);
    if (ruling.reason != sip::RejectReason::none) {
        stack::OtherRequest asked;
        asked.request_user = user;
        asked.call_id = seen.headers.call_id;
        asked.user_agent = request.user_agent;
        asked.flow = request.flow;
        turn_away(asked, ruling, reply);
        return ruling.reason;
    }
    dialog::Outbox out;
    const sip::RejectReason reason = calls_.begin(request, local_address(request.flow), now_ms, out);
    perform(out);
    if (reason != sip::RejectReason::none) refuse_call(request, reason, reply);
    const std::string_view answer = out.transmissions.empty() ? std::string_view() : out.transmissions.front().octets;
    if (reason == sip::RejectReason::none) {
        on_trace({.message = message,
                  .answer = answer,
                  .method = seen.method,
                  .to = seen.headers.to,
                  .status = status_of(answer),
                  .flow = request.flow});
    }
    return reason;
}

void Engine::refuse_call(const dialog::CallRequest& request, sip::RejectReason reason, sip::Reply& reply,
                         std::string_view detail) noexcept {
    const std::string tags = dialog::unsupported_by_calls(request);
    sip::RegisterOutcome refusal;
    refusal.reason = reason;
    refusal.detail = detail;
    if (reason == sip::RejectReason::extension_required) refusal.detail = tags;
    reply.refuse(reason);
    reply.headers << dialog::refusal_lines(reason, request);
    registrar::write_refused(refusal, *policy_.get(), std::time(nullptr), reply.headers);
    refused_.fetch_add(1, std::memory_order_relaxed);
}

dialog::LocalAddress Engine::local_address(const sip::Flow& flow) const {
    const auto [ip, port] = stack_.local_address(flow);
    dialog::LocalAddress local;
    local.ip = ip.substr(0, ip.find('%'));  // a zone means something on this host only
    const bool is_ipv6 = local.ip.find(':') != std::string::npos;
    local.host_port = (is_ipv6 ? "[" + local.ip + "]" : local.ip) + ":" + std::to_string(port);
    local.transport = sip::via_transport(flow.transport);
    return local;
}

void Engine::on_response(const sip::Inspection& seen, const sip::Flow&) noexcept {
    if (seen.headers.via_count == 0) return;
    dialog::Outbox out;
    const std::string_view via = seen.headers.via_values[0];
    const bool is_ours = calls_.take_response(sip::parameter_of(via, "branch"), status_of(seen.headers.start_line),
                                              base::monotonic_now_ms(), out);
    perform(out);
    if (!is_ours) return;
    const std::lock_guard guard(farewell_guard_);
    farewell_.notify_all();
}

void Engine::perform(const dialog::Outbox& out) noexcept {
    for (const dialog::Transmission& sent : out.transmissions) stack_.send(sent.flow, sent.to, sent.octets);
    if (calls_.has_events()) events_.wake();
}

void Engine::end_calls() noexcept {
    dialog::Outbox out;
    calls_.shut_down(base::monotonic_now_ms(), out);
    perform(out);
    std::unique_lock guard(farewell_guard_);
    farewell_.wait_for(guard, kFarewell, [this] { return calls_.is_quiet(); });
    calls_.forget_all();
}

template <class Step>
bool Engine::command(Step step) {
    dialog::Outbox out;
    const bool is_done = step(base::monotonic_now_ms(), out);
    perform(out);
    return is_done;
}

bool Engine::ring(dialog::CallId id) {
    return command([&](base::TimeMs now_ms, dialog::Outbox& out) { return calls_.ring(id, now_ms, out); });
}

bool Engine::answer(dialog::CallId id, std::string_view sdp) {
    return command([&](base::TimeMs now_ms, dialog::Outbox& out) { return calls_.answer(id, sdp, now_ms, out); });
}

bool Engine::reject(dialog::CallId id, std::uint16_t status, std::string_view reason) {
    return command(
        [&](base::TimeMs now_ms, dialog::Outbox& out) { return calls_.reject(id, status, reason, now_ms, out); });
}

bool Engine::answer_update(dialog::CallId id, std::string_view sdp) {
    return command(
        [&](base::TimeMs now_ms, dialog::Outbox& out) { return calls_.answer_update(id, sdp, now_ms, out); });
}

bool Engine::reject_update(dialog::CallId id, std::uint16_t status, std::string_view reason) {
    return command([&](base::TimeMs now_ms, dialog::Outbox& out) {
        return calls_.reject_update(id, status, reason, now_ms, out);
    });
}

bool Engine::hang_up(dialog::CallId id, std::string_view reason) {
    return command([&](base::TimeMs now_ms, dialog::Outbox& out) { return calls_.hang_up(id, reason, now_ms, out); });
}

}  // namespace sr::engine
