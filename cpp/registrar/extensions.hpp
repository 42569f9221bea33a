// The SIP extensions that a request may require of this server (RFC 3261 section 8.2.2.3).
#pragma once

#include <span>
#include <string_view>

#include "sip/flow.hpp"

namespace sr::registrar {

/// Every tag of `require` that is not supported over `transport`, comma-separated; empty: all are. Lives until this
/// thread's next call.
[[nodiscard]] std::string_view unsupported_tags(std::span<const std::string_view> require,
                                                sip::Transport transport = sip::Transport::udp) noexcept;

}  // namespace sr::registrar
