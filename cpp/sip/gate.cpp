#include "sip/gate.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "sip/ascii.hpp"
#include "sip/field_scan.hpp"
#include "sip/header_field.hpp"
#include "sip/name_addr.hpp"

namespace sr::sip {
namespace {

constexpr std::uint64_t kMostCseq = 0x7FFFFFFF;  // section 8.1.1.5
constexpr std::uint64_t kMostHops = 255;         // section 20.22
constexpr std::string_view kCookie = "z9hG4bK";  // section 8.1.1.7

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

constexpr bool is_digits(std::string_view text) noexcept {
    for (const char c : text) {
        if (!is_digit(c)) return false;
    }
    return !text.empty();
}

/// The characters of a token (section 25.1).
constexpr auto kTokenCharacters = [] {
    std::array<bool, 256> table{};
    for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (const char c : std::string_view("-.!%*_+`'~")) table[static_cast<std::size_t>(c)] = true;
    return table;
}();

constexpr bool is_token(char c) noexcept { return kTokenCharacters[static_cast<unsigned char>(c)]; }

constexpr bool is_token(std::string_view text) noexcept {
    for (const char c : text) {
        if (!is_token(c)) return false;
    }
    return !text.empty();
}

/// Takes the word up to the next white space off `rest`, and the white space (folding included) behind it.
std::string_view take_word(std::string_view& rest) noexcept {
    std::size_t end = 0;
    while (end < rest.size() && !is_white(rest[end])) ++end;
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(word.size());
    rest = trim(rest);
    return word;
}

/// Digits only, any number of zeros before them; nullopt above `most`.
std::optional<std::uint64_t> read_number(std::string_view digits, std::uint64_t most) noexcept {
    std::uint64_t number = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool is_whole = result.ec == std::errc() && result.ptr == digits.data() + digits.size();
    return is_whole && number <= most ? std::optional(number) : std::nullopt;
}

bool is_sip_scheme(std::string_view scheme) noexcept {
    return is_equal_ignoring_case(scheme, "sip") || is_equal_ignoring_case(scheme, "sips");
}

/// The scheme of a From or To value's URI.
std::string_view scheme_of(std::string_view value) noexcept {
    const std::size_t angle = bracket_of(value);
    if (angle != std::string_view::npos) value.remove_prefix(angle + 1);
    return value.substr(0, value.find(':'));
}

/// What the request line's URI must not have: white space, brackets, header fields (section 19.1.5), an open host.
RejectReason uri_fault(std::string_view uri) noexcept {
    for (const char c : uri) {
        const Octet octet = octet_of(c);
        const bool is_outside =
            octet == Octet::space || octet == Octet::quote || octet == Octet::less || octet == Octet::greater;
        if (is_outside) return RejectReason::malformed;
    }
    const std::size_t colon = uri.find(':');
    if (colon == 0 || colon == std::string_view::npos) return RejectReason::malformed;
    if (!is_sip_scheme(uri.substr(0, colon))) return RejectReason::none;
    const std::size_t at = uri.find('@');
    const std::string_view host = uri.substr((at == std::string_view::npos ? colon : at) + 1);
    if (host.empty() || host.find('?') != std::string_view::npos) return RejectReason::malformed;
    if (host.front() == '[' && reference_length(host) == 0) return RejectReason::nesting_invalid;
    return RejectReason::none;
}

/// Whether a Via value names a host that an answer could be for: "SIP/2.0/UDP host" in whatever version and spacing.
bool has_sent_by(std::string_view via) noexcept {
    const std::size_t first = via.find('/');
    const std::size_t second = first == std::string_view::npos ? first : via.find('/', first + 1);
    if (second == std::string_view::npos) return false;
    std::string_view rest = trim(via.substr(second + 1));
    take_word(rest);
    return !rest.empty() && (is_token(rest.front()) || rest.front() == '[');
}

/// The value of the branch parameter of a Via's first value; nullopt where there is none.
std::optional<std::string_view> branch_of(std::string_view via) noexcept {
    via = via.substr(0, first_value_length(via));
    for (std::size_t at = via.find(';'); at != std::string_view::npos; at = via.find(';', at + 1)) {
        const std::string_view parameter = via.substr(at + 1, via.find(';', at + 1) - at - 1);
        const std::size_t equals = parameter.find('=');
        if (equals == std::string_view::npos) continue;
        if (is_equal_ignoring_case(trim(parameter.substr(0, equals)), "branch"))
            return trim(parameter.substr(equals + 1));
    }
    return std::nullopt;
}

/// One message being inspected.
class Walk {
  public:
    Walk(std::string_view message, Inspection& result) noexcept : message_(message), result_(result) {}

