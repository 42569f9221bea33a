// Calls as Python sees them.
#pragma once

#include <pybind11/pybind11.h>

#include "engine/engine.hpp"

namespace sr::bindings {

/// Adds CallEvent to the module.
void bind_call_events(pybind11::module_& module);

/// Adds domain.calls.CallControl's methods to the engine.
void bind_call_control(pybind11::class_<engine::Engine>& engine);

}  // namespace sr::bindings
