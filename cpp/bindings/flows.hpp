// Connections, as Python brings their octets and takes what is to be sent.
#pragma once

#include <pybind11/pybind11.h>

#include "engine/engine.hpp"

namespace sr::bindings {

void bind_flows(pybind11::class_<engine::Engine>& engine);

}  // namespace sr::bindings
