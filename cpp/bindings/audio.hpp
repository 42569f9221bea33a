// The AudioManager as Python sees it.
#pragma once

#include <pybind11/pybind11.h>

namespace sr::bindings {

/// Adds AudioManager, LegStatistics and LegEvent to the module.
void bind_audio(pybind11::module_& module);

}  // namespace sr::bindings
