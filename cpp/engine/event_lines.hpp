// What answers to OPTIONS say of event packages.
#pragma once

#include <string>

#include "events/values.hpp"

namespace sr::engine {

/// Accept (RFC 3261 section 11.2), and Allow-Events (RFC 6665 section 4.4.4) where any package is served.
[[nodiscard]] std::string event_lines(const events::NotifierConfig& config);

}  // namespace sr::engine
