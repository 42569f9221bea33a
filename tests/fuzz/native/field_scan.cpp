// The first octet chooses the field's form.
#include "sip/field_scan.hpp"

#include <array>

#include "fuzz_kit.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    using sip::FieldForm;
    constexpr std::array kForms{FieldForm::text, FieldForm::address, FieldForm::addresses, FieldForm::parameters,
                                FieldForm::via,  FieldForm::number,  FieldForm::cseq};
    if (input.empty()) return;
    const FieldForm form = kForms[static_cast<unsigned char>(input.front()) % kForms.size()];
    const sip::ScannedValue value = sip::scan_value(input, 1, form);
    const sip::ScannedValue as_text = sip::scan_value(input, 1, FieldForm::text);
    require(1 <= value.end && value.end <= value.next && value.next <= input.size(), "a value lies within the message");
    require(value.end == as_text.end && value.next == as_text.next, "where a value ends does not depend on its form");
    require((value.fault == sip::RejectReason::truncated) == (as_text.fault == sip::RejectReason::truncated),
            "whether a message ends within a value does not depend on its form");
    require(value.fault != sip::RejectReason::none || as_text.fault == sip::RejectReason::none ||
                as_text.fault == sip::RejectReason::control_character,
            "a sound value is sound text but for quoted pairs");
    const std::string_view rest = input.substr(1);
    const std::size_t reference = sip::reference_length(rest);
    require(reference <= rest.size() && (reference == 0 || (rest[0] == '[' && rest[reference - 1] == ']')),
            "an IPv6 reference stands in brackets");
}

}  // namespace sr::fuzz
