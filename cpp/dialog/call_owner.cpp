// What the call's owner wants, and what time brings.
#include <algorithm>
#include <utility>

#include "dialog/call.hpp"

namespace sr::dialog {

std::string Call::success_lines(const SessionTerms& session) const {
    std::string lines = record_routes_;
    lines.append(contact_line(path_)).append(kAllowLine).append(kSupportedLine);
    return lines.append("Accept: application/sdp\r\n").append(session_lines(session));
}

bool Call::ring(base::TimeMs now_ms, Outbox& out) {
    if (!is_early()) return false;
    if (std::exchange(is_ringing_, true)) return true;
    decide_by_ms_ = now_ms + kAnswerWithin;
    std::string lines = record_routes_;
    lines.append(contact_line(path_)).append(kAllowLine);
    if (!is_reliable_required_) {
        invite_.progress(write_response(180, invite_.head(), lines), out);
        progress_at_ms_ = now_ms + kProgressEvery;
    } else if (has_offer_) {
        lines.append("Require: 100rel\r\nRSeq: ").append(std::to_string(rseq_)).append("\r\n");
        invite_.progress_reliably(write_response(180, invite_.head(), lines), now_ms, out);
    }
    // Without an offer the first reliable answer would have to carry ours (RFC 3261 section 13.2.1), which we do not
    // know before the call is answered: such a peer hears no ringing.
    return true;
}

bool Call::answer(std::string_view sdp, base::TimeMs now_ms, Outbox& out) {
    if (!is_early()) return false;
    invite_.close_progress();
    invite_.succeed(write_response(200, invite_.head(), success_lines(granted_), {kSdpType, sdp}), now_ms, out);
    decide_by_ms_ = progress_at_ms_ = kNever;
    is_answer_due_ = !has_offer_;
    return true;
}

bool Call::reject(std::uint16_t status, std::string_view reason, base::TimeMs now_ms, Outbox& out) {
    if (!is_early()) return false;
    refuse_invite(status, warning_line(reason), now_ms, out);
    end(EndCause::rejected, status, reason, out);
    return true;
}

bool Call::answer_update(std::string_view sdp, base::TimeMs now_ms, Outbox& out) {
    if (!change_ || is_over_) return false;
    const Change change = *std::exchange(change_, std::nullopt);
    std::string octets = write_response(200, change.head, success_lines(change.session), {kSdpType, sdp});
    if (change.is_reinvite) {
        granted_ = change.session;
        is_answer_due_ = !change.has_offer;
        reinvite_->succeed(std::move(octets), now_ms, out);
        return true;
    }
    remember(change.key, octets);
    out.transmissions.push_back({change.head.flow, change.head.to, std::move(octets)});
    take_session(change.session, now_ms);
    return true;
}

bool Call::reject_update(std::uint16_t status, std::string_view reason, base::TimeMs now_ms, Outbox& out) {
    if (!change_ || is_over_) return false;
    refuse_change(status, warning_line(reason), now_ms, out);
    return true;
}

bool Call::hang_up(std::string_view reason, base::TimeMs now_ms, Outbox& out) {
    if (is_over_) return false;
    if (is_early()) {
        refuse_invite(480, warning_line(reason), now_ms, out);
        end(EndCause::hung_up, 480, reason, out);
    } else {
        end_with_bye(EndCause::hung_up, reason, now_ms, out);
    }
    return true;
}

void Call::shut_down(base::TimeMs now_ms, Outbox& out) {
    constexpr std::string_view kReason = "the server is going down";
    if (is_over_) {
        if (is_bye_due_) say_bye(bye_reason_, now_ms, out);
        return;
    }
    if (is_early()) {
        refuse_invite(503, warning_line(kReason), now_ms, out);
        end(EndCause::shutdown, 503, kReason, out);
        return;
    }
    end_with_bye(EndCause::shutdown, kReason, now_ms, out);
    // There is no time to wait for the ACK: a BYE too early is better for the peer than none.
    if (is_bye_due_) say_bye(kReason, now_ms, out);
}

void Call::lose_flow(Outbox& out) {
    if (!is_over_) end(EndCause::peer_lost, 0, "its connection was closed", out);
}

void Call::refuse_invite(std::uint16_t status, std::string_view lines, base::TimeMs now_ms, Outbox& out) {
    invite_.close_progress();
    invite_.fail(write_response(status, invite_.head(), lines), now_ms, out);
    decide_by_ms_ = progress_at_ms_ = kNever;
}

void Call::refuse_change(std::uint16_t status, std::string_view lines, base::TimeMs now_ms, Outbox& out) {
    const Change change = *std::exchange(change_, std::nullopt);
    std::string octets = write_response(status, change.head, lines);
    if (change.is_reinvite) {
        reinvite_->fail(std::move(octets), now_ms, out);
        return;
    }
    remember(change.key, octets);
    out.transmissions.push_back({change.head.flow, change.head.to, std::move(octets)});
}

void Call::end(EndCause cause, std::uint16_t status, std::string_view reason, Outbox& out) {
    if (std::exchange(is_over_, true)) return;
    decide_by_ms_ = progress_at_ms_ = refresh_at_ms_ = session_end_ms_ = kNever;
    client_.reset();  // a refresh of the session
    CallEvent event;
    event.kind = CallEventKind::ended;
    event.cause = cause;
    event.status = status;
    event.reason = reason;
    tell(std::move(event), out);
}

void Call::end_with_bye(EndCause cause, std::string_view reason, base::TimeMs now_ms, Outbox& out) {
    if (change_) refuse_change(487, {}, now_ms, out);
    end(cause, 0, reason, out);
    bye_reason_ = reason;
    // Section 15: not before the ACK, or before it is clear that none comes.
    is_bye_due_ = invite_.state() == InviteTransaction::State::succeeded;
    if (!is_bye_due_) say_bye(reason, now_ms, out);
}

void Call::say_bye(std::string_view reason, base::TimeMs now_ms, Outbox& out) {
    is_bye_due_ = false;
    begin_request("BYE", reason_line(reason), now_ms, out);
}

void Call::begin_request(std::string_view method, std::string_view lines, base::TimeMs now_ms, Outbox& out) {
    std::string branch = std::string(kBranchPrefix) + std::to_string(id_) + "-" + std::to_string(random_());
    std::string octets = write_request(method, path_, branch, {.lines = lines});
    client_.emplace(Transmission{path_.flow, path_.to, std::move(octets)}, std::move(branch), now_ms, out);
}

void Call::take_session(const SessionTerms& session, base::TimeMs now_ms) noexcept {
    session_ = session;
    session_end_ms_ = session_end_ms(session, now_ms);
    refresh_at_ms_ = session.are_we_refresher ? now_ms + base::TimeMs{500} * session.interval_s : kNever;
}

base::TimeMs Call::due_ms() const noexcept {
    base::TimeMs due = std::min({invite_.due_ms(), decide_by_ms_, progress_at_ms_, session_end_ms_});
    if (reinvite_) due = std::min(due, reinvite_->due_ms());
    if (change_) due = std::min(due, change_->decide_by_ms);
    if (client_) due = std::min(due, client_->due_ms());
    if (!client_) due = std::min(due, refresh_at_ms_);
    return is_over_ && !client_ && linger_until_ms_ > 0 ? std::min(due, linger_until_ms_) : due;
}

bool Call::is_forgettable(base::TimeMs now_ms) const noexcept {
    return is_over_ && !client_ && !is_bye_due_ && invite_.is_finished() && now_ms >= linger_until_ms_;
}

void Call::advance(base::TimeMs now_ms, Outbox& out) {
    advance_invite(now_ms, out);
    advance_owner(now_ms, out);
    advance_client(now_ms, out);
    advance_session(now_ms, out);
}

void Call::advance_invite(base::TimeMs now_ms, Outbox& out) {
    constexpr std::string_view kNoAck = "no ACK came for the answer";
    switch (invite_.advance(now_ms, out)) {
        case InviteTransaction::Due::nothing: break;
        case InviteTransaction::Due::ack_missing:
            end(EndCause::not_acknowledged, 0, kNoAck, out);
            say_bye(kNoAck, now_ms, out);
            break;
        case InviteTransaction::Due::prack_missing:
            refuse_invite(504, warning_line("no PRACK came"), now_ms, out);
            end(EndCause::not_acknowledged, 504, "no PRACK came", out);
            break;
    }
    if (!reinvite_) return;
    if (reinvite_->advance(now_ms, out) == InviteTransaction::Due::ack_missing && !is_over_) {
        end_with_bye(EndCause::not_acknowledged, kNoAck, now_ms, out);
    }
    if (reinvite_->state() == InviteTransaction::State::over) reinvite_.reset();
}

void Call::advance_owner(base::TimeMs now_ms, Outbox& out) {
    if (now_ms >= decide_by_ms_) {
        const std::uint16_t status = is_ringing_ ? 480 : 500;
        const std::string_view reason = is_ringing_ ? "nobody answered" : "the call was not decided in time";
        refuse_invite(status, warning_line(reason), now_ms, out);
        end(is_ringing_ ? EndCause::unanswered : EndCause::undecided, status, reason, out);
    } else if (now_ms >= progress_at_ms_) {
        invite_.repeat(out);
        progress_at_ms_ = now_ms + kProgressEvery;
    }
    if (change_ && now_ms >= change_->decide_by_ms) {
        refuse_change(500, warning_line("the offer was not answered in time"), now_ms, out);
    }
}

void Call::advance_client(base::TimeMs now_ms, Outbox& out) {
    if (!client_ || client_->advance(now_ms, out)) return;
    client_.reset();
    if (!is_over_) end_with_bye(EndCause::peer_lost, "the peer does not answer", now_ms, out);
}

void Call::advance_session(base::TimeMs now_ms, Outbox& out) {
    if (is_over_) return;
    if (now_ms >= session_end_ms_) {
        end_with_bye(EndCause::session_expired, "the session was not refreshed", now_ms, out);
    } else if (now_ms >= refresh_at_ms_ && !client_) {
        refresh_at_ms_ = kNever;
        std::string lines = contact_line(path_).append(kAllowLine).append(kSupportedLine);
        lines.append("Session-Expires: ").append(std::to_string(session_.interval_s)).append(";refresher=uac\r\n");
        begin_request("UPDATE", lines, now_ms, out);
    }
}

}  // namespace sr::dialog
