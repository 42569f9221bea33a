#include "sip/field_scan.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#include "sip/ascii.hpp"

namespace sr::sip {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

/// The next octet that ends a line or must not be, eight at a time: most of a message is neither.
std::size_t end_of_text(std::string_view message, std::size_t at) noexcept {
    constexpr std::uint64_t kEach = 0x0101010101010101;
    for (; at + sizeof(std::uint64_t) <= message.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t octets = 0;
        std::memcpy(&octets, message.data() + at, sizeof octets);
        const std::uint64_t deletes = octets ^ (kEach * 0x7F);
        const std::uint64_t is_below_space = (octets - kEach * 0x20) & ~octets;
        const std::uint64_t is_delete = (deletes - kEach) & ~deletes;
        if (((is_below_space | is_delete) & (kEach * 0x80)) != 0) break;
    }
    while (at < message.size() && octet_of(message[at]) < Octet::carriage_return) ++at;
    return at;
}

/// Where an octet has to be looked at.
enum Place : std::uint8_t { kBare = 1, kQuoted = 2, kAngled = 4, kCommented = 8 };

constexpr std::uint8_t places_of(Octet octet) noexcept {
    switch (octet) {
        case Octet::plain: return 0;
        case Octet::space: return kAngled;
        case Octet::quote: return kBare | kQuoted | kAngled;
        case Octet::backslash: return kBare | kQuoted;
        case Octet::less:
        case Octet::greater:
        case Octet::bracket: return kBare | kAngled;
        case Octet::parenthesis: return kBare | kCommented;
        case Octet::carriage_return:
        case Octet::line_feed:
        case Octet::control: return kBare | kQuoted | kAngled | kCommented;
        default: return kBare;
    }
}

constexpr std::array<std::uint8_t, 256> kPlaces = [] {
    std::array<std::uint8_t, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = places_of(kOctets[i]);
    return table;
}();

std::size_t end_of_plain(std::string_view message, std::size_t at, Place place) noexcept {
    while (at < message.size() && (kPlaces[static_cast<unsigned char>(message[at])] & place) == 0) ++at;
    return at;
}

/// One value being read. Outside of quotes and angle brackets every octet may matter; within them few do.
class ValueScan {
  public:
    ValueScan(std::string_view message, std::size_t start, FieldForm form) noexcept
        : message_(message), at_(start), form_(form), has_address_(is_address_form(form)) {}

    ScannedValue run() noexcept {
        const bool is_text = form_ == FieldForm::text || form_ == FieldForm::number || form_ == FieldForm::cseq;
        while (true) {
            at_ = is_text ? end_of_text(message_, at_) : end_of_plain(message_, at_, place());
            if (at_ == message_.size()) return {at_, at_, RejectReason::truncated};
            const Octet octet = octet_of(message_[at_]);
            if (octet == Octet::carriage_return || octet == Octet::line_feed) {
                if (take_line_end(octet)) break;
            } else if (octet == Octet::control) {
                find_fault(RejectReason::control_character);
                ++at_;
            } else {
                take(octet);
            }
        }
        if (!is_text) end_of_value();
        return {end_, at_, fault_};
    }

  private:
    [[nodiscard]] static constexpr bool is_address_form(FieldForm form) noexcept {
        return form == FieldForm::address || form == FieldForm::addresses;
    }

    [[nodiscard]] Place place() const noexcept {
        if (is_quoted_) return kQuoted;
        if (is_angled_) return kAngled;
        return is_commented_ ? kCommented : kBare;
    }

    void find_fault(RejectReason fault) noexcept {
        if (fault_ == RejectReason::none) fault_ = fault;
    }

    /// True at the end of the value, false where the line is folded or does not end.
    bool take_line_end(Octet octet) noexcept {
        end_ = at_;
        if (octet == Octet::carriage_return) {
            if (at_ + 1 == message_.size() || message_[at_ + 1] != '\n') {
                find_fault(RejectReason::line_end_invalid);
                ++at_;
                return false;
            }
            ++at_;
        } else {
            find_fault(RejectReason::line_end_invalid);
        }
        ++at_;
        return at_ == message_.size() || octet_of(message_[at_]) != Octet::space;
    }

    void take(Octet octet) noexcept {
        switch (place()) {
            case kQuoted: take_quoted(octet); break;
            case kAngled: take_angled(octet); break;
            case kCommented: is_commented_ = message_[at_] != ')'; break;
            case kBare: take_bare(octet); break;
        }
        ++at_;
    }

