// What comes from watchers: SUBSCRIBEs (RFC 6665 section 4.2.1) and answers to NOTIFYs.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "events/notifier_state.hpp"

namespace sr::events {
namespace {

using sip::RejectReason;

constexpr std::uint32_t kRetryWhenFull_s = 30;  // half of the longest duration by default: some have ended by then

std::string tag_of(std::uint64_t chance) {
    std::array<char, 16> digits;
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), chance, 16).ptr};
}

/// Whether the resource, which is held, is for this watcher.
RejectReason judge_watcher(const WatchedResource& resource, const Watcher& watcher, bool supports_lists) {
    if (!resource.admits(watcher)) return RejectReason::watcher_not_admitted;
    return resource.is_list && !supports_lists ? RejectReason::lists_unsupported : RejectReason::none;
}

void append_types(const EventPackage& package, std::string& line) {
    for (const std::string& type : package.content_types) {
        if (line.find(type) == std::string::npos) line.append(line.empty() ? "Accept: " : ", ").append(type);
    }
}

}  // namespace

TakenRequest Notifier::State::take(const dialog::CallRequest& request, const Watcher& watcher, base::TimeMs now_ms,
                                   dialog::Outbox& out) {
    if (request.to_tag.empty()) return {unanswered_.contains(request.transaction_key) ? Taken::done : Taken::initial};
    Subscription* known = find_dialog(request);
    const bool is_there = known != nullptr && !known->is_ending() && known->unanswered_key().empty();
    if (!is_there) return {Taken::refused, RejectReason::no_such_dialog};
    if (request.cseq <= known->path().remote_cseq) return {Taken::refused, RejectReason::out_of_order};
    const SubscribeTerms terms = decide_subscribe(request, config);
    if (terms.reason != RejectReason::none) return {Taken::refused, terms.reason};
    // Another event in the same dialog is another subscription, which section 4.5.1 deprecates: it gets its own dialog.
    if (!known->is_of_event(terms)) return {Taken::refused, RejectReason::no_such_dialog};
    known->note_registered(watcher.is_registered);
    if (!known->resource().admits(known->watcher())) {
        known->end(EndReason::rejected);
        settle(*known, now_ms);
        return {Taken::refused, RejectReason::watcher_not_admitted};
    }
    const std::uint64_t connection = known->path().flow.connection;
    if (known->refresh(request, terms, now_ms, out)) pace_.leave(known->place);
    follow_connection(*known, connection);
    settle(*known, now_ms);
    return {Taken::done};
}

RejectReason Notifier::State::begin(const dialog::CallRequest& request, const Watcher& watcher,
                                    const dialog::LocalAddress& local, base::TimeMs now_ms) {
    if (is_shut) return RejectReason::shutting_down;
    const SubscribeTerms terms = decide_subscribe(request, config);
    if (terms.reason != RejectReason::none) return terms.reason;
    if (unanswered_.contains(request.transaction_key)) return RejectReason::none;  // begun by another worker meanwhile
    // Resources linger, and what was not drained waits: neither grows without end.
    const std::size_t most_kept = 2 * config.max_subscriptions;
    make_room(most_kept, now_ms);
    const Resource name{terms.package->name, dialog::user_of(request.request_uri)};
    WatchedResource* resource = resources.find(name);
    const bool is_held = resource != nullptr && resource->is_held;
    const RejectReason fault = is_held ? judge_watcher(*resource, watcher, terms.supports_lists) : RejectReason::none;
    if (fault != RejectReason::none) return fault;
    const bool is_full = subscriptions.size() >= config.max_subscriptions ||
                         (!is_held && (resources.count() >= most_kept || events.size() >= most_kept));
    if (is_full) return RejectReason::too_many_subscriptions;
    if (resource == nullptr) resource = &resources.find_or_add(name);
    Subscription& added = add(request, terms, {next_id_++, resource, watcher, local, tag_of(random())}, now_ms);
    if (is_held) {
        added.accept(now_ms);
        if (std::exchange(resource->is_unsolicited, false)) ask(*resource);
    } else {
        ask(*resource);
    }
    settle(added, now_ms);
    return RejectReason::none;
}

bool Notifier::State::take_response(std::string_view branch, std::uint16_t status, std::uint32_t retry_after_s,
                                    base::TimeMs now_ms) {
    const std::string_view digits = branch.substr(kNotifyPrefix.size());
    SubscriptionId id = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), id);
    Subscription* known = find(id);
    if (known == nullptr || !known->take_response(branch, status, retry_after_s, now_ms)) return false;
    settle(*known, now_ms);
    return true;
}

std::string Notifier::State::refusal_lines(RejectReason reason, std::string_view package) const {
    switch (reason) {
        case RejectReason::bad_event: return room_.allow_events;
        case RejectReason::brief_interval: return "Min-Expires: " + std::to_string(config.min_expires_s) + "\r\n";
        case RejectReason::lists_unsupported: return "Require: eventlist\r\n";
        case RejectReason::too_many_subscriptions: return "Retry-After: " + std::to_string(kRetryWhenFull_s) + "\r\n";
        case RejectReason::shutting_down: return "Retry-After: " + std::to_string(kProbation_s) + "\r\n";
        case RejectReason::no_common_type:
        case RejectReason::unsupported_media_type: {
            std::string line;
            for (const EventPackage& known : config.packages) {
                if (package.empty() || known.name == package) append_types(known, line);
            }
            return line.empty() ? line : line.append("\r\n");
        }
        default: return {};
    }
}

void Notifier::State::judge_anew(Subscription& subscription, bool is_changed, base::TimeMs now_ms,
                                 dialog::Outbox& out) {
    if (subscription.is_ending()) return;
    const WatchedResource& resource = subscription.resource();
    const RejectReason fault = judge_watcher(resource, subscription.watcher(), subscription.supports_lists());
    if (subscription.is_pending()) {
        if (fault == RejectReason::none) {
            subscription.accept(now_ms);
        } else {
            answer_no(subscription, fault, out);
        }
    } else if (fault == RejectReason::watcher_not_admitted) {
        subscription.end(EndReason::rejected);
    } else if (fault == RejectReason::lists_unsupported) {
        subscription.end(EndReason::deactivated);  // it comes back and is told what it lacks
    } else if (is_changed) {
        subscription.change();
    }
}

void Notifier::State::answer_no(Subscription& subscription, RejectReason reason, dialog::Outbox& out) {
    note_answer(subscription);
    const std::string lines =
        refusal_lines(reason, subscription.resource().name.package) + dialog::warning_line(sip::warning_text(reason));
    subscription.refuse(sip::status_line(reason).status, lines, out);
}

}  // namespace sr::events
