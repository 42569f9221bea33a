#include "stack/reply_writer.hpp"

#include <charconv>

#include "sip/ascii.hpp"

namespace sr::stack {
namespace {

using sip::is_equal_ignoring_case;
using sip::trim;

/// Calls `visit(parameter)` for each ";"-separated parameter behind the first element; quotes are respected.
template <class Visit>
void for_each_parameter(std::string_view value, Visit visit) {
    bool is_quoted = false;
    std::size_t start = std::string_view::npos;
    for (std::size_t i = 0; i <= value.size(); ++i) {
        if (i < value.size() && is_quoted) {
            if (value[i] == '\\') ++i;
            else if (value[i] == '"') is_quoted = false;
            continue;
        }
        if (i < value.size() && value[i] == '"') is_quoted = true;
        if (i == value.size() || value[i] == ';') {
            if (start != std::string_view::npos) visit(trim(value.substr(start, i - start)));
            start = i + 1;
        }
    }
}

std::string_view parameter_name(std::string_view parameter) noexcept { return trim(parameter.substr(0, parameter.find('='))); }

void write_top_via(std::string_view values, const ReplySource& source, base::TextBuffer& out) noexcept {
    const std::size_t length = sip::first_value_length(values);
    const std::string_view top = values.substr(0, length);
    out << "Via: " << trim(top.substr(0, top.find(';')));
    for_each_parameter(top, [&](std::string_view parameter) {
        const std::string_view name = parameter_name(parameter);
        if (is_equal_ignoring_case(name, "received") || parameter.empty()) return;
        if (is_equal_ignoring_case(name, "rport")) {
            out << ";rport=" << std::uint64_t{source.port};
        } else {
            out << ";" << parameter;
        }
    });
    out << ";received=" << source.ip << values.substr(length) << "\r\n";
}

std::uint64_t mix(std::uint64_t hash, std::string_view text) noexcept {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return hash;
}

void write_to(const sip::RawHeaders& request, std::uint64_t tag_key, base::TextBuffer& out) noexcept {
    out << "To: " << request.to;
    if (!sip::has_tag(request.to)) {
        std::uint64_t tag = mix(mix(mix(tag_key, request.call_id), request.cseq), request.from);
        tag ^= tag >> 31;
        char digits[16];
        for (char& digit : digits) {
            digit = "0123456789abcdef"[tag & 15];
            tag >>= 4;
        }
        out << ";tag=" << std::string_view(digits, sizeof digits);
    }
    out << "\r\n";
}

}  // namespace

void write_reply(const sip::RawHeaders& request, const ReplySource& source, const sip::Reply& reply, std::uint64_t tag_key,
                 base::TextBuffer& out) noexcept {
    out << "SIP/2.0 " << std::uint64_t{reply.line.status} << " " << reply.line.phrase << "\r\n";
    write_top_via(request.via_values[0], source, out);
    for (const std::string_view via : request.vias().subspan(1)) out << "Via: " << via << "\r\n";
    out << "From: " << request.from << "\r\n";
    write_to(request, tag_key, out);
    out << "Call-ID: " << request.call_id << "\r\nCSeq: " << request.cseq << "\r\n";
    out << reply.headers.text() << "Server: " << kProduct << "\r\nContent-Length: 0\r\n\r\n";
    if (reply.headers.is_overflown()) out.set_overflown();
}

std::uint16_t reply_port(std::string_view top_via, std::uint16_t source_port) noexcept {
    top_via = top_via.substr(0, sip::first_value_length(top_via));
    bool is_symmetric = false;
    for_each_parameter(top_via, [&](std::string_view parameter) {
        if (is_equal_ignoring_case(parameter_name(parameter), "rport")) is_symmetric = true;
    });
    if (is_symmetric) return source_port;
    const std::string_view sent = trim(top_via.substr(0, top_via.find(';')));
    const std::size_t colon = sent.rfind(':');
    const std::size_t bracket = sent.rfind(']');
    if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return 5060;
    std::uint16_t port = 0;
    const std::string_view digits = trim(sent.substr(colon + 1));
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return result.ec == std::errc() && port != 0 ? port : std::uint16_t{5060};
}

}  // namespace sr::stack
