#include "auth/admission.hpp"

#include <algorithm>
#include <utility>

namespace sr::auth {
namespace {

using sip::RejectReason;

AdmissionMode effective_mode(AdmissionMode mode, Access access) noexcept {
    if (access == Access::trusted) return AdmissionMode::open;
    return access == Access::credentials ? AdmissionMode::closed : mode;
}

}  // namespace

Admission::Admission(AdmissionMode mode, std::vector<NetworkRule> rules) : mode_(mode), rules_(std::move(rules)) {
    std::stable_sort(rules_.begin(), rules_.end(), [](const NetworkRule& a, const NetworkRule& b) {
        return a.network.prefix_length() > b.network.prefix_length();
    });
}

Access Admission::access(const AddressBits& source) const noexcept {
    for (const NetworkRule& rule : rules_) {
        if (rule.network.contains(source)) return rule.access;
    }
    return Access::refused;
}

bool Admission::is_open_to(const AddressBits& source) const noexcept {
    const Access access_here = access(source);
    return access_here != Access::refused && effective_mode(mode_, access_here) == AdmissionMode::open;
}

AdmissionDecision Admission::decide(const AddressBits& source, const DeviceStanding& device) const noexcept {
    const Access access_here = access(source);
    if (access_here == Access::refused) return {Entrance::refused, RejectReason::network_not_admitted};
    const AdmissionMode mode = effective_mode(mode_, access_here);
    if (device.has_credentials || mode == AdmissionMode::closed) return {Entrance::authenticate, RejectReason::none};
    const bool is_wanted = device.is_known ? device.is_enabled : mode == AdmissionMode::open;
    if (is_wanted && !device.is_elsewhere) return {Entrance::admitted, RejectReason::none};
    if (device.is_elsewhere) {
        return {mode == AdmissionMode::open ? Entrance::refused : Entrance::park, RejectReason::device_elsewhere};
    }
    if (mode == AdmissionMode::approve) return {Entrance::park, RejectReason::awaiting_approval};
    return {Entrance::refused, RejectReason::device_disabled};
}

}  // namespace sr::auth
