#!/bin/sh
# lint-cpp.sh BUILD_FOLDER: clang-format over all C++ code, clang-tidy over the rooms.
# The bindings are not tidied, for they are pybind11's idiom, nor the tests: doctest's macros take a quarter of a minute each.
set -eu
cd "$(dirname "$0")/.."
build=$1

echo "clang-format"
find cpp tests/native tests/fuzz tests/bench -name '*.[ch]pp' -print0 | xargs -0 clang-format --dry-run -Werror

echo "clang-tidy"
cmake -S . -B "$build" -G Ninja -DSR_BUILD_TESTS=ON -DSR_BUILD_BINDINGS=OFF \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-g -Og" >/dev/null
find cpp -name '*.cpp' -not -path 'cpp/bindings/*' -print0 |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy -p "$build" --quiet 2>/dev/null
