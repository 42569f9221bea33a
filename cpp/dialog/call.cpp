// What comes within the call.
#include "dialog/call.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sip/ascii.hpp"

namespace sr::dialog {
namespace {

using sip::RejectReason;

constexpr std::size_t kMostGiven = 4;

/// RFC 3262 section 7.2: "776656 1 INVITE".
bool is_rack(std::string_view rack, std::uint32_t rseq, std::uint32_t cseq) {
    const std::string wanted = std::to_string(rseq) + " " + std::to_string(cseq) + " INVITE";
    std::string found;
    for (const char c : rack) {
        const bool is_space = sip::is_white(c);
        if (!is_space) found.push_back(c);
        if (is_space && !found.empty() && found.back() != ' ') found.push_back(' ');
    }
    return found == wanted;
}

std::string given_key(const CallRequest& request) {
    std::string key = request.transaction_key;
    return key.append("\n").append(request.method);
}

}  // namespace

Call::Call(CallId id, const CallRequest& request, const LocalAddress& local, const SessionTerms& session,
           const Random& random)
    : id_(id),
      random_(random),
      path_(make_path(request, tag_text(random()), local)),
      invite_(request, path_.local_tag),
      granted_(session),
      has_offer_(!request.body.empty()),
      is_reliable_required_(request.requires_reliable()) {
    for (const std::string& route : path_.routes) record_routes_.append("Record-Route: ").append(route).append("\r\n");
    path_.local_cseq = static_cast<std::uint32_t>(random() & 0xFFFF);
    rseq_ = static_cast<std::uint32_t>(random() & 0xFFFF) + 1;
}

void Call::begin(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    std::string lines;
    if (!request.timestamp.empty()) lines.append("Timestamp: ").append(request.timestamp).append("\r\n");
    invite_.progress(write_response(100, invite_.head(), lines), out);
    decide_by_ms_ = now_ms + kDecideWithin;
    CallEvent event;
    event.kind = CallEventKind::incoming;
    event.user = user_of(request.request_uri);
    event.request_uri = request.request_uri;
    event.caller_uri = uri_of(request.headers->from);
    event.caller_user = user_of(event.caller_uri);
    event.caller_name = display_name_of(request.headers->from);
    event.user_agent = request.user_agent;
    event.local_ip = path_.local.ip;
    event.flow = request.flow;
    event.content_type = request.content_type;
    event.body = request.body;
    tell(std::move(event), out);
}

void Call::tell(CallEvent event, Outbox& out) {
    event.call_id = id_;
    out.events.push_back(std::move(event));
}

bool Call::is_of_dialog(const CallRequest& request) const noexcept {
    return request.to_tag == path_.local_tag && request.from_tag == path_.remote_tag &&
           request.headers->call_id == path_.call_id;
}

RejectReason Call::take(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    if (request.method == "ACK") {
        take_ack(request, now_ms, out);
        return RejectReason::none;
    }
    if (request.method == "INVITE" && reinvite_ && reinvite_->is_same(request)) {
        reinvite_->repeat(out);
        return RejectReason::none;
    }
    if (repeat_given(request, out)) return RejectReason::none;
    if (change_ && !change_->is_reinvite && change_->key == given_key(request)) return RejectReason::none;
    if (request.cseq <= path_.remote_cseq) return RejectReason::out_of_order;
    const RejectReason reason = take_ordered(request, now_ms, out);
    if (reason == RejectReason::none) path_.remote_cseq = request.cseq;
    return reason;
}

RejectReason Call::take_ordered(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    // What is over by a BYE or a refusal is no dialog any more; a BYE that crosses ours is answered.
    const bool is_gone = is_over_ && !client_ && !is_bye_due_;
    if (request.method == "BYE" && !is_gone) {
        take_bye(request, now_ms, out);
        return RejectReason::none;
    }
    if (is_over_) return RejectReason::no_such_dialog;
    if (!unsupported_by_calls(request).empty()) return RejectReason::extension_required;
    if (request.method == "INVITE") return take_reinvite(request, now_ms, out);
    if (request.method == "UPDATE") return take_update(request, now_ms, out);
    if (request.method == "PRACK") return take_prack(request, out);
    if (request.method == "INFO") return take_info(request, out);
    if (request.method == "REFER") return RejectReason::transfer_declined;
    if (request.method != "OPTIONS") return RejectReason::method_not_allowed;
    give(request, 200, std::string(kAllowLine).append("Accept: application/sdp\r\n").append(kSupportedLine), out);
    return RejectReason::none;
}

void Call::take_ack(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    InviteTransaction* acknowledged = nullptr;
    if (reinvite_ && reinvite_->cseq() == request.cseq) acknowledged = &*reinvite_;
    if (invite_.cseq() == request.cseq) acknowledged = &invite_;
    if (acknowledged == nullptr || !acknowledged->acknowledge(now_ms)) return;
    if (is_bye_due_) return say_bye(bye_reason_, now_ms, out);
    if (is_over_) return;
    take_session(granted_, now_ms);
    const bool is_told = acknowledged == &invite_ || is_answer_due_;
    if (acknowledged != &invite_) reinvite_.reset();
    if (!is_told) return;
    CallEvent event;
    event.kind = CallEventKind::confirmed;
    if (std::exchange(is_answer_due_, false)) event.body = request.body;
    tell(std::move(event), out);
}

void Call::take_bye(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    give(request, 200, {}, out);
    if (!request.is_reliable_transport()) linger_until_ms_ = now_ms + kTransactionLife;
    is_bye_due_ = false;
    if (change_) refuse_change(487, {}, now_ms, out);
    if (is_early()) refuse_invite(487, {}, now_ms, out);
    // Who says BYE has our 2xx, whether or not he acknowledges it.
    if (invite_.state() == InviteTransaction::State::succeeded) (void)invite_.acknowledge(now_ms);
    reinvite_.reset();
    end(EndCause::hung_up_by_peer, 0, {}, out);
}

RejectReason Call::judge_change(const CallRequest& request, bool is_reinvite, SessionTerms& session) const {
    const bool has_offer = !request.body.empty();
    if (has_offer && !is_sdp(request.content_type)) return RejectReason::unsupported_media_type;
    if (!request.content_encoding.empty() && !sip::is_equal_ignoring_case(request.content_encoding, "identity")) {
        return RejectReason::unsupported_media_type;
    }
    const SessionDecision decision = decide_session(request);
    session = decision.terms;
    if (decision.reason != RejectReason::none) return decision.reason;
    if (!is_reinvite && !has_offer) return RejectReason::none;
    if (change_ || is_early() || waiting_events_ >= kMostWaitingEvents) return RejectReason::update_pending;
    if (!is_confirmed() || reinvite_ || is_answer_due_) return RejectReason::request_pending;
    return RejectReason::none;
}

RejectReason Call::take_reinvite(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    SessionTerms session;
    const RejectReason reason = judge_change(request, true, session);
    if (reason != RejectReason::none) return reason;
    reinvite_.emplace(request, path_.local_tag);
    reinvite_->progress(write_response(100, reinvite_->head(), {}), out);
    refresh_target(request, path_);
    change_.emplace(
        Change{reinvite_->head(), given_key(request), session, now_ms + kDecideWithin, true, !request.body.empty()});
    CallEvent event;
    event.kind = CallEventKind::updated;
    event.body = request.body;
    event.is_reinvite = true;
    ++waiting_events_;
    tell(std::move(event), out);
    return RejectReason::none;
}

RejectReason Call::take_update(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    SessionTerms session;
    const RejectReason reason = judge_change(request, false, session);
    if (reason != RejectReason::none) return reason;
    refresh_target(request, path_);
    if (request.body.empty()) {
        give(request, 200, success_lines(session), out);
        if (is_confirmed()) take_session(session, now_ms);
        return RejectReason::none;
    }
    change_.emplace(
        Change{make_head(request, path_.local_tag), given_key(request), session, now_ms + kDecideWithin, false, true});
    CallEvent event;
    event.kind = CallEventKind::updated;
    event.body = request.body;
    ++waiting_events_;
    tell(std::move(event), out);
    return RejectReason::none;
}

RejectReason Call::take_info(const CallRequest& request, Outbox& out) {
    if (waiting_events_ >= kMostWaitingEvents) return RejectReason::update_pending;
    give(request, 200, {}, out);
    CallEvent event;
    event.kind = CallEventKind::info;
    event.content_type = request.content_type;
    event.body = request.body;
    ++waiting_events_;
    tell(std::move(event), out);
    return RejectReason::none;
}

RejectReason Call::take_prack(const CallRequest& request, Outbox& out) {
    const bool is_ours = is_ringing_ && is_reliable_required_ && is_rack(request.rack, rseq_, invite_.cseq());
    if (!is_ours) return RejectReason::no_such_dialog;  // RFC 3262 section 3
    invite_.close_progress();
    give(request, 200, {}, out);
    return RejectReason::none;
}

void Call::take_cancel(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    // Section 9.2: its To tag is that of the answers to the INVITE.
    const ReplyHead head = make_head(request, path_.local_tag);
    out.transmissions.push_back({head.flow, head.to, write_response(200, head, {})});
    if (reinvite_ && reinvite_->is_same(request)) {
        if (change_ && change_->is_reinvite) refuse_change(487, {}, now_ms, out);
        return;
    }
    if (!is_early()) return;  // too late: the caller has our answer, or will say BYE
    refuse_invite(487, {}, now_ms, out);
    end(EndCause::cancelled, 487, {}, out);
}

bool Call::repeat_given(const CallRequest& request, Outbox& out) const {
    const std::string key = given_key(request);
    const auto known = std::ranges::find(given_, key, &Given::key);
    if (known == given_.end()) return false;
    const ReplyHead head = make_head(request, path_.local_tag);
    out.transmissions.push_back({head.flow, head.to, known->octets});
    return true;
}

void Call::give(const CallRequest& request, std::uint16_t status, std::string_view lines, Outbox& out) {
    const ReplyHead head = make_head(request, path_.local_tag);
    std::string octets = write_response(status, head, lines);
    remember(given_key(request), octets);
    out.transmissions.push_back({head.flow, head.to, std::move(octets)});
}

void Call::remember(std::string key, const std::string& octets) {
    if (given_.size() == kMostGiven) given_.pop_front();
    given_.push_back({std::move(key), octets});
}

bool Call::take_response(std::string_view branch, std::uint16_t status, base::TimeMs now_ms, Outbox& out) {
    if (!client_ || client_->branch() != branch) return false;
    if (status < 200) {
        client_->proceed();
        return true;
    }
    client_.reset();
    if (is_over_) {  // it was a BYE, and whatever the answer, the call is over (section 15.1.1)
        linger_until_ms_ = std::max(linger_until_ms_, now_ms + kOwnByeLinger);
        return true;
    }
    if (status < 300) {
        take_session(session_, now_ms);
    } else if (status == 481) {
        end(EndCause::peer_lost, 481, "the peer knows this call no more", out);
    } else if (status == 408) {
        end_with_bye(EndCause::peer_lost, "the session could not be refreshed", now_ms, out);
    } else {
        refresh_at_ms_ = now_ms + kShortestRetry;  // until session_end_ms_ comes
    }
    return true;
}

}  // namespace sr::dialog