    void take_quoted(Octet octet) noexcept {
        if (octet == Octet::quote) is_quoted_ = false;
        // A quoted pair is any octet but a line end (section 25.1): even a NUL, which RFC 4475 section 3.1.1.2 sends.
        const bool is_pair = octet == Octet::backslash && at_ + 1 < message_.size() &&
                             octet_of(message_[at_ + 1]) != Octet::carriage_return &&
                             octet_of(message_[at_ + 1]) != Octet::line_feed;
        if (is_pair) ++at_;
    }

    void take_angled(Octet octet) noexcept {
        switch (octet) {
            case Octet::greater:
                is_angled_ = false;
                has_angled_ = true;
                break;
            case Octet::space: find_fault(RejectReason::malformed); break;
            case Octet::quote:
            case Octet::less: find_fault(RejectReason::nesting_invalid); break;
            case Octet::bracket: check_reference(); break;
            default: break;
        }
    }

    void take_bare(Octet octet) noexcept {
        switch (octet) {
            case Octet::quote: is_quoted_ = true; break;
            case Octet::less:
                // Before the bracket stands a display name: tokens or a quoted string (section 25.1).
                if (!has_address_ || has_angled_) find_fault(RejectReason::nesting_invalid);
                if (is_bare_) find_fault(RejectReason::malformed);
                is_angled_ = true;
                ampersand_ = false;
                break;
            case Octet::greater: find_fault(RejectReason::nesting_invalid); break;
            case Octet::bracket: check_reference(); break;
            case Octet::parenthesis: is_commented_ = form_ == FieldForm::via && message_[at_] == '('; break;
            case Octet::semicolon: take_semicolon(); break;
            case Octet::comma: take_comma(); break;
            case Octet::ampersand:
                // PJSIP ends a field at an ampersand that it does not expect, and takes what follows for the next one.
                if (!has_address_ || has_angled_) find_fault(RejectReason::malformed);
                ampersand_ = true;
                break;
            case Octet::question:
                // A URI with a question mark must stand in angle brackets (section 20.10).
                if (has_address_) find_fault(RejectReason::malformed);
                break;
            case Octet::at_sign:
                ampersand_ = false;
                is_bare_ = true;
                break;
            case Octet::backslash:
            case Octet::delimiter: is_bare_ = true; break;
            default: break;
        }
    }

    void take_semicolon() noexcept {
        end_parameter();
        if (!has_angled_) is_bare_ = true;
        semicolon_ = at_;
    }

    void take_comma() noexcept {
        if (form_ == FieldForm::address) find_fault(RejectReason::malformed);
        end_parameter();
        semicolon_ = kNowhere;
        is_bare_ = has_angled_ = false;
    }

    /// No parameter is empty, and no ampersand stands outside a user's name.
    void end_parameter() noexcept {
        const bool is_empty =
            semicolon_ != kNowhere && trim(message_.substr(semicolon_ + 1, at_ - semicolon_ - 1)).empty();
        if (is_empty || ampersand_) find_fault(RejectReason::malformed);
    }

    void end_of_value() noexcept {
        if (is_quoted_ || is_angled_ || is_commented_) find_fault(RejectReason::nesting_invalid);
        end_parameter();
    }

    /// Where a host may begin with a bracket, it must end with one: PJSIP looks for the end in the lines behind, and
    /// prints no empty host without aborting.
    void check_reference() noexcept {
        const bool is_host =
            form_ == FieldForm::via || (at_ > 0 && (message_[at_ - 1] == '@' || message_[at_ - 1] == ':'));
        if (is_host && reference_length(message_.substr(at_)) == 0) find_fault(RejectReason::nesting_invalid);
    }

    std::string_view message_;
    std::size_t at_;
    FieldForm form_;
    bool has_address_;
    std::size_t end_ = 0;
    std::size_t semicolon_ = kNowhere;  // the last one outside of quotes and brackets
    RejectReason fault_ = RejectReason::none;
    bool is_quoted_ = false;
    bool is_angled_ = false;
    bool is_commented_ = false;
    bool has_angled_ = false;  // this element has had its brackets
    bool is_bare_ = false;     // this element has had an octet that no display name has
    bool ampersand_ = false;   // one that only an at sign behind it explains
};

}  // namespace

std::size_t reference_length(std::string_view text) noexcept {
    if (text.empty() || text.front() != '[') return 0;
    const std::size_t end =
        text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:.%_~-", 1);
    return end != std::string_view::npos && end > 1 && text[end] == ']' ? end + 1 : 0;
}

ScannedValue scan_value(std::string_view message, std::size_t start, FieldForm form) noexcept {
    return ValueScan(message, start, form).run();
}

}  // namespace sr::sip
