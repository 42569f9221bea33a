#include "registrar/reply.hpp"

#include <algorithm>
#include <array>

#include "sip/ascii.hpp"

namespace sr::registrar {
namespace {

using base::TextBuffer;

constexpr std::size_t kLongestDetail = 96;

/// RFC 3261 section 20.17 and RFC 1123: always GMT, in English whatever the locale.
struct DateLine {
    std::time_t wall_s = -1;
    std::array<char, 64> room;
    std::size_t size = 0;

    void print(std::time_t now_s) noexcept {
        constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
        constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
        std::tm date;
        wall_s = now_s;
        size = 0;
        if (gmtime_r(&now_s, &date) == nullptr || date.tm_year < 0 || date.tm_year > 9999 - 1900) return;
        TextBuffer text(room);
        const auto two_digits = [&text](int number) {
            const std::array<char, 2> digits{static_cast<char>('0' + number / 10),
                                             static_cast<char>('0' + number % 10)};
            text << std::string_view(digits.data(), digits.size());
        };
        text << "Date: " << kDays.substr(static_cast<std::size_t>(date.tm_wday) * 3, 3) << ", ";
        two_digits(date.tm_mday);
        text << " " << kMonths.substr(static_cast<std::size_t>(date.tm_mon) * 3, 3) << " "
             << static_cast<std::uint64_t>(date.tm_year + 1900) << " ";
        two_digits(date.tm_hour);
        text << ":";
        two_digits(date.tm_min);
        text << ":";
        two_digits(date.tm_sec);
        text << " GMT\r\n";
        size = text.text().size();
    }
};

void write_date(std::time_t wall_s, TextBuffer& out) noexcept {
    thread_local DateLine line;  // printing costs more than the rest of the answer, and a second has many answers
    if (line.wall_s != wall_s) line.print(wall_s);
    out << std::string_view(line.room.data(), line.size);
}

/// Section 25.1: qvalue, "0" to "1" with at most three decimals.
void write_q(std::uint16_t thousandths, TextBuffer& out) noexcept {
    out << ";q=" << (thousandths >= 1000 ? "1" : "0");
    if (thousandths == 0 || thousandths >= 1000) return;
    std::array<char, 4> digits{'.', static_cast<char>('0' + thousandths / 100),
                               static_cast<char>('0' + thousandths / 10 % 10),
                               static_cast<char>('0' + thousandths % 10)};
    std::size_t size = digits.size();
    while (digits[size - 1] == '0') --size;
    out << std::string_view(digits.data(), size);
}

void write_contact(const sip::BindingView& binding, base::TimeMs now_ms, TextBuffer& out) noexcept {
    const base::TimeMs left_ms = std::max<base::TimeMs>(binding.expires_at_ms - now_ms, 0);
    out << "Contact: <" << binding.contact_uri << ">;expires=" << static_cast<std::uint64_t>((left_ms + 999) / 1000);
    if (binding.q_thousandths != sip::kNoQ) write_q(binding.q_thousandths, out);
    if (!binding.instance.empty()) out << ";+sip.instance=\"<" << binding.instance << ">\"";
    if (binding.reg_id != 0) out << ";reg-id=" << std::uint64_t{binding.reg_id};
    out << "\r\n";
}

bool has_tag(std::span<const std::string_view> tags, std::string_view wanted) noexcept {
    return std::any_of(tags.begin(), tags.end(),
                       [wanted](std::string_view tag) { return sip::is_equal_ignoring_case(tag, wanted); });
}

/// RFC 5626 section 6: the device asked for it and named its flow. Over datagrams it is not offered (extensions.cpp).
bool uses_outbound(const sip::RegisterRequest& request) noexcept {
    if (request.flow.transport == sip::Transport::udp) return false;
    if (!has_tag(request.supported, "outbound") && !has_tag(request.require, "outbound")) return false;
    return std::any_of(request.contacts.begin(), request.contacts.end(), [](const sip::RequestedContact& contact) {
        return contact.reg_id != 0 && !contact.instance.empty();
    });
}

/// What the peer wrote, given back: nothing in it may end the line or the string it stands in.
void write_visible(std::string_view text, TextBuffer& out) noexcept {
    for (const char& c : text) out << (c >= 0x20 && c < 0x7F && c != '"' && c != '\\' ? std::string_view(&c, 1) : "?");
}

void write_warning(const sip::RegisterOutcome& outcome, const Policy& policy, TextBuffer& out) noexcept {
    const std::string_view sentence = sip::warning_text(outcome.reason);
    if (sentence.empty()) return;
    out << "Warning: 399 " << (policy.domain.empty() ? std::string_view("localhost") : std::string_view(policy.domain))
        << " \"" << sentence;
    if (!outcome.detail.empty()) {
        out << ": ";
        write_visible(outcome.detail.substr(0, kLongestDetail), out);
    }
    out << "\"\r\n";
}

}  // namespace

void write_accepted(const sip::RegisterRequest& request, std::span<const sip::BindingView> bindings,
                    base::TimeMs now_ms, std::time_t wall_s, TextBuffer& out) noexcept {
    for (const sip::BindingView& binding : bindings) write_contact(binding, now_ms, out);
    if (!request.path.empty() && (has_tag(request.supported, "path") || has_tag(request.require, "path"))) {
        out << "Path: " << request.path << "\r\n";
    }
    if (uses_outbound(request)) out << "Require: outbound\r\n";
    out << (request.flow.transport == sip::Transport::udp ? "Supported: path\r\n" : "Supported: path, outbound\r\n");
    write_date(wall_s, out);
}

void write_refused(const sip::RegisterOutcome& outcome, const Policy& policy, std::time_t wall_s,
                   TextBuffer& out) noexcept {
    if (outcome.reason == sip::RejectReason::brief_interval && outcome.min_expires_s != 0) {
        out << "Min-Expires: " << std::uint64_t{outcome.min_expires_s} << "\r\n";
    }
    if (outcome.retry_after_s != 0) out << "Retry-After: " << std::uint64_t{outcome.retry_after_s} << "\r\n";
    if (outcome.reason == sip::RejectReason::extension_required) {
        out << "Unsupported: ";
        write_visible(outcome.detail, out);
        out << "\r\n";
    }
    write_warning(outcome, policy, out);
    write_date(wall_s, out);
}

}  // namespace sr::registrar
