#include "exchange/publications.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>

#include "dialog/field_lines.hpp"
#include "sip/ascii.hpp"

namespace sr::exchange {
namespace {

constexpr std::string_view kRetry = "Retry-After: 30\r\n";  // a publisher refreshes within a minute

/// Section 6's refusals; `too_many` is 503, since room comes when another publication ends.
std::uint16_t status_of(PublishFault fault) noexcept {
    switch (fault) {
        case PublishFault::bad_event: return 489;
        case PublishFault::condition_failed: return 412;
        case PublishFault::too_brief: return 423;
        case PublishFault::bad_body: return 400;
        case PublishFault::unsupported_type: return 415;
        case PublishFault::forbidden: return 403;
        case PublishFault::not_found: return 404;
        case PublishFault::too_many: return 503;
    }
    return 500;
}

void append_to_list(std::string& list, std::string_view item) {
    if (!list.empty()) list.append(", ");
    list.append(item);
}

/// Above 2^32 - 1 as that: the owner of publications caps it anyway.
std::uint32_t read_seconds(std::string_view digits) noexcept {
    std::uint32_t seconds = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    return result.ec == std::errc() ? seconds : std::numeric_limits<std::uint32_t>::max();
}

std::string media_type_of(std::string_view content_type) {
    std::string type(sip::trim(content_type.substr(0, content_type.find(';'))));
    std::ranges::transform(type, type.begin(), sip::to_lower);
    return type;
}

/// What RFC 3903 reads of the header, beside what every request has.
PublishReceived read_publish(const dialog::CallRequest& request, std::string_view message,
                             const PublishParties& parties) {
    PublishReceived read;
    read.publisher = parties.publisher;
    read.address = parties.address;
    read.flow = request.flow;
    read.package = sip::trim(request.event.substr(0, request.event.find(';')));
    if (!request.expires.empty()) read.expires_s = read_seconds(request.expires);
    dialog::for_each_field(message, [&](const dialog::FieldLine& field) {
        if (field.is("sip-if-match")) read.etag = field.value;
    });
    read.content_type = media_type_of(request.content_type);
    return read;
}

bool is_encoded(const dialog::CallRequest& request) noexcept {
    return !request.content_encoding.empty() && !sip::is_equal_ignoring_case(request.content_encoding, "identity");
}

std::string required_tags(const dialog::CallRequest& request) {
    std::string tags;
    for (const std::string_view tag : request.require) append_to_list(tags, tag);
    return tags;
}

}  // namespace

void Publications::apply(PublicationRules rules) {
    const std::lock_guard guard(guard_);
    rules_ = std::move(rules);
}

void Publications::send(std::uint16_t status, const Waiting& waiting, std::string_view lines,
                        dialog::Outbox& out) const {
    out.transmissions.push_back({waiting.head.flow, waiting.head.to,
                                 dialog::write_response(status, waiting.head, lines), waiting.transaction_key});
}

void Publications::take(const dialog::CallRequest& request, std::string_view message, const PublishParties& parties,
                        base::TimeMs now_ms, dialog::Outbox& out) {
    PublishReceived received = read_publish(request, message, parties);
    const std::lock_guard guard(guard_);
    Waiting waiting{dialog::make_head(request, dialog::tag_text(random_())), request.transaction_key, received.package,
                    now_ms + kAnswerPublishWithin};
    if (is_shut_ || waiting_.size() >= kMostWaitingPublications) return send(503, waiting, kRetry, out);
    const bool is_known =
        std::ranges::any_of(rules_.packages, [&](const auto& package) { return package.name == received.package; });
    if (!is_known) {
        const PublishRefused refused{PublishFault::bad_event, "no such event package is served here"};
        return send(489, waiting, lines_of(refused, received.package), out);
    }
    if (!request.require.empty()) {  // no extension of PUBLISH is known here (RFC 3261 section 8.2.2.3)
        return send(420, waiting, "Unsupported: " + required_tags(request) + "\r\n", out);
    }
    if (request.body.size() > kMostPublishedOctets) {
        return send(413, waiting, dialog::warning_line("a published body has 32768 octets at most"), out);
    }
    if (is_encoded(request)) return send(415, waiting, "Accept-Encoding: identity\r\n", out);
    received.id = next_id_++;
    received.body = request.body;
    waiting_.emplace(received.id, std::move(waiting));
    events_.push_back(std::move(received));
}

std::string Publications::lines_of(const PublishRefused& refused, std::string_view package) const {
    std::string lines;
    if (refused.fault == PublishFault::bad_event) {  // RFC 6665 section 8.3.2: whoever says 489 says what is served
        for (const PublishedPackage& known : rules_.packages) append_to_list(lines, known.name);
        lines = "Allow-Events: " + lines + "\r\n";
    } else if (refused.fault == PublishFault::too_brief) {
        lines = "Min-Expires: " + std::to_string(rules_.min_expires_s) + "\r\n";
    } else if (refused.fault == PublishFault::unsupported_type) {
        const auto known = std::ranges::find(rules_.packages, package, &PublishedPackage::name);
        if (known != rules_.packages.end()) {
            for (const std::string& type : known->content_types) append_to_list(lines, type);
        }
        lines = "Accept: " + lines + "\r\n";
    } else if (refused.fault == PublishFault::too_many) {
        lines = kRetry;
    }
    return lines + dialog::warning_line(refused.reason);
}

bool Publications::answer(PublishId id, const PublishAnswer& answer, dialog::Outbox& out) {
    const std::lock_guard guard(guard_);
    const auto waiting = waiting_.find(id);
    if (waiting == waiting_.end()) return false;
    if (const auto* accepted = std::get_if<PublishAccepted>(&answer)) {
        const std::string expires = std::to_string(accepted->expires_s);
        send(200, waiting->second, "SIP-ETag: " + accepted->etag + "\r\nExpires: " + expires + "\r\n", out);
    } else {
        const auto& refused = std::get<PublishRefused>(answer);
        send(status_of(refused.fault), waiting->second, lines_of(refused, waiting->second.package), out);
    }
    forget(waiting);
    return true;
}

void Publications::advance(base::TimeMs now_ms, dialog::Outbox& out) {
    const std::lock_guard guard(guard_);
    while (!waiting_.empty() && waiting_.begin()->second.end_at_ms <= now_ms) {
        send(500, waiting_.begin()->second, dialog::warning_line("nobody took the publication in time"), out);
        forget(waiting_.begin());
    }
}

void Publications::shut_down(dialog::Outbox& out) {
    const std::lock_guard guard(guard_);
    is_shut_ = true;
    for (const auto& [id, waiting] : waiting_) send(503, waiting, kRetry, out);
    waiting_.clear();
    events_.clear();
}

void Publications::reopen() {
    const std::lock_guard guard(guard_);
    is_shut_ = false;
}

std::vector<PublishReceived> Publications::drain(std::size_t most) {
    const std::lock_guard guard(guard_);
    const auto end = events_.begin() + static_cast<std::ptrdiff_t>(std::min(most, events_.size()));
    std::vector<PublishReceived> drained(std::make_move_iterator(events_.begin()), std::make_move_iterator(end));
    events_.erase(events_.begin(), end);
    return drained;
}

bool Publications::has_events() const {
    const std::lock_guard guard(guard_);
    return !events_.empty();
}

/// What nobody has drained yet goes with it: its answer is out.
void Publications::forget(std::map<PublishId, Waiting>::iterator waiting) {
    std::erase_if(events_, [&](const PublishReceived& event) { return event.id == waiting->first; });
    waiting_.erase(waiting);
}

}  // namespace sr::exchange
