// libFuzzer brings the main function and calls this.
#include <cstddef>
#include <cstdint>

#include "fuzz_kit.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    sr::fuzz::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
