// Calls: what of a request is for them, and what their owner wants of them.
#include <utility>

#include "engine/engine.hpp"

namespace sr::engine {

stack::CallRuling Engine::on_call_request(std::string_view message, const sip::Inspection& seen, const sip::Flow& flow,
                                          sip::Reply& reply) noexcept {
    dialog::CallRequest request;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    dialog::Outbox out;
    dialog::TakenRequest taken{dialog::Taken::refused, dialog::read_request(message, seen, flow, request)};
    if (taken.reason == sip::RejectReason::none) taken = calls_.take(request, now_ms, out);
    const Asked asked{message, seen, request};
    if (taken.taken == dialog::Taken::unmatched) return take_outside(asked, reply);
    if (taken.taken == dialog::Taken::new_call) return begin_call(asked, reply);
    if (taken.taken == dialog::Taken::refused) {
        refuse_call(request, taken.reason, reply);
        return stack::CallRuling::reply;
    }
    perform(out);
    trace_answered(asked, out);
    return stack::CallRuling::done;
}

/// An INVITE outside of dialogs.
stack::CallRuling Engine::begin_call(const Asked& asked, sip::Reply& reply) noexcept {
    if (!let_in(asked, reply)) return stack::CallRuling::reply;
    dialog::Outbox out;
    const dialog::CallRequest& request = asked.request;
    const sip::RejectReason reason = calls_.begin(request, local_address(request.flow), base::monotonic_now_ms(), out);
    perform(out);
    if (reason == sip::RejectReason::none) {
        trace_answered(asked, out);
        return stack::CallRuling::done;
    }
    refuse_call(request, reason, reply);
    return stack::CallRuling::reply;
}

void Engine::refuse_call(const dialog::CallRequest& request, sip::RejectReason reason, sip::Reply& reply) noexcept {
    const std::string tags = dialog::unsupported_by_calls(request);
    sip::RegisterOutcome refusal;
    refusal.reason = reason;
    if (reason == sip::RejectReason::extension_required) refusal.detail = tags;
    refuse(refusal, dialog::refusal_lines(reason, request), reply);
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
