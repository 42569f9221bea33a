#include "sip/reply_text.hpp"

#include <charconv>

#include "sip/ascii.hpp"

namespace sr::sip {
namespace {

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
    const std::size_t length = first_value_length(values);
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

void write_to(const RawHeaders& request, std::string_view tag, base::TextBuffer& out) noexcept {
    if (request.to.empty()) return;
    out << "To: " << request.to;
    if (!has_tag(request.to)) out << ";tag=" << tag;
    out << "\r\n";
}

}  // namespace

std::uint16_t write_copied_fields(const RawHeaders& request, const ReplySource& source, std::string_view tag,
                                  base::TextBuffer& out) noexcept {
    const std::uint16_t port = write_top_via(request.via_values[0], source, out);
    for (const std::string_view via : request.vias().subspan(1)) out << "Via: " << via << "\r\n";
    write_copy("From", request.from, out);
    write_to(request, tag, out);
    write_copy("Call-ID", request.call_id, out);
    write_copy("CSeq", request.cseq, out);
    return port;
}

std::string_view parameter_of(std::string_view value, std::string_view name) noexcept {
    bool is_quoted = false;
    int depth = 0;
    std::size_t start = std::string_view::npos;
    for (std::size_t at = 0; at <= value.size(); ++at) {
        const char c = at < value.size() ? value[at] : ';';
        if (is_quoted && at < value.size()) {
            if (c == '\\') ++at;
            if (c == '"') is_quoted = false;
            continue;
        }
        if (c == '"') is_quoted = true;
        depth += (c == '<' ? 1 : 0) - (c == '>' ? 1 : 0);
        if (c != ';' || depth > 0) continue;
        if (start != std::string_view::npos) {
            const std::string_view parameter = value.substr(start, at - start);
            if (is_equal_ignoring_case(parameter_name(parameter), name)) {
                const std::size_t equals = parameter.find('=');
                return equals == std::string_view::npos ? parameter.substr(0, 0) : trim(parameter.substr(equals + 1));
            }
        }
        start = at + 1;
    }
    return {};
}

}  // namespace sr::sip
