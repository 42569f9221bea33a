#include "dialog/message_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text_buffer.hpp"
#include "base/utf8.hpp"
#include "dialog/session_timer.hpp"
#include "sip/ascii.hpp"
#include "sip/reply_text.hpp"
#include "sip/uri.hpp"

namespace sr::dialog {
namespace {

constexpr std::size_t kAddedOctets = 512;  // received, rport, our tag
constexpr std::size_t kFixedOctets = 320;  // what every request of ours consists of, beyond what is its dialog's
constexpr std::size_t kMostSentence = 300;

constexpr std::array<std::pair<std::uint16_t, std::string_view>, 32> kPhrases{{
    {100, "Trying"},
    {180, "Ringing"},
    {200, "OK"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {412, "Conditional Request Failed"},
    {413, "Request Entity Too Large"},
    {415, "Unsupported Media Type"},
    {420, "Bad Extension"},
    {421, "Extension Required"},
    {422, "Session Interval Too Small"},
    {423, "Interval Too Brief"},
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {482, "Loop Detected"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {489, "Bad Event"},
    {491, "Request Pending"},
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {513, "Message Too Large"},
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {606, "Not Acceptable"},
}};

/// One line: folding becomes a space, since what is copied may stand in front of more (section 7.3.1).
std::string unfolded(std::string_view text) {
    std::string line(text);
    std::ranges::replace_if(
        line, [](char c) { return c == '\r' || c == '\n'; }, ' ');
    return line;
}

/// Fit for a quoted string (section 25.1).
std::string quotable(std::string_view sentence) {
    std::string text;
    sentence = sentence.substr(0, kMostSentence);
    while (!sentence.empty()) {
        const std::size_t length = base::utf8_length(sentence);
        const auto octet = static_cast<unsigned char>(sentence.front());
        if (length == 0 || octet < 0x20 || octet == 0x7F) {
            text.push_back(' ');
        } else {
            if (octet == '"' || octet == '\\') text.push_back('\\');
            text.append(sentence.substr(0, length));
        }
        sentence.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text;
}

bool is_loose(std::string_view route) noexcept {
    const auto uri = sip::Uri::parse(uri_of(route));
    return uri && uri->parameter("lr").has_value();
}

/// Where requests of ours go: never to an address that we were not spoken to from, or anybody could aim our BYEs by
/// his Contact. Only the port is the Contact's (or the first route's), where the peer did not ask for its source port.
sip::SocketAddress destination(const CallRequest& request, std::string_view next_hop) noexcept {
    sip::SocketAddress to = request.flow.remote;
    if (request.is_symmetric || request.is_reliable_transport()) return to;
    const auto uri = sip::Uri::parse(next_hop);
    if (!uri) return to;
    const auto named = sip::SocketAddress::parse(std::string(uri->host), uri->port.value_or(5060));
    if (named && named->ip == to.ip) to.port = named->port;
    return to;
}

void take_target(const CallRequest& request, DialogPath& path) {
    path.remote_target = target_of(request);
    path.flow = request.flow;
    path.to = destination(request, path.routes.empty() ? path.remote_target : uri_of(path.routes.front()));
}

}  // namespace

ReplyHead make_head(const CallRequest& request, std::string_view local_tag) {
    const sip::RawHeaders& headers = *request.headers;
    std::size_t octets = kAddedOctets + headers.from.size() + headers.to.size() + headers.call_id.size();
    for (const std::string_view via : headers.vias()) octets += via.size() + 8;
    std::vector<char> room(octets + headers.cseq.size());
    base::TextBuffer text(room);
    ReplyHead head;
    const std::string source_ip = request.flow.remote.ip_text();
    head.flow = request.flow;
    head.to = request.flow.remote;
    const sip::ReplySource source{std::string_view(source_ip).substr(0, source_ip.find('%')), request.flow.remote.port};
    const std::uint16_t port = sip::write_copied_fields(headers, source, local_tag, text);
    if (!request.is_reliable_transport()) head.to.port = port;
    head.copied = text.text();
    return head;
}

std::string write_response(std::uint16_t status, const ReplyHead& head, std::string_view lines,
                           const Content& content) {
    std::string text = "SIP/2.0 " + std::to_string(status) + " ";
    text.append(phrase_of(status)).append("\r\n").append(head.copied).append(lines);
    text.append("Server: ").append(sip::kProduct).append("\r\n");
    if (!content.body.empty()) text.append("Content-Type: ").append(content.type).append("\r\n");
    text.append("Content-Length: ").append(std::to_string(content.body.size())).append("\r\n\r\n");
    return text.append(content.body);
}

bool is_sdp(std::string_view content_type) noexcept {
    return sip::is_equal_ignoring_case(sip::trim(content_type.substr(0, content_type.find(';'))), kSdpType);
}

std::string refusal_lines(sip::RejectReason reason, const CallRequest& request) {
    switch (reason) {
        case sip::RejectReason::unsupported_media_type:
        case sip::RejectReason::not_acceptable: return "Accept: application/sdp\r\nAccept-Encoding: identity\r\n";
        case sip::RejectReason::session_too_brief: return "Min-SE: " + std::to_string(kShortestSession_s) + "\r\n";
        case sip::RejectReason::update_pending:
            // Between 0 and 10 s, by chance (section 14.2); the CSeq is chance enough to tell two peers apart.
            return "Retry-After: " + std::to_string(request.cseq % 11) + "\r\n";
        case sip::RejectReason::method_not_allowed: return std::string(kAllowLine);
        default: return {};
    }
}

std::string_view phrase_of(std::uint16_t status) noexcept {
    const auto* row = std::ranges::find(kPhrases, status, &decltype(kPhrases)::value_type::first);
    if (row != kPhrases.end()) return row->second;
    return status < 500 ? "Request Failure" : status < 600 ? "Server Failure" : "Global Failure";
}

std::string warning_line(std::string_view sentence) {
    if (sentence.empty()) return {};
    return "Warning: 399 " + std::string(sip::kProduct) + " \"" + quotable(sentence) + "\"\r\n";
}

std::string reason_line(std::string_view sentence) {
    if (sentence.empty()) return {};
    return "Reason: SIP;text=\"" + quotable(sentence) + "\"\r\n";
}

DialogPath make_path(const CallRequest& request, std::string_view local_tag, const LocalAddress& local) {
    const sip::RawHeaders& headers = *request.headers;
    DialogPath path;
    path.call_id = headers.call_id;
    path.local_tag = local_tag;
    path.remote_tag = request.from_tag;
    path.local_party = unfolded(headers.to).append(";tag=").append(local_tag);
    path.remote_party = unfolded(headers.from);
    for (const std::string_view route : request.record_routes) path.routes.push_back(unfolded(route));
    path.remote_cseq = request.cseq;
    path.local = local;
    take_target(request, path);
    return path;
}

void refresh_target(const CallRequest& request, DialogPath& path) {
    if (!request.contact.empty()) take_target(request, path);
}

std::string write_request(std::string_view method, DialogPath& path, std::string_view branch, const RequestText& what) {
    // Section 12.2.1.1: a strict router is the Request-URI, and the peer the last route.
    const bool is_strict = !path.routes.empty() && !is_loose(path.routes.front());
    const std::string_view request_uri = is_strict ? uri_of(path.routes.front()) : std::string_view(path.remote_target);
    const Content& content = what.content;
    std::size_t octets = kFixedOctets + request_uri.size() + path.remote_target.size() + path.local.host_port.size() +
                         branch.size() + path.local_party.size() + path.remote_party.size() + path.call_id.size() +
                         what.lines.size() + content.type.size() + content.body.size();
    for (const std::string& route : path.routes) octets += route.size() + 16;
    std::string text;
    text.reserve(octets);
    text.append(method).append(" ").append(request_uri).append(" SIP/2.0\r\nVia: SIP/2.0/");
    text.append(path.local.transport).append(" ").append(path.local.host_port).append(";rport;branch=");
    text.append(branch).append("\r\nMax-Forwards: 70\r\n");
    for (std::size_t i = is_strict ? 1 : 0; i < path.routes.size(); ++i) {
        text.append("Route: ").append(path.routes[i]).append("\r\n");
    }
    if (is_strict) text.append("Route: <").append(path.remote_target).append(">\r\n");
    text.append("From: ").append(path.local_party).append("\r\nTo: ").append(path.remote_party);
    text.append("\r\nCall-ID: ").append(path.call_id).append("\r\nCSeq: ");
    text.append(std::to_string(++path.local_cseq)).append(" ").append(method).append("\r\n").append(what.lines);
    text.append("User-Agent: ").append(sip::kProduct).append("\r\n");
    if (!content.body.empty()) text.append("Content-Type: ").append(content.type).append("\r\n");
    text.append("Content-Length: ").append(std::to_string(content.body.size())).append("\r\n\r\n");
    return text.append(content.body);
}

std::string contact_line(const DialogPath& path) {
    std::string line = "Contact: <sip:" + path.local.host_port;
    return line.append(sip::transport_parameter(path.flow.transport)).append(">\r\n");
}

}  // namespace sr::dialog
