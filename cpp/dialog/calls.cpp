#include "dialog/calls.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "sip/ascii.hpp"

namespace sr::dialog {
namespace {

using sip::RejectReason;

std::string merge_key_of(const CallRequest& request) {
    std::string key(request.headers->call_id);
    key.append("\n").append(request.from_tag).append("\n").append(std::to_string(request.cseq));
    return key;
}

/// What an INVITE must be before anybody is asked about it (section 8.2.3, 8.2.2.3, 8.1.1.8 and 20.1).
RejectReason judge_invite(const CallRequest& request) {
    if (!unsupported_by_calls(request).empty()) return RejectReason::extension_required;
    const bool is_encoded =
        !request.content_encoding.empty() && !sip::is_equal_ignoring_case(request.content_encoding, "identity");
    if (is_encoded || (!request.body.empty() && !is_sdp(request.content_type))) {
        return RejectReason::unsupported_media_type;
    }
    if (!request.accepts_sdp) return RejectReason::not_acceptable;
    if (target_of(request).empty()) return RejectReason::contact_invalid;
    return RejectReason::none;
}

}  // namespace

void Calls::set_limits(const Limits& limits) {
    const std::lock_guard guard(guard_);
    limits_ = limits;
}

Call* Calls::find(CallId id) const noexcept {
    const auto found = calls_.find(id);
    return found == calls_.end() ? nullptr : found->second.call.get();
}

Call* Calls::find(const Index& index, const std::string& key) const noexcept {
    const auto found = index.find(key);
    return found == index.end() ? nullptr : find(found->second);
}

TakenRequest Calls::take(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    const std::lock_guard guard(guard_);
    if (request.method == "CANCEL") return take_cancel(request, now_ms, out);
    if (request.to_tag.empty()) {
        return request.method == "INVITE" ? take_initial(request, out) : TakenRequest{Taken::unmatched};
    }
    Call* call = find(by_tag_, std::string(request.to_tag));
    if (call == nullptr || !call->is_of_dialog(request)) return {Taken::unmatched};
    const RejectReason reason = call->take(request, now_ms, out);
    settle(call->id(), now_ms, out);
    return {reason == RejectReason::none ? Taken::done : Taken::refused, reason};
}

TakenRequest Calls::take_initial(const CallRequest& request, Outbox& out) {
    if (const Call* call = find(by_transaction_, request.transaction_key)) {
        call->repeat_answer(out);
        return {Taken::done};
    }
    if (find(by_merge_, merge_key_of(request)) != nullptr) return {Taken::refused, RejectReason::request_merged};
    return {Taken::new_call};
}

TakenRequest Calls::take_cancel(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    Call* call = request.to_tag.empty() ? find(by_transaction_, request.transaction_key)
                                        : find(by_tag_, std::string(request.to_tag));
    const bool is_known = call != nullptr && (request.to_tag.empty() || call->is_of_dialog(request));
    if (!is_known) return {Taken::unmatched};
    call->take_cancel(request, now_ms, out);
    settle(call->id(), now_ms, out);
    return {Taken::done};
}

RejectReason Calls::begin(const CallRequest& request, const LocalAddress& local, base::TimeMs now_ms, Outbox& out) {
    const RejectReason fault = judge_invite(request);
    if (fault != RejectReason::none) return fault;
    const SessionDecision session = decide_session(request);
    if (session.reason != RejectReason::none) return session.reason;
    const std::lock_guard guard(guard_);
    if (is_shut_) return RejectReason::shutting_down;
    if (count_places() >= limits_.calls) return RejectReason::too_many_calls;
    const TakenRequest taken = take_initial(request, out);  // another worker may have begun it meanwhile
    if (taken.taken != Taken::new_call) return taken.reason;
    const CallId id = next_id_++;
    Entry entry{std::make_unique<Call>(id, request, local, session.terms, random_), request.transaction_key,
                merge_key_of(request)};
    entry.call->begin(request, now_ms, out);
    by_tag_.emplace(entry.call->local_tag(), id);
    by_transaction_.emplace(entry.transaction_key, id);
    by_merge_.emplace(entry.merge_key, id);
    calls_.emplace(id, std::move(entry));
    settle(id, now_ms, out);
    return RejectReason::none;
}

bool Calls::take_response(std::string_view branch, std::uint16_t status, base::TimeMs now_ms, Outbox& out) {
    if (!branch.starts_with(kBranchPrefix)) return false;
    const std::string_view digits = branch.substr(kBranchPrefix.size());
    CallId id = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), id);
    const std::lock_guard guard(guard_);
    Call* call = find(id);
    if (call == nullptr || !call->take_response(branch, status, now_ms, out)) return false;
    settle(id, now_ms, out);
    return true;
}

template <class Step>
bool Calls::command(CallId id, base::TimeMs now_ms, Outbox& out, Step step) {
    const std::lock_guard guard(guard_);
    Call* call = find(id);
    if (call == nullptr || !step(*call)) return false;
    settle(id, now_ms, out);
    return true;
}

bool Calls::ring(CallId id, base::TimeMs now_ms, Outbox& out) {
    return command(id, now_ms, out, [&](Call& call) { return call.ring(now_ms, out); });
}

