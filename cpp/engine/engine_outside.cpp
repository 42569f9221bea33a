// What comes outside of dialogs: who is let in with it, and which room it is for.
#include <algorithm>
#include <ctime>
#include <string>
#include <utility>

#include "base/utf8.hpp"
#include "engine/engine.hpp"
#include "engine/status_code.hpp"
#include "events/subscribe_request.hpp"
#include "registrar/reply.hpp"
#include "registrar/request_policy.hpp"

namespace sr::engine {
namespace {

using sip::RejectReason;

constexpr std::uint32_t kRetryMessage_s = 30;  // as long as a message that is under way may take

/// As addresses-of-record are kept: a UUID in lower case.
std::string aor_key_of(const std::string& user) {
    const auto uuid = sip::Uuid::parse(user);
    return uuid ? std::string(uuid->text()) : user;
}

/// A binding and what tells it from others of its device.
struct Reached {
    exchange::RelayTarget target;
    std::string instance;
    base::TimeMs heard_ms = 0;
};

/// RFC 5626 section 5.3: of a device's flows (reg-id) one gets the request, here the one that was heard last.
void reach(std::vector<Reached>& reached, const sip::BindingView& binding) {
    Reached one;
    one.target.flow = binding.flow;
    one.target.to = binding.target;
    one.target.contact_uri = binding.contact_uri;
    one.target.path = binding.path;
    if (binding.reg_id != 0) one.instance = binding.instance;
    one.heard_ms = binding.last_heard_ms;
    const auto same = std::ranges::find(reached, one.instance, &Reached::instance);
    if (one.instance.empty() || same == reached.end()) {
        reached.push_back(std::move(one));
    } else if (same->heard_ms < one.heard_ms) {
        *same = std::move(one);
    }
}

}  // namespace

Engine::Sender Engine::sender_of(const Asked& asked) const noexcept {
    const std::string from(dialog::uri_of(asked.seen.headers.from));
    const std::string user = dialog::user_of(from);
    const sip::Identity identity =
        registrar::identify_caller({user, dialog::host_of(from), asked.request.contact}, *policy_.get());
    const std::string key(identity.key());
    return {key, key.empty() ? from : key};
}

/// In section 8.2's order, with the door (section 22) before what costs memory. Nothing: the reply says why not.
std::optional<Engine::Sender> Engine::let_in(const Asked& asked, sip::Reply& reply) noexcept {
    const auto& [message, seen, request] = asked;
    const auto& rules = policy_.get();
    registrar::RequestFacts facts;
    facts.method = request.method;
    facts.request_host = dialog::host_of(request.request_uri);
    facts.has_sip_scheme = seen.has_sip_scheme;
    const registrar::RequestDecision decision = registrar::decide_request(facts, *rules);
    if (decision.reason != RejectReason::none) {
        sip::RegisterOutcome refusal;
        refusal.reason = decision.reason;
        refusal.detail = decision.detail;
        refuse(refusal, {}, reply);
        return std::nullopt;
    }
    const std::string from(dialog::uri_of(seen.headers.from));
    const std::string user = dialog::user_of(from);
    const sip::Identity sender = registrar::identify_caller({user, dialog::host_of(from), request.contact}, *rules);
    const Ruling ruling = doorkeeper_.admit({seen.method, seen.request_uri, seen.authorizations(), seen.headers.call_id,
                                             request.cseq, request.user_agent, message, request.flow.remote},
                                            sender, base::monotonic_now_ms(), reply.headers);
    if (ruling.reason != RejectReason::none) {
        stack::OtherRequest refused;
        refused.request_user = user;
        refused.call_id = seen.headers.call_id;
        refused.user_agent = request.user_agent;
        refused.flow = request.flow;
        turn_away(refused, ruling, reply);
        return std::nullopt;
    }
    const std::string key(sender.key());
    return Sender{key, key.empty() ? from : key};
}

void Engine::refuse(const sip::RegisterOutcome& refusal, std::string_view lines, sip::Reply& reply) noexcept {
    reply.refuse(refusal.reason);
    reply.headers << lines;
    registrar::write_refused(refusal, *policy_.get(), std::time(nullptr), reply.headers);
    refused_.fetch_add(1, std::memory_order_relaxed);
}

void Engine::trace_answered(const Asked& asked, const dialog::Outbox& out) noexcept {
    const auto answer = std::ranges::find_if(
        out.transmissions, [](const dialog::Transmission& sent) { return sent.octets.starts_with("SIP/2.0 "); });
    const std::string_view text = answer == out.transmissions.end() ? std::string_view() : answer->octets;
    on_trace({.message = asked.message,
              .answer = text,
              .method = asked.seen.method,
              .to = asked.seen.headers.to,
              .status = status_of(text),
              .flow = asked.request.flow});
}

/// Of no call here. What is repeated is answered as before; what the reply refuses is refused each time anew.
stack::CallRuling Engine::take_outside(const Asked& asked, sip::Reply& reply) noexcept {
    const dialog::CallRequest& request = asked.request;
    const bool is_subscribe = request.method == "SUBSCRIBE";
    const bool is_publish = request.method == "PUBLISH";
    const bool is_ours = is_subscribe || ((is_publish || request.method == "MESSAGE") && request.to_tag.empty());
    if (!is_ours) return stack::CallRuling::not_a_call;
    dialog::Outbox out;
    bool is_refused = false;
    if (answered_.begin(request, base::monotonic_now_ms(), out)) {
        is_refused = is_subscribe ? !take_subscribe(asked, reply, out)
                     : is_publish ? !take_publish(asked, reply, out)
                                  : !take_message(asked, reply, out);
        if (is_refused) answered_.forget(request.transaction_key);
    }
    perform(out);
    if (is_subscribe) wake_clock_at(notifier_.next_due_ms(base::monotonic_now_ms()));
    if (is_refused) return stack::CallRuling::reply;
    trace_answered(asked, out);
    return stack::CallRuling::done;
}

/// A name that nobody can have is nobody's, so that policy sees text only.
bool Engine::is_for_somebody(const dialog::CallRequest& request, sip::Reply& reply) noexcept {
    if (base::is_printable_text(dialog::user_of(request.request_uri))) return true;
    sip::RegisterOutcome refusal;
    refusal.reason = RejectReason::unknown_user;
    refuse(refusal, {}, reply);
    return false;
}

bool Engine::take_subscribe(const Asked& asked, sip::Reply& reply, dialog::Outbox& out) {
    const dialog::CallRequest& request = asked.request;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    const auto watcher_of = [&](const Sender& sender) {
        return events::Watcher{sender.name, speaks_from_home(sender.key, request.flow)};
    };
    const events::Watcher known = request.to_tag.empty() ? events::Watcher{} : watcher_of(sender_of(asked));
    events::TakenRequest taken = notifier_.take(request, known, now_ms, out);
    if (taken.taken == events::Taken::initial) {
        const auto sender = let_in(asked, reply);
        if (!sender || !is_for_somebody(request, reply)) return false;
        taken.reason = notifier_.begin(request, watcher_of(*sender), local_address(request.flow), now_ms, out);
    }
    if (taken.reason == RejectReason::none) return true;
    const std::string tags = events::unsupported_by_notifier(request);
    sip::RegisterOutcome refusal;
    refusal.reason = taken.reason;
    if (taken.reason == RejectReason::extension_required) refusal.detail = tags;
    refuse(refusal, notifier_.refusal_lines(taken.reason, events::read_event(request.event).package), reply);
    return false;
}

bool Engine::take_publish(const Asked& asked, sip::Reply& reply, dialog::Outbox& out) {
    const auto sender = let_in(asked, reply);
    if (!sender || !is_for_somebody(asked.request, reply)) return false;
    const dialog::CallRequest& request = asked.request;
    publications_.take(request, asked.message, {sender->name, dialog::user_of(request.request_uri)},
                       base::monotonic_now_ms(), out);
    return true;
}

bool Engine::take_message(const Asked& asked, sip::Reply& reply, dialog::Outbox& out) {
    const auto sender = let_in(asked, reply);
    if (!sender) return false;
    const dialog::CallRequest& request = asked.request;
    const std::string addressee = aor_key_of(dialog::user_of(request.request_uri));
    const std::string tags = exchange::proxy_required_tags(asked.message);
    sip::RegisterOutcome refusal;
    if (!speaks_from_home(sender->key, request.flow)) {
        refusal.reason = RejectReason::sender_elsewhere;
    } else {
        refusal.reason = relay_.begin(request, asked.message, doorkeeper_.realm(), targets_of(addressee),
                                      base::monotonic_now_ms(), out);
    }
    if (refusal.reason == RejectReason::none) return true;
    // Whom the owner knows is only not there now; of others nobody has ever heard.
    const bool is_known = doorkeeper_.is_listed(addressee) || known_addresses_.get()->keys.contains(addressee);
    if (refusal.reason == RejectReason::unavailable && !is_known) refusal.reason = RejectReason::unknown_user;
    if (refusal.reason == RejectReason::extension_required) refusal.detail = tags;
    if (refusal.reason == RejectReason::too_many_messages) refusal.retry_after_s = kRetryMessage_s;
    refuse(refusal, {}, reply);
    return false;
}

/// Whether whoever has this address-of-record registered by this very flow, or from the same address.
bool Engine::speaks_from_home(std::string_view aor_key, const sip::Flow& flow) noexcept {
    if (aor_key.empty()) return false;
    auto guard = location_.lock(aor_key, base::monotonic_now_ms());
    return std::ranges::any_of(guard.bindings(), [&](const sip::BindingView& binding) {
        return binding.flow == flow || binding.flow.remote.ip == flow.remote.ip;
    });
}

std::vector<exchange::RelayTarget> Engine::targets_of(std::string_view aor_key) {
    std::vector<Reached> reached;
    if (!aor_key.empty()) {
        auto guard = location_.lock(aor_key, base::monotonic_now_ms());
        for (const sip::BindingView& binding : guard.bindings()) reach(reached, binding);
    }
    std::vector<exchange::RelayTarget> targets;
    targets.reserve(reached.size());
    for (Reached& one : reached) {
        sip::Flow towards = one.target.flow;
        towards.remote = one.target.to;
        one.target.local = local_address(towards);
        targets.push_back(std::move(one.target));
    }
    return targets;
}

}  // namespace sr::engine
