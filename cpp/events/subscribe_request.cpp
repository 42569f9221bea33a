#include "events/subscribe_request.hpp"

#include <algorithm>
#include <charconv>

#include "sip/ascii.hpp"
#include "sip/raw_message.hpp"
#include "sip/reply_text.hpp"

namespace sr::events {
namespace {

using sip::is_equal_ignoring_case;
using sip::RejectReason;
using sip::trim;

constexpr std::string_view kLists = "eventlist";

/// How exactly a media range means the type: 3 itself, 2 its kind, 1 anything, 0 not.
int exactness(std::string_view range, std::string_view type) noexcept {
    if (is_equal_ignoring_case(range, type)) return 3;
    if (range == "*/*") return 1;
    const std::string_view kind = type.substr(0, type.find('/') + 1);
    const bool is_kind = range.size() == kind.size() + 1 && range.back() == '*' &&
                         is_equal_ignoring_case(range.substr(0, kind.size()), kind);
    return is_kind ? 2 : 0;
}

/// A q of 0, 0. or 0.0 to 0.000 (RFC 3261 section 25.1: qvalue).
bool is_refused(std::string_view range) noexcept {
    const std::string_view q = sip::parameter_of(range, "q");
    return q.starts_with('0') && q.find_first_not_of("0.") == std::string_view::npos;
}

/// An id goes into our NOTIFYs as it is, so it must be what section 8.4 has: a token.
bool is_token(std::string_view id) noexcept {
    static constexpr std::string_view kMarks = "-.!%*_+`'~";
    const auto is_of_token = [](char c) {
        const char small = sip::to_lower(c);
        return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
    };
    return !id.empty() && std::ranges::all_of(id, is_of_token);
}

bool has_tag(const dialog::CallRequest& request, std::string_view tag) noexcept {
    return std::ranges::any_of(request.require,
                               [tag](std::string_view required) { return is_equal_ignoring_case(required, tag); });
}

/// Absent or longer than we grant: as long as we grant (section 4.2.1.1: shortened, never lengthened).
std::uint32_t granted_s(std::string_view expires, std::uint32_t most_s) noexcept {
    std::uint32_t wanted_s = most_s;
    std::from_chars(expires.data(), expires.data() + expires.size(), wanted_s);  // out of range: left as it was
    return std::min(wanted_s, most_s);
}

/// Whether it would keep more than any phone's subscription needs: what is copied into answers and NOTIFYs.
bool is_oversized(const dialog::CallRequest& request) noexcept {
    const sip::RawHeaders& headers = *request.headers;
    std::size_t octets = headers.from.size() + headers.to.size() + headers.call_id.size() + request.contact.size();
    for (const std::string_view via : headers.vias()) octets += via.size();
    for (const std::string_view route : request.record_routes) octets += route.size();
    return octets > kMostDialogOctets;
}

/// What is left once the package is known.
RejectReason judge(const dialog::CallRequest& request, const EventField& event, const SubscribeTerms& terms,
                   std::uint32_t min_expires_s) {
    if (is_oversized(request) || (event.id && event.id->size() > kMostIdOctets)) return RejectReason::field_too_long;
    if (event.id && !is_token(*event.id)) return RejectReason::malformed;
    if (!unsupported_by_notifier(request).empty()) return RejectReason::extension_required;
    if (terms.expires_s != 0 && terms.expires_s < min_expires_s) return RejectReason::brief_interval;
    const auto accepted = [&](std::string_view type) { return is_type_accepted(request.accepts, type); };
    if (std::ranges::none_of(terms.package->content_types, accepted)) return RejectReason::no_common_type;
    return dialog::target_of(request).empty() ? RejectReason::contact_invalid : RejectReason::none;
}

}  // namespace

EventField read_event(std::string_view value) noexcept {
    EventField event{trim(value.substr(0, value.find(';'))), std::nullopt};
    const std::string_view id = sip::parameter_of(value, "id");
    if (id.data() != nullptr) event.id = id;
    return event;
}

SubscribeTerms decide_subscribe(const dialog::CallRequest& request, const NotifierConfig& config) {
    const EventField event = read_event(request.event);
    const auto package = std::ranges::find(config.packages, event.package, &EventPackage::name);
    SubscribeTerms terms;
    if (package == config.packages.end()) {
        terms.reason = RejectReason::bad_event;
        return terms;
    }
    terms.package = &*package;
    terms.event_id = event.id;
    terms.expires_s = granted_s(request.expires, config.max_expires_s);
    terms.supports_lists = package->is_list_served && (request.supports_lists || has_tag(request, kLists));
    terms.reason = judge(request, event, terms, config.min_expires_s);
    return terms;
}

bool is_type_accepted(std::span<const std::string_view> lines, std::string_view type) {
    int best = 0;
    bool is_taken = false;
    bool is_empty = true;
    for (std::string_view line : lines) {
        while (!line.empty()) {
            const std::size_t length = sip::first_value_length(line);
            const std::string_view value = trim(line.substr(0, length));
            line.remove_prefix(std::min(length + 1, line.size()));
            if (value.empty()) continue;
            is_empty = false;
            const int exact = exactness(trim(value.substr(0, value.find(';'))), type);
            if (exact <= best) continue;
            best = exact;
            is_taken = !is_refused(value);
        }
    }
    // Nothing said is the package's default (section 3.1.3); an empty Accept is what some phones mean by that.
    return is_empty || is_taken;
}

std::string unsupported_by_notifier(const dialog::CallRequest& request) {
    std::string tags;
    for (const std::string_view tag : request.require) {
        if (is_equal_ignoring_case(tag, kLists)) continue;
        if (!tags.empty()) tags.append(", ");
        tags.append(tag);
    }
    return tags;
}

}  // namespace sr::events
