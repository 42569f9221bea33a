// domain.access.AccessConfig on its way into the core.
#pragma once

#include <pybind11/pybind11.h>

#include "engine/doorkeeper.hpp"

namespace sr::bindings {

/// Reads the dict that engine.core_engine makes of it; throws ValueError for what is no network, realm or digest.
[[nodiscard]] engine::AccessConfig read_access(const pybind11::dict& wanted);

}  // namespace sr::bindings
