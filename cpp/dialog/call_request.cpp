#include "dialog/call_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "dialog/field_lines.hpp"
#include "sip/ascii.hpp"
#include "sip/name_addr.hpp"
#include "sip/reply_text.hpp"
#include "sip/uri.hpp"

namespace sr::dialog {
namespace {

using sip::is_equal_ignoring_case;
using sip::RejectReason;
using sip::trim;

constexpr std::string_view kCookie = "z9hG4bK";
constexpr std::size_t kMostTags = 32;
constexpr std::array<std::string_view, 2> kExtensions{"100rel", "timer"};
constexpr std::size_t kMostUserAgentOctets = 200;  // it is shown to people

bool is_named(std::string_view name, std::string_view full, std::string_view compact = {}) noexcept {
    return is_equal_ignoring_case(name, full) || (!compact.empty() && is_equal_ignoring_case(name, compact));
}

bool has_value(std::string_view values, std::string_view wanted) {
    bool is_there = false;
    for_each_value(values,
                   [&](std::string_view value) { is_there = is_there || is_equal_ignoring_case(value, wanted); });
    return is_there;
}

/// Whether one of Accept's ranges (section 20.1) takes a session description; an empty Accept takes nothing.
bool takes_sdp(std::string_view ranges) {
    bool does = false;
    for_each_value(ranges, [&](std::string_view range) {
        range = trim(range.substr(0, range.find(';')));
        for (const std::string_view taken : {"application/sdp", "application/*", "*/*"}) {
            does = does || is_equal_ignoring_case(range, taken);
        }
    });
    return does;
}

/// What the header lines say, collected.
class FieldReader {
  public:
    explicit FieldReader(CallRequest& request) noexcept : request_(request) {}

    void take(std::string_view name, std::string_view value) {
        if (is_named(name, "contact", "m")) {
            if (request_.contact.empty()) request_.contact = value.substr(0, sip::first_value_length(value));
        } else if (is_named(name, "record-route")) {
            for_each_value(value, [&](std::string_view route) { request_.record_routes.push_back(route); });
        } else if (is_named(name, "require")) {
            for_each_value(value, [&](std::string_view tag) { request_.require.push_back(tag); });
        } else if (is_named(name, "supported", "k")) {
            request_.supports_timer = request_.supports_timer || has_value(value, "timer");
            request_.supports_reliable = request_.supports_reliable || has_value(value, "100rel");
            request_.supports_lists = request_.supports_lists || has_value(value, "eventlist");
        } else if (is_named(name, "allow")) {
            request_.allows_update = request_.allows_update || has_value(value, "UPDATE");
        } else if (is_named(name, "accept")) {
            request_.accepts.push_back(value);
            accepts_ = accepts_ || takes_sdp(value);
            has_accept_ = true;
        } else {
            take_text(name, value);
        }
    }

    [[nodiscard]] bool accepts_sdp() const noexcept { return accepts_ || !has_accept_; }
    [[nodiscard]] std::string_view content_length() const noexcept { return content_length_; }

  private:
    void take_text(std::string_view name, std::string_view value) {
        if (is_named(name, "user-agent")) request_.user_agent = value.substr(0, kMostUserAgentOctets);
        if (is_named(name, "content-type", "c")) request_.content_type = value;
        if (is_named(name, "content-encoding", "e")) request_.content_encoding = value;
        if (is_named(name, "content-length", "l")) content_length_ = value;
        if (is_named(name, "session-expires", "x")) request_.session_expires = value;
        if (is_named(name, "rack")) request_.rack = value;
        if (is_named(name, "event", "o")) request_.event = value;
        if (is_named(name, "expires")) request_.expires = value;
        if (is_named(name, "timestamp")) request_.timestamp = value;
    }

