// The reasons' names: what Python, the log and the doctor know them by. A name, once given, stays.
#pragma once

#include <string_view>
#include <vector>

#include "sip/reject_reason.hpp"

namespace sr::sip {

/// The enumerator's own name; empty for a number that is no reason.
[[nodiscard]] std::string_view reason_name(RejectReason reason) noexcept;

/// Every reason but `none`, in order.
[[nodiscard]] std::vector<RejectReason> all_reject_reasons();

}  // namespace sr::sip