    void run() noexcept {
        while (at_ < message_.size() && (message_[at_] == '\r' || message_[at_] == '\n')) ++at_;
        take_start_line();
        while (take_header()) continue;
        judge_whole();
    }

  private:
    void find_fault(RejectReason fault) noexcept {
        if (result_.fault == RejectReason::none) result_.fault = fault;
    }

    void take_start_line() noexcept {
        const ScannedValue line = scan_value(message_, at_, FieldForm::text);
        const std::string_view text = message_.substr(at_, line.end - at_);
        at_ = line.next;
        result_.headers.start_line = text;
        result_.method = text.substr(0, text.find_first_of(" \t"));
        // As PJSIP tells the two apart.
        result_.is_response = text.size() > 3 && is_equal_ignoring_case(text.substr(0, 3), "SIP") &&
                              (text[3] == '/' || octet_of(text[3]) == Octet::space);
        if (result_.is_response) {
            judge_status_line(text);
        } else {
            judge_request_line(text);
        }
        find_fault(line.fault);
    }

    void judge_status_line(std::string_view text) noexcept {
        const bool is_sound = text.size() >= 11 && is_equal_ignoring_case(text.substr(0, 8), "SIP/2.0 ") &&
                              text[8] >= '1' && text[8] <= '6' && is_digit(text[9]) && is_digit(text[10]) &&
                              (text.size() == 11 || text[11] == ' ');
        if (!is_sound) find_fault(RejectReason::malformed);
    }

    void judge_request_line(std::string_view text) noexcept {
        const std::size_t first = text.find(' ');
        const std::size_t last = text.rfind(' ');
        if (first == last || !is_token(result_.method)) return find_fault(RejectReason::malformed);
        const std::string_view version = text.substr(last + 1);
        const bool is_sip = version.size() > 4 && is_equal_ignoring_case(version.substr(0, 4), "SIP/");
        if (is_sip && !is_equal_ignoring_case(version.substr(4), "2.0")) {
            return find_fault(RejectReason::version_unsupported);
        }
        const std::string_view uri = text.substr(first + 1, last - first - 1);
        result_.request_uri = uri;
        result_.has_sip_scheme = is_sip_scheme(uri.substr(0, uri.find(':')));
        find_fault(is_sip ? uri_fault(uri) : RejectReason::malformed);
    }

    /// False at the empty line, or where the message ends without one.
    bool take_header() noexcept {
        if (at_ == message_.size()) {
            find_fault(RejectReason::truncated);
            return false;
        }
        if (take_empty_line()) return false;
        const std::size_t start = at_;
        std::size_t at = at_;
        while (at < message_.size() && is_token(message_[at])) ++at;
        const std::string_view name = message_.substr(start, at - start);
        while (at < message_.size() && octet_of(message_[at]) == Octet::space) ++at;
        const bool has_colon = !name.empty() && at < message_.size() && message_[at] == ':';
        at_ = has_colon ? at + 1 : at;
        if (!has_colon) find_fault(RejectReason::malformed);
        const HeaderField field = has_colon ? header_field(name) : HeaderField{};
        const ScannedValue value = scan_value(message_, at_, field.form);
        const std::string_view text = trim(message_.substr(at_, value.end - at_));
        at_ = value.next;
        find_fault(value.fault);
        if (value.end - start > kMostLineOctets) find_fault(RejectReason::field_too_long);
        if (++lines_ > kMostHeaderLines) find_fault(RejectReason::too_many_headers);
        if (has_colon) keep(field, text);
        return true;
    }

    bool take_empty_line() noexcept {
        if (message_.substr(at_, 2) == "\r\n") {
            at_ += 2;
        } else if (message_[at_] == '\n') {
            find_fault(RejectReason::line_end_invalid);
            ++at_;
        } else {
            return false;
        }
        return true;
    }

