#include "sip/reject_reason_name.hpp"

#include <cstdint>

namespace sr::sip {

std::string_view reason_name(RejectReason reason) noexcept {
    switch (reason) {  // without a default: the compiler names the reason that lacks its name
        case RejectReason::none: return "none";
        case RejectReason::malformed: return "malformed";
        case RejectReason::method_mismatch: return "method_mismatch";
        case RejectReason::star_not_alone: return "star_not_alone";
        case RejectReason::contact_invalid: return "contact_invalid";
        case RejectReason::identity_conflict: return "identity_conflict";
        case RejectReason::identity_missing: return "identity_missing";
        case RejectReason::field_too_long: return "field_too_long";
        case RejectReason::unknown_domain: return "unknown_domain";
        case RejectReason::unknown_user: return "unknown_user";
        case RejectReason::unavailable: return "unavailable";
        case RejectReason::method_not_allowed: return "method_not_allowed";
        case RejectReason::unsupported_scheme: return "unsupported_scheme";
        case RejectReason::extension_required: return "extension_required";
        case RejectReason::brief_interval: return "brief_interval";
        case RejectReason::no_such_dialog: return "no_such_dialog";
        case RejectReason::out_of_order: return "out_of_order";
        case RejectReason::too_many_contacts: return "too_many_contacts";
        case RejectReason::method_unknown: return "method_unknown";
        case RejectReason::version_unsupported: return "version_unsupported";
        case RejectReason::message_too_large: return "message_too_large";
    }
    return {};
}

std::vector<RejectReason> all_reject_reasons() {
    std::vector<RejectReason> reasons;
    for (std::uint8_t number = 1; !reason_name(static_cast<RejectReason>(number)).empty(); ++number) {
        reasons.push_back(static_cast<RejectReason>(number));
    }
    return reasons;
}

}  // namespace sr::sip
