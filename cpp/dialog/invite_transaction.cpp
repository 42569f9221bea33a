#include "dialog/invite_transaction.hpp"

#include <algorithm>
#include <utility>

namespace sr::dialog {

InviteTransaction::InviteTransaction(const CallRequest& request, std::string_view local_tag)
    : key_(request.transaction_key),
      head_(make_head(request, local_tag)),
      cseq_(request.cseq),
      is_reliable_(request.is_reliable_transport()) {}

void InviteTransaction::send(Outbox& out) const { out.transmissions.push_back({head_.flow, head_.to, last_}); }

void InviteTransaction::begin_repeating(base::TimeMs now_ms) noexcept {
    repeat_after_ms_ = kT1;
    repeat_at_ms_ = now_ms + kT1;
    end_at_ms_ = now_ms + kTransactionLife;
}

void InviteTransaction::progress(std::string octets, Outbox& out) {
    if (state_ != State::proceeding) return;
    last_ = std::move(octets);
    send(out);
}

void InviteTransaction::progress_reliably(std::string octets, base::TimeMs now_ms, Outbox& out) {
    if (state_ != State::proceeding) return;
    progress(std::move(octets), out);
    is_progress_open_ = true;
    begin_repeating(now_ms);
}

void InviteTransaction::succeed(std::string octets, base::TimeMs now_ms, Outbox& out) {
    if (state_ != State::proceeding) return;
    state_ = State::succeeded;
    last_ = std::move(octets);
    send(out);
    begin_repeating(now_ms);
}

void InviteTransaction::fail(std::string octets, base::TimeMs now_ms, Outbox& out) {
    if (state_ != State::proceeding) return;
    state_ = State::failed;
    last_ = std::move(octets);
    send(out);
    begin_repeating(now_ms);
    if (is_reliable_) repeat_at_ms_ = kNever;
}

void InviteTransaction::repeat(Outbox& out) const {
    const bool is_wanted = state_ == State::proceeding || state_ == State::succeeded || state_ == State::failed;
    if (is_wanted && !last_.empty()) send(out);
}

bool InviteTransaction::acknowledge(base::TimeMs now_ms) noexcept {
    if (state_ == State::succeeded) {
        state_ = State::acknowledged;
        last_.clear();
        return true;
    }
    if (state_ == State::failed) {
        state_ = is_reliable_ ? State::over : State::absorbing;
        end_at_ms_ = now_ms + kT4;
    }
    return false;
}

base::TimeMs InviteTransaction::due_ms() const noexcept {
    switch (state_) {
        case State::proceeding: return is_progress_open_ ? std::min(repeat_at_ms_, end_at_ms_) : kNever;
        case State::succeeded:
        case State::failed: return std::min(repeat_at_ms_, end_at_ms_);
        case State::absorbing: return end_at_ms_;
        case State::acknowledged:
        case State::over: return kNever;
    }
    return kNever;
}

InviteTransaction::Due InviteTransaction::advance(base::TimeMs now_ms, Outbox& out) {
    if (now_ms < due_ms()) return Due::nothing;
    if (now_ms >= end_at_ms_) {
        const State before = std::exchange(state_, state_ == State::proceeding ? State::proceeding : State::over);
        if (before == State::succeeded) return Due::ack_missing;
        if (before != State::proceeding) return Due::nothing;
        is_progress_open_ = false;
        return Due::prack_missing;
    }
    send(out);
    repeat_after_ms_ *= 2;
    // A reliable provisional answer's interval has no bound of its own (RFC 3262 section 3).
    if (state_ != State::proceeding) repeat_after_ms_ = std::min(repeat_after_ms_, kT2);
    repeat_at_ms_ = now_ms + repeat_after_ms_;
    return Due::nothing;
}

}  // namespace sr::dialog