bool Calls::answer(CallId id, std::string_view sdp, base::TimeMs now_ms, Outbox& out) {
    return command(id, now_ms, out, [&](Call& call) { return call.answer(sdp, now_ms, out); });
}

bool Calls::reject(CallId id, std::uint16_t status, std::string_view reason, base::TimeMs now_ms, Outbox& out) {
    return command(id, now_ms, out, [&](Call& call) { return call.reject(status, reason, now_ms, out); });
}

bool Calls::answer_update(CallId id, std::string_view sdp, base::TimeMs now_ms, Outbox& out) {
    return command(id, now_ms, out, [&](Call& call) { return call.answer_update(sdp, now_ms, out); });
}

bool Calls::reject_update(CallId id, std::uint16_t status, std::string_view reason, base::TimeMs now_ms, Outbox& out) {
    return command(id, now_ms, out, [&](Call& call) { return call.reject_update(status, reason, now_ms, out); });
}

bool Calls::hang_up(CallId id, std::string_view reason, base::TimeMs now_ms, Outbox& out) {
    return command(id, now_ms, out, [&](Call& call) { return call.hang_up(reason, now_ms, out); });
}

void Calls::advance(base::TimeMs now_ms, Outbox& out) {
    const std::lock_guard guard(guard_);
    if (now_ms < next_due_ms_) return;
    next_due_ms_ = kNever;
    std::vector<CallId> ids;
    ids.reserve(calls_.size());
    for (const auto& [id, entry] : calls_) {
        if (entry.call->due_ms() <= now_ms) ids.push_back(id);
        next_due_ms_ = std::min(next_due_ms_, entry.call->due_ms());
    }
    for (const CallId id : ids) {
        Call* call = find(id);
        if (call == nullptr) continue;  // forgotten, to make room for one that has just ended
        call->advance(now_ms, out);
        settle(id, now_ms, out);
    }
}

void Calls::shut_down(base::TimeMs now_ms, Outbox& out) {
    const std::lock_guard guard(guard_);
    is_shut_ = true;
    std::vector<CallId> ids;
    for (const auto& [id, entry] : calls_) ids.push_back(id);
    for (const CallId id : ids) {
        Call* call = find(id);
        if (call == nullptr) continue;
        call->shut_down(now_ms, out);
        settle(id, now_ms, out);
    }
}

void Calls::reopen() {
    const std::lock_guard guard(guard_);
    is_shut_ = false;
}

bool Calls::is_quiet() const {
    const std::lock_guard guard(guard_);
    return std::ranges::none_of(calls_, [](const auto& item) { return item.second.call->is_saying_bye(); });
}

void Calls::forget_all() {
    const std::lock_guard guard(guard_);
    while (!over_.empty()) forget(over_.front());
}

std::vector<CallEvent> Calls::drain(std::size_t most) {
    const std::lock_guard guard(guard_);
    const auto end = events_.begin() + static_cast<std::ptrdiff_t>(std::min(most, events_.size()));
    std::vector<CallEvent> drained(std::make_move_iterator(events_.begin()), std::make_move_iterator(end));
    events_.erase(events_.begin(), end);
    for (const CallEvent& event : drained) {
        const bool is_waiting = event.kind == CallEventKind::updated || event.kind == CallEventKind::info;
        if (event.kind == CallEventKind::ended) --undrained_ends_;
        Call* call = is_waiting ? find(event.call_id) : nullptr;
        if (call != nullptr) call->note_drained();
    }
    return drained;
}

bool Calls::uses(const sip::Flow& flow) const {
    const std::lock_guard guard(guard_);
    return std::ranges::any_of(calls_, [&](const auto& known) { return known.second.call->flow() == flow; });
}

void Calls::lose_flow(const sip::Flow& flow, base::TimeMs now_ms, Outbox& out) {
    const std::lock_guard guard(guard_);
    std::vector<CallId> ids;
    for (const auto& [id, entry] : calls_) {
        if (entry.call->flow() == flow) ids.push_back(id);
    }
    for (const CallId id : ids) {
        find(id)->lose_flow(out);
        settle(id, now_ms, out);
    }
}

bool Calls::has_events() const {
    const std::lock_guard guard(guard_);
    return !events_.empty();
}

std::size_t Calls::count() const {
    const std::lock_guard guard(guard_);
    return calls_.size() - over_.size();
}

void Calls::keep_events(Outbox& out) {
    for (CallEvent& event : out.events) {
        if (event.kind == CallEventKind::ended) {
            ++undrained_ends_;
            over_.push_back(event.call_id);
        }
        events_.push_back(std::move(event));
    }
    out.events.clear();
}

void Calls::settle(CallId id, base::TimeMs now_ms, Outbox& out) {
    keep_events(out);
    const Call& call = *find(id);
    next_due_ms_ = std::min(next_due_ms_, call.due_ms());
    if (call.is_forgettable(now_ms)) forget(id);
    if (over_.size() > limits_.calls) forget(over_.front());
}

void Calls::forget(CallId id) {
    const auto found = calls_.find(id);
    by_tag_.erase(found->second.call->local_tag());
    by_transaction_.erase(found->second.transaction_key);
    by_merge_.erase(found->second.merge_key);
    calls_.erase(found);
    std::erase(over_, id);
}

}  // namespace sr::dialog