    CallRequest& request_;
    std::string_view content_length_;
    bool has_accept_ = false;
    bool accepts_ = false;
};

/// Section 17.2.3, with the source's address, so that nobody else meets a transaction by its branch. Below the cookie,
/// what RFC 2543 has. INVITE, its ACK and its CANCEL have one key, every other method its own.
std::string key_of(const CallRequest& request) {
    const sip::RawHeaders& headers = *request.headers;
    const std::string_view via = headers.via_values[0].substr(0, sip::first_value_length(headers.via_values[0]));
    const std::string_view branch = sip::parameter_of(via, "branch");
    std::string key = request.flow.remote.ip_text();
    key.append("\n").append(via.substr(0, via.find(';'))).append("\n");
    const bool is_of_invite = request.method == "INVITE" || request.method == "ACK" || request.method == "CANCEL";
    if (!is_of_invite) key.append(request.method).append("\n");
    if (branch.size() > kCookie.size() && is_equal_ignoring_case(branch.substr(0, kCookie.size()), kCookie)) {
        return key.append(branch);
    }
    key.append(via).append("\n").append(headers.call_id).append("\n").append(request.from_tag).append("\n");
    return key.append(headers.cseq.substr(0, headers.cseq.find_first_of(" \t")));
}

bool is_route(std::string_view value) noexcept {
    return sip::bracket_of(value) != std::string_view::npos && sip::Uri::parse(uri_of(value)).has_value();
}

RejectReason judge(const CallRequest& request) {
    if (request.record_routes.size() > kMostRoutes || request.require.size() > kMostTags ||
        request.accepts.size() > kMostTags) {
        return RejectReason::too_many_headers;
    }
    if (!std::ranges::all_of(request.record_routes, is_route)) return RejectReason::malformed;
    if (!request.contact.empty() && !sip::Uri::parse(uri_of(request.contact))) return RejectReason::contact_invalid;
    return RejectReason::none;
}

}  // namespace

std::string_view cut_to_length(std::string_view body, std::string_view length) noexcept {
    std::size_t octets = 0;
    const auto result = std::from_chars(length.data(), length.data() + length.size(), octets);
    return result.ec == std::errc() ? body.substr(0, octets) : body;
}

bool CallRequest::requires_reliable() const noexcept {
    return std::ranges::any_of(require, [](std::string_view tag) { return is_equal_ignoring_case(tag, "100rel"); });
}

RejectReason read_request(std::string_view message, const sip::Inspection& seen, const sip::Flow& flow,
                          CallRequest& request) {
    request.headers = &seen.headers;
    request.method = seen.method;
    request.request_uri = seen.request_uri;
    request.flow = flow;
    request.from_tag = sip::parameter_of(seen.headers.from, "tag");
    request.to_tag = sip::parameter_of(seen.headers.to, "tag");
    const std::string_view cseq = seen.headers.cseq;
    std::from_chars(cseq.data(), cseq.data() + cseq.size(), request.cseq);
    const std::string_view via = seen.headers.via_values[0];
    request.is_symmetric = sip::parameter_of(via.substr(0, sip::first_value_length(via)), "rport").data() != nullptr;
    FieldReader reader(request);
    const std::size_t body =
        for_each_field(message, [&](const FieldLine& field) { reader.take(field.name, field.value); });
    request.body = cut_to_length(message.substr(std::min(body, message.size())), reader.content_length());
    request.accepts_sdp = reader.accepts_sdp();
    request.transaction_key = key_of(request);
    return judge(request);
}

std::string unsupported_by_calls(const CallRequest& request) {
    std::string tags;
    for (const std::string_view tag : request.require) {
        const auto is_it = [tag](std::string_view known) { return is_equal_ignoring_case(tag, known); };
        if (std::ranges::any_of(kExtensions, is_it)) continue;
        if (!tags.empty()) tags.append(", ");
        tags.append(tag);
    }
    return tags;
}

std::string_view uri_of(std::string_view name_addr) noexcept {
    const std::size_t open = sip::bracket_of(name_addr);
    if (open == std::string_view::npos) return trim(name_addr.substr(0, name_addr.find(';')));
    name_addr.remove_prefix(open + 1);
    return trim(name_addr.substr(0, name_addr.find('>')));
}

std::string_view target_of(const CallRequest& request) noexcept {
    const std::string_view uri = uri_of(request.contact.empty() ? request.headers->from : request.contact);
    return sip::Uri::parse(uri) ? uri : std::string_view();
}

std::string display_name_of(std::string_view name_addr) {
    const std::size_t open = sip::bracket_of(name_addr);
    if (open == std::string_view::npos) return {};
    const std::string_view name = trim(name_addr.substr(0, open));
    if (name.size() < 2 || name.front() != '"') return std::string(name);
    std::string plain;
    for (std::size_t at = 1; at + 1 < name.size(); ++at) {
        if (name[at] == '\\' && at + 2 < name.size()) ++at;
        plain.push_back(name[at]);
    }
    return plain;
}

std::string user_of(std::string_view uri) {
    const auto parsed = sip::Uri::parse(uri);
    if (!parsed) return {};
    std::string user;
    const std::string_view text = parsed->user;
    for (std::size_t at = 0; at < text.size(); ++at) {
        unsigned octet = 0;
        const bool is_escape = text[at] == '%' && at + 2 < text.size() &&
                               std::from_chars(&text[at + 1], &text[at + 1] + 2, octet, 16).ptr == &text[at + 1] + 2;
        if (is_escape && octet >= 0x20 && octet != 0x7F && octet != '%') {
            user.push_back(static_cast<char>(octet));
            at += 2;
        } else {
            user.push_back(text[at]);
        }
    }
    return user;
}

std::string_view host_of(std::string_view uri) noexcept {
    const auto parsed = sip::Uri::parse(uri);
    return parsed ? parsed->host : std::string_view();
}

}  // namespace sr::dialog
