// Where requests for a binding go.
#pragma once

#include <string_view>

#include "sip/flow.hpp"
#include "sip/register_request.hpp"

namespace sr::location {

/// The flow's source where the device asked for it (rport, RFC 3581) or holds a connection; else the address that the
/// Contact names in digits (port 5060 unless it says otherwise), if our socket can reach that family; else the flow's
/// source again.
[[nodiscard]] sip::SocketAddress target_of(const sip::RegisterRequest& request, std::string_view contact_uri) noexcept;

}  // namespace sr::location
