// The message log and the reasons' names as Python sees them.
#pragma once

#include <pybind11/pybind11.h>

#include "engine/engine.hpp"

namespace sr::bindings {

/// Adds MessageRecord and reject_reasons() to the module.
void bind_messages(pybind11::module_& module);

/// Engine.messages(users, ips, texts).
[[nodiscard]] std::vector<engine::MessageRecord> read_messages(const engine::Engine& engine,
                                                               std::vector<std::string> users,
                                                               std::vector<std::string> ips,
                                                               std::vector<std::string> texts);

}  // namespace sr::bindings