    void keep(const HeaderField& field, std::string_view value) noexcept {
        if (field.is_single) {
            const std::uint32_t bit = std::uint32_t{1} << static_cast<unsigned>(field.name);
            // Of a repeated field the first is what an answer copies.
            if ((seen_ & bit) != 0) return find_fault(RejectReason::header_repeated);
            seen_ |= bit;
        }
        RawHeaders& headers = result_.headers;
        switch (field.name) {
            case FieldName::via:
                if (headers.via_count == kMostVias) return find_fault(RejectReason::too_many_headers);
                if (!value.empty()) headers.via_values[headers.via_count++] = value;
                break;
            case FieldName::from: headers.from = value; break;
            case FieldName::to: headers.to = value; break;
            case FieldName::call_id: headers.call_id = value; break;
            case FieldName::cseq: keep_cseq(value); break;
            case FieldName::max_forwards: judge_number(value, kMostHops); break;
            case FieldName::content_length: judge_content_length(value); break;
            case FieldName::expires: result_.expires = value; [[fallthrough]];
            case FieldName::min_expires:
                // Any number of seconds counts, the impossible as the longest (section 20.19 has no limit of its own).
                if (!is_digits(value)) find_fault(RejectReason::number_invalid);
                break;
            case FieldName::replaces:
                // PJSIP looks for the semicolon before the tags, which must be there (RFC 3891 section 6.1), in the
                // lines behind.
                if (value.find(';') == std::string_view::npos) find_fault(RejectReason::malformed);
                break;
            case FieldName::authorization: keep_authorization(value); [[fallthrough]];
            case FieldName::proxy_authorization: keep_credentials(value); break;
            default: break;
        }
    }

    void keep_cseq(std::string_view value) noexcept {
        result_.headers.cseq = value;
        const std::string_view number = take_word(value);
        if (!read_number(number, kMostCseq)) find_fault(RejectReason::number_invalid);
        if (!is_token(value)) return find_fault(RejectReason::malformed);
        cseq_method_ = value;
    }

    void judge_number(std::string_view value, std::uint64_t most) noexcept {
        if (!read_number(value, most)) find_fault(RejectReason::number_invalid);
    }

    void judge_content_length(std::string_view value) noexcept {
        body_octets_ = read_number(value, UINT32_MAX);
        if (!body_octets_) find_fault(RejectReason::number_invalid);
    }

    void keep_authorization(std::string_view value) noexcept {
        if (result_.authorization_count == kMostAuthorizations) return;
        result_.authorization_values[result_.authorization_count++] = value;
    }

    void keep_credentials(std::string_view value) noexcept {
        if (!is_equal_ignoring_case(take_word(value), "Digest")) result_.has_unknown_credentials = true;
    }

    void judge_whole() noexcept {
        const RawHeaders& headers = result_.headers;
        if (headers.from.empty() || headers.to.empty() || headers.call_id.empty() || !headers.is_answerable()) {
            find_fault(RejectReason::header_missing);
        }
        if (body_octets_ && message_.size() - at_ < *body_octets_) find_fault(RejectReason::body_too_short);
        if (result_.is_response || !headers.is_answerable()) return;
        if (result_.method != cseq_method_) {
            // RFC 4475 section 3.1.2.18: a method that nobody knows is the better answer.
            find_fault(is_known_method(result_.method) ? RejectReason::method_mismatch : RejectReason::method_unknown);
        }
        if (branch_of(headers.via_values[0]) == kCookie) find_fault(RejectReason::branch_invalid);
        if (result_.method == "REGISTER" && !is_sip_scheme(scheme_of(headers.to))) {
            find_fault(RejectReason::to_scheme_invalid);
        }
    }

    std::string_view message_;
    Inspection& result_;
    std::size_t at_ = 0;
    std::size_t lines_ = 0;
    std::uint32_t seen_ = 0;  // a bit for each single field's name
    std::string_view cseq_method_;
    std::optional<std::uint64_t> body_octets_;
};

}  // namespace

bool Inspection::is_answerable() const noexcept {
    return !is_response && !is_equal_ignoring_case(method, "ACK") && headers.is_answerable() &&
           has_sent_by(headers.via_values[0]);
}

void inspect(std::string_view message, Inspection& result) noexcept {
    RawHeaders& headers = result.headers;
    headers.start_line = headers.from = headers.to = headers.call_id = headers.cseq = {};
    headers.via_count = 0;
    result.method = result.request_uri = result.expires = {};
    result.authorization_count = 0;
    result.fault = RejectReason::none;
    result.has_sip_scheme = true;
    result.is_response = result.has_unknown_credentials = false;
    Walk(message, result).run();
}

}  // namespace sr::sip
