#include "events/subscription.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dialog/timers.hpp"

namespace sr::events {
namespace {

using dialog::kNever;

constexpr base::TimeMs kMsPerSecond = 1000;

/// Failures after which a usage is over (RFC 5057 section 5.1, RFC 6665 section 4.2.2), Retry-After or not for the
/// first two.
bool ends_usage(std::uint16_t status, bool has_retry_after) noexcept {
    if (status == 481 || status == 408) return true;
    constexpr std::array<std::uint16_t, 7> kEnding{404, 405, 410, 416, 489, 501, 604};
    const bool is_ending = (status >= 480 && status <= 485) || std::ranges::find(kEnding, status) != kEnding.end();
    return is_ending && !has_retry_after;
}

/// Whether the last NOTIFY tells the state, too: to whoever may see it, if it is to be had.
bool tells_state(EndReason end) noexcept { return end == EndReason::none || end == EndReason::timeout; }

std::string branch_of(SubscriptionId id, std::uint64_t chance) {
    std::string branch;
    branch.reserve(kNotifyPrefix.size() + 48);
    branch.append(kNotifyPrefix).append(std::to_string(id)).append("-");
    return branch.append(std::to_string(chance));
}

}  // namespace

Subscription::Subscription(const dialog::CallRequest& request, const SubscribeTerms& terms, NewSubscription made,
                           base::TimeMs now_ms)
    : id_(made.id),
      resource_(made.resource),
      watcher_(std::move(made.watcher)),
      event_id_(terms.event_id),
      path_(dialog::make_path(request, made.local_tag, made.local)),
      request_(std::make_unique<Unanswered>(
          Unanswered{dialog::make_head(request, made.local_tag), request.transaction_key, now_ms + kProvideWithin})),
      expires_s_(terms.expires_s),
      supports_lists_(terms.supports_lists) {}

std::string_view Subscription::unanswered_key() const noexcept {
    return request_ ? std::string_view(request_->key) : std::string_view();
}

bool Subscription::is_of_dialog(const dialog::CallRequest& request) const noexcept {
    return request.to_tag == path_.local_tag && request.from_tag == path_.remote_tag &&
           request.headers->call_id == path_.call_id;
}

SubscriptionReport Subscription::report(base::TimeMs now_ms) const {
    SubscriptionReport report{resource_->name, watcher_.address, path_.flow};
    report.expires_in_ms =
        expires_at_ms_ == kNever ? expires_s_ * kMsPerSecond : std::max<base::TimeMs>(expires_at_ms_ - now_ms, 0);
    report.notified = notified_;
    report.is_pending = request_ != nullptr;
    return report;
}

void Subscription::set_expiry(std::uint32_t expires_s, base::TimeMs now_ms) noexcept {
    expires_s_ = expires_s;
    expires_at_ms_ = now_ms + expires_s * kMsPerSecond;
    is_full_due_ = true;
    if (expires_s == 0) end(EndReason::timeout);  // section 4.4.3
}

void Subscription::accept(base::TimeMs now_ms) {
    request_->is_accepted = true;
    set_expiry(expires_s_, now_ms);
}

void Subscription::refuse(std::uint16_t status, std::string_view lines, dialog::Outbox& out) {
    dialog::ReplyHead& head = request_->head;
    std::string octets = dialog::write_response(status, head, lines);
    out.transmissions.push_back({head.flow, head.to, std::move(octets), std::move(request_->key)});
    is_over_ = true;
}

/// The lines of a 200 (RFC 6665 section 4.2.1.1, RFC 4662 section 4.1).
std::string Subscription::granted_lines() const {
    std::string lines = "Expires: " + std::to_string(expires_s_) + "\r\n" + dialog::contact_line(path_);
    if (resource_->is_list) lines.append("Require: eventlist\r\n");
    return lines;
}

bool Subscription::refresh(const dialog::CallRequest& request, const SubscribeTerms& terms, base::TimeMs now_ms,
                           dialog::Outbox& out) {
    path_.remote_cseq = request.cseq;
    const sip::SocketAddress before = path_.to;
    const sip::Flow flow_before = path_.flow;
    dialog::refresh_target(request, path_);
    const bool has_moved = path_.to != before || path_.flow != flow_before;
    // What is under way goes to where he was: he is told anew where he is.
    if (has_moved) {
        transaction_.reset();
        told_serial_ = 0;
    }
    retry_at_ms_ = 0;
    set_expiry(terms.expires_s, now_ms);
    const dialog::ReplyHead head = dialog::make_head(request, path_.local_tag);
    out.transmissions.push_back(
        {head.flow, head.to, dialog::write_response(200, head, granted_lines()), request.transaction_key});
    return has_moved;
}

void Subscription::end(EndReason reason) noexcept {
    if (is_ending()) return;
    end_ = reason;
    retry_at_ms_ = 0;
}

base::TimeMs Subscription::notify_due_ms() const noexcept {
    if (transaction_ || is_pending() || is_last_out_ || is_over_) return kNever;
    if (is_ending()) return 0;
    if (is_full_due_) return retry_at_ms_;
    return is_changed_ ? std::max(next_change_ms_, retry_at_ms_) : kNever;
}

bool Subscription::give_up_notify() noexcept {
    if (!transaction_ || is_last_out_) return false;
    transaction_.reset();
    told_serial_ = 0;
    return true;
}

bool Subscription::is_due(base::TimeMs now_ms) const noexcept { return notify_due_ms() <= now_ms; }

const Text* Subscription::choose_text() const noexcept {
    if (!resource_->is_held || !tells_state(end_)) return nullptr;
    const Document& document = resource_->document;
    const bool has_last = told_serial_ != 0 && told_serial_ + 1 == resource_->serial;
    const bool is_partial = has_last && !is_full_due_ && !is_ending() && !document.partial.octets.empty();
    return is_partial ? &document.partial : &document.full;
}

void Subscription::answer(dialog::Outbox& out) {
    std::string lines;
    for (const std::string& route : path_.routes) lines.append("Record-Route: ").append(route).append("\r\n");
    lines.append(granted_lines());
    const dialog::ReplyHead& head = request_->head;
    out.transmissions.push_back(
        {head.flow, head.to, dialog::write_response(200, head, lines), std::move(request_->key)});
    request_.reset();
}

std::string Subscription::write_notify(std::string_view branch, NotifyRoom& room, base::TimeMs now_ms) {
    const std::string contact = dialog::contact_line(path_);
    NotifyLines lines;
    lines.package = resource_->name.package;
    if (event_id_) lines.event_id = *event_id_;
    lines.end = end_;
    lines.expires_s = static_cast<std::uint32_t>(std::max<base::TimeMs>(expires_at_ms_ - now_ms, 0) / kMsPerSecond);
    lines.contact_line = contact;
    lines.allow_events_line = room.allow_events;
    lines.is_list = resource_->is_list;
    write_notify_lines(lines, room.lines);
    dialog::RequestText request{.lines = room.lines};
    if (const Text* text = choose_text(); text != nullptr) {
        request.content = {resource_->document.content_type, with_version(*text, version_++, room.body)};
        sent_serial_ = resource_->serial;
    }
    return dialog::write_request("NOTIFY", path_, branch, request);
}

std::size_t Subscription::notify(const NotifyTurn& turn, NotifyRoom& room, base::TimeMs now_ms, dialog::Outbox& out) {
    const bool is_answer_due = request_ != nullptr;
    if (is_answer_due) answer(out);
    std::string branch = branch_of(id_, turn.chance);
    std::string octets = write_notify(branch, room, now_ms);
    transaction_ = std::make_unique<dialog::ClientTransaction>(
        dialog::Transmission{path_.flow, path_.to, std::move(octets)}, std::move(branch), now_ms, out);
    ++notified_;
    is_full_due_ = is_changed_ = false;
    is_last_out_ = is_ending();
    next_change_ms_ = now_ms + turn.interval_ms;
    return is_answer_due ? 2 : 1;
}

bool Subscription::take_response(std::string_view branch, std::uint16_t status, std::uint32_t retry_after_s,
                                 base::TimeMs now_ms) {
    if (!transaction_ || transaction_->branch() != branch) return false;
    if (status < 200) {
        transaction_->proceed();
        return true;
    }
    transaction_.reset();
    if (is_last_out_) {
        is_over_ = true;
    } else if (status < 300) {
        told_serial_ = sent_serial_;
    } else {
        fail_notify(status, retry_after_s, now_ms);
    }
    return true;
}

void Subscription::fail_notify(std::uint16_t status, std::uint32_t retry_after_s, base::TimeMs now_ms) noexcept {
    told_serial_ = 0;
    if (ends_usage(status, retry_after_s != 0)) {
        is_over_ = true;
    } else if (retry_after_s != 0) {
        retry_at_ms_ = now_ms + retry_after_s * kMsPerSecond;
        is_full_due_ = true;
    }
}

base::TimeMs Subscription::due_ms() const noexcept {
    if (is_pending()) return request_->decide_by_ms;
    const base::TimeMs expires_ms = is_ending() ? kNever : expires_at_ms_;
    if (transaction_) return std::min(expires_ms, transaction_->due_ms());
    if (!place.is_waiting()) return std::min(expires_ms, notify_due_ms());
    return is_ending() ? give_up_at_ms() : expires_ms;
}

void Subscription::advance(base::TimeMs now_ms, dialog::Outbox& out) {
    if (is_pending()) return;  // its owner answers for policy
    if (transaction_ && !transaction_->advance(now_ms, out)) {
        transaction_.reset();  // nobody answers (timer F): section 4.2.2
        is_over_ = true;
        return;
    }
    if (!is_ending() && now_ms >= expires_at_ms_) end(EndReason::timeout);
    if (is_ending() && place.is_waiting() && now_ms >= give_up_at_ms()) is_over_ = true;
}

}  // namespace sr::events
