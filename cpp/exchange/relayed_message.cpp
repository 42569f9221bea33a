#include "exchange/relayed_message.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "dialog/field_lines.hpp"
#include "dialog/random_text.hpp"
#include "sip/ascii.hpp"
#include "sip/reply_text.hpp"

namespace sr::exchange {
namespace {

using dialog::FieldLine;
using sip::RejectReason;

constexpr std::uint32_t kFirstMaxForwards = 70;  // section 16.6 step 3, where the sender wrote none

/// The realm of credentials (section 25.1), without its quotes; empty where they name none.
std::string_view realm_of(std::string_view credentials) {
    credentials.remove_prefix(std::min(credentials.find_first_of(" \t"), credentials.size()));
    std::string_view realm;
    dialog::for_each_value(credentials, [&](std::string_view parameter) {
        const std::size_t equals = parameter.find('=');
        if (equals == std::string_view::npos) return;
        if (!sip::is_equal_ignoring_case(sip::trim(parameter.substr(0, equals)), "realm")) return;
        realm = sip::trim(parameter.substr(equals + 1));
        if (realm.size() >= 2 && realm.front() == '"') realm = realm.substr(1, realm.size() - 2);
    });
    return realm;
}

/// What a proxy takes out or writes anew. A Route could only lead back to us or past us, and whoever is registered here
/// is reached by his binding alone, so that nobody relays through us to where he likes.
bool is_written_anew(const FieldLine& field) noexcept {
    return field.is("via", "v") || field.is("max-forwards") || field.is("route") || field.is("content-length", "l");
}

bool is_for_us_alone(const FieldLine& field, std::string_view realm) {
    if (!field.is("authorization") && !field.is("proxy-authorization")) return false;
    return realm_of(field.value) == realm;
}

/// Whatever tells one sending of a request for one address from another (section 16.6 step 8, RFC 5393 section 4.2):
/// Vias are not of it, since they grow on the way.
std::string loop_mark_of(const dialog::CallRequest& request, const base::TextHash& hash) {
    std::string text(request.request_uri);
    text.append("\n").append(request.from_tag).append("\n").append(request.headers->call_id).append("\n");
    return dialog::tag_text(hash(text.append(std::to_string(request.cseq))));
}

bool has_been_here(const dialog::CallRequest& request, std::string_view loop_mark) {
    bool has_been = false;
    for (const std::string_view vias : request.headers->vias()) {
        dialog::for_each_value(vias, [&](std::string_view via) {
            const std::string_view branch = sip::parameter_of(via, "branch");
            has_been = has_been || (branch.starts_with(kRelayBranchPrefix) && branch.ends_with(loop_mark));
        });
    }
    return has_been;
}

/// The header lines up to From, which is what every answer begins with.
std::string_view vias_of(const dialog::ReplyHead& head) noexcept {
    const std::size_t end = head.copied.find("\r\nFrom: ");
    return std::string_view(head.copied).substr(0, end == std::string::npos ? end : end + 2);
}

std::string& append_line(std::string& text, std::string_view line) { return text.append(line).append("\r\n"); }

}  // namespace

RejectReason read_relayed(const dialog::CallRequest& request, std::string_view message, std::string_view realm,
                          const base::TextHash& hash, RelayedMessage& relayed) {
    std::uint32_t max_forwards = kFirstMaxForwards;
    bool has_proxy_require = false;
    dialog::for_each_field(message, [&](const FieldLine& field) {
        if (field.is("max-forwards")) {
            std::from_chars(field.value.data(), field.value.data() + field.value.size(), max_forwards);
        }
        has_proxy_require = has_proxy_require || field.is("proxy-require");
        if (!is_written_anew(field) && !is_for_us_alone(field, realm)) append_line(relayed.lines, field.line);
    });
    if (max_forwards == 0) return RejectReason::too_many_hops;
    relayed.max_forwards = max_forwards - 1;
    relayed.loop_mark = loop_mark_of(request, hash);
    if (has_been_here(request, relayed.loop_mark)) return RejectReason::request_merged;
    if (has_proxy_require) return RejectReason::extension_required;
    relayed.head = dialog::make_head(request, relayed.loop_mark);
    relayed.vias = vias_of(relayed.head);
    relayed.body = request.body;
    return RejectReason::none;
}

std::string proxy_required_tags(std::string_view message) {
    std::string tags;
    dialog::for_each_field(message, [&](const FieldLine& field) {
        if (!field.is("proxy-require")) return;
        dialog::for_each_value(field.value, [&](std::string_view tag) {
            if (!tags.empty()) tags.append(", ");
            tags.append(tag);
        });
    });
    return tags;
}

std::string write_relayed(const RelayedMessage& relayed, const RelayTarget& target, std::string_view branch) {
    std::string text;
    text.reserve(relayed.vias.size() + relayed.lines.size() + relayed.body.size() + 512);
    text.append("MESSAGE ").append(target.contact_uri).append(" SIP/2.0\r\nVia: SIP/2.0/");
    text.append(target.local.transport).append(" ").append(target.local.host_port).append(";rport;branch=");
    append_line(text, branch).append(relayed.vias).append("Max-Forwards: ");
    append_line(text, std::to_string(relayed.max_forwards));
    if (!target.path.empty()) append_line(text.append("Route: "), target.path);
    text.append(relayed.lines).append("Content-Length: ").append(std::to_string(relayed.body.size()));
    return text.append("\r\n\r\n").append(relayed.body);
}

std::string write_passed_back(std::string_view response, const RelayedMessage& relayed) {
    const std::size_t start = std::min(response.find_first_not_of("\r\n"), response.size());
    std::string text(response.substr(start, response.find("\r\n", start) - start));
    text.append("\r\n").append(relayed.vias);
    std::string_view length;
    const std::size_t body_at = dialog::for_each_field(response, [&](const FieldLine& field) {
        if (field.is("content-length", "l")) {
            length = field.value;
        } else if (!field.is("via", "v")) {
            append_line(text, field.line);
        }
    });
    const std::string_view body = dialog::cut_to_length(response.substr(std::min(body_at, response.size())), length);
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
    return text.append(body);
}

bool is_better_failure(std::uint16_t status, std::uint16_t than) noexcept {
    constexpr std::array<std::uint16_t, 5> kTelling{401, 407, 415, 420, 484};
    const auto rank = [&](std::uint16_t one) {
        if (one >= 600) return 0;
        const int in_class = std::ranges::find(kTelling, one) != kTelling.end() ? 0 : one == 408 ? 2 : 1;
        return 10 * (one / 100) + in_class;
    };
    return rank(status) < rank(than);
}

}  // namespace sr::exchange
