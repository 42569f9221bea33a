#include "sip/header_field.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sr::sip {
namespace {

struct Row {
    std::string_view name;  // in lower case
    HeaderField field;
};

constexpr bool kSingle = true;

constexpr std::array kRows{
    Row{"f", {FieldName::from, FieldForm::address, kSingle}},
    Row{"t", {FieldName::to, FieldForm::address, kSingle}},
    Row{"i", {FieldName::call_id, FieldForm::text, kSingle}},
    Row{"v", {FieldName::via, FieldForm::via}},
    Row{"m", {FieldName::contact, FieldForm::addresses}},
    Row{"l", {FieldName::content_length, FieldForm::number, kSingle}},
    Row{"c", {FieldName::content_type, FieldForm::parameters, kSingle}},
    Row{"o", {FieldName::event, FieldForm::parameters, kSingle}},
    Row{"x", {FieldName::session_expires, FieldForm::parameters, kSingle}},
    Row{"to", {FieldName::to, FieldForm::address, kSingle}},
    Row{"via", {FieldName::via, FieldForm::via}},
    Row{"from", {FieldName::from, FieldForm::address, kSingle}},
    Row{"cseq", {FieldName::cseq, FieldForm::cseq, kSingle}},
    Row{"path", {FieldName::path, FieldForm::addresses}},
    Row{"route", {FieldName::route, FieldForm::addresses}},
    Row{"event", {FieldName::event, FieldForm::parameters, kSingle}},
    Row{"min-se", {FieldName::min_se, FieldForm::parameters, kSingle}},
    Row{"contact", {FieldName::contact, FieldForm::addresses}},
    Row{"call-id", {FieldName::call_id, FieldForm::text, kSingle}},
    Row{"expires", {FieldName::expires, FieldForm::number, kSingle}},
    Row{"replaces", {FieldName::replaces, FieldForm::parameters, kSingle}},
    Row{"min-expires", {FieldName::min_expires, FieldForm::number, kSingle}},
    Row{"retry-after", {FieldName::retry_after, FieldForm::parameters, kSingle}},
    Row{"content-type", {FieldName::content_type, FieldForm::parameters, kSingle}},
    Row{"max-forwards", {FieldName::max_forwards, FieldForm::number, kSingle}},
    Row{"record-route", {FieldName::record_route, FieldForm::addresses}},
    Row{"authorization", {FieldName::authorization, FieldForm::parameters}},
    Row{"content-length", {FieldName::content_length, FieldForm::number, kSingle}},
    Row{"session-expires", {FieldName::session_expires, FieldForm::parameters, kSingle}},
    Row{"www-authenticate", {FieldName::www_authenticate, FieldForm::parameters}},
    Row{"subscription-state", {FieldName::subscription_state, FieldForm::parameters, kSingle}},
    Row{"proxy-authenticate", {FieldName::proxy_authenticate, FieldForm::parameters}},
    Row{"proxy-authorization", {FieldName::proxy_authorization, FieldForm::parameters}},
};
static_assert(std::is_sorted(kRows.begin(), kRows.end(),
                             [](const Row& a, const Row& b) { return a.name.size() < b.name.size(); }),
              "rows of one length stand together");

constexpr std::size_t kLongestName = kRows.back().name.size();

/// Where the rows of each length begin; one more for the end of the last.
constexpr auto kFirstOfLength = [] {
    std::array<std::uint8_t, kLongestName + 2> first{};
    for (std::size_t length = 0; length < first.size(); ++length) {
        std::size_t row = 0;
        while (row < kRows.size() && kRows[row].name.size() < length) ++row;
        first[length] = static_cast<std::uint8_t>(row);
    }
    return first;
}();

/// Whether a token is this lower-case name of letters and hyphens, which alone look as they do with bit 0x20 set.
constexpr bool is_named(std::string_view token, std::string_view name) noexcept {
    for (std::size_t i = 0; i < name.size(); ++i) {
        if ((token[i] | 0x20) != name[i]) return false;
    }
    return true;
}

constexpr std::array<std::string_view, 14> kMethods{"REGISTER", "OPTIONS", "INVITE",    "ACK",    "BYE",
                                                    "CANCEL",   "UPDATE",  "PRACK",     "NOTIFY", "INFO",
                                                    "REFER",    "PUBLISH", "SUBSCRIBE", "MESSAGE"};

}  // namespace

HeaderField header_field(std::string_view name) noexcept {
    if (name.empty() || name.size() > kLongestName) return {};
    for (std::size_t row = kFirstOfLength[name.size()]; row < kFirstOfLength[name.size() + 1]; ++row) {
        if (is_named(name, kRows[row].name)) return kRows[row].field;
    }
    return {};
}

bool is_known_method(std::string_view method) noexcept {
    return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

}  // namespace sr::sip
