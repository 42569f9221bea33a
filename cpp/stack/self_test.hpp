// Proves at start-up that the wheel's PJSIP has the layout this core was built for, before a wrong byte can do harm.
#pragma once

#include <optional>
#include <string>

#include "stack/pj_symbols.hpp"

namespace sr::stack {

/// Needs no socket: parses a fixed REGISTER, then feeds it through a transport of its own and reads PJSIP's answer.
/// One sentence when anything differs. The calling thread must be known to PJSIP.
[[nodiscard]] std::optional<std::string> run_self_test(const pj::Symbols& symbols, pj::Endpoint* endpoint);

}  // namespace sr::stack
