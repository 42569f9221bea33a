// Watchers and publishers as Python sees them.
#pragma once

#include <pybind11/pybind11.h>

#include "engine/engine.hpp"

namespace sr::bindings {

/// Adds WatchEvent, PublishReceived and SubscriptionReport to the module.
void bind_watch_events(pybind11::module_& module);

/// Adds what engine.core_watching makes of domain.watching.NotifierControl's methods to the engine.
void bind_watch_control(pybind11::class_<engine::Engine>& engine);

}  // namespace sr::bindings
