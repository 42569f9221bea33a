#include "stack/reply_writer.hpp"

#include <charconv>
#include <functional>

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
            if (value[i] == '\\')
                ++i;
            else if (value[i] == '"')
                is_quoted = false;
            continue;
        }
        if (i < value.size() && value[i] == '"') is_quoted = true;
        if (i == value.size() || value[i] == ';') {
            if (start != std::string_view::npos) visit(trim(value.substr(start, i - start)));
            start = i + 1;
        }
    }
}

std::string_view parameter_name(std::string_view parameter) noexcept {
    return trim(parameter.substr(0, parameter.find('=')));
}

/// The port of a Via value's sent-by, 5060 where it names none (RFC 3261 section 18.2.2).
std::uint16_t sent_by_port(std::string_view sent_by) noexcept {
    const std::size_t colon = sent_by.rfind(':');
    const std::size_t bracket = sent_by.rfind(']');
    if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return 5060;
    std::uint16_t port = 0;
    const std::string_view digits = trim(sent_by.substr(colon + 1));
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return result.ec == std::errc() && port != 0 ? port : std::uint16_t{5060};
}

std::uint16_t write_top_via(std::string_view values, const ReplySource& source, base::TextBuffer& out) noexcept {
    const std::size_t length = sip::first_value_length(values);
    const std::string_view top = values.substr(0, length);
    const std::string_view sent_by = trim(top.substr(0, top.find(';')));
    bool is_symmetric = false;
    out << "Via: " << sent_by;
    for_each_parameter(top, [&](std::string_view parameter) {
        const std::string_view name = parameter_name(parameter);
        if (is_equal_ignoring_case(name, "received") || parameter.empty()) return;
        if (is_equal_ignoring_case(name, "rport")) {
            is_symmetric = true;
            out << ";rport=" << std::uint64_t{source.port};
        } else {
            out << ";" << parameter;
        }
    });
    out << ";received=" << source.ip << values.substr(length) << "\r\n";
    return is_symmetric ? source.port : sent_by_port(sent_by);
}

/// What an unreadable request lacks, its answer lacks too.
void write_copy(std::string_view name, std::string_view value, base::TextBuffer& out) noexcept {
    if (!value.empty()) out << name << ": " << value << "\r\n";
}

void write_to(const sip::RawHeaders& request, std::uint64_t tag_key, base::TextBuffer& out) noexcept {
    if (request.to.empty()) return;
    out << "To: " << request.to;
    if (!sip::has_tag(request.to)) {
        constexpr std::hash<std::string_view> hash;
        std::uint64_t tag = (tag_key ^ hash(request.call_id)) * 0x9e3779b97f4a7c15ULL ^ hash(request.cseq);
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

std::uint16_t write_reply(const sip::RawHeaders& request, const ReplySource& source, const sip::Reply& reply,
                          std::uint64_t tag_key, base::TextBuffer& out) noexcept {
    out << "SIP/2.0 " << std::uint64_t{reply.line.status} << " " << reply.line.phrase << "\r\n";
    const std::uint16_t port = write_top_via(request.via_values[0], source, out);
    for (const std::string_view via : request.vias().subspan(1)) out << "Via: " << via << "\r\n";
    write_copy("From", request.from, out);
    write_to(request, tag_key, out);
    write_copy("Call-ID", request.call_id, out);
    write_copy("CSeq", request.cseq, out);
    out << reply.headers.text() << "Server: " << kProduct << "\r\nContent-Length: 0\r\n\r\n";
    if (reply.headers.is_overflown()) out.set_overflown();
    return port;
}

}  // namespace sr::stack
