#!/bin/sh
# test-sanitized.sh SANITIZERS: builds the native tests with them in a folder of their own and runs them.
set -eu
cd "$(dirname "$0")/.."
sanitizers=$1
build=build/native-$(echo "$sanitizers" | tr , -)

cmake -S . -B "$build" -G Ninja -DSR_BUILD_TESTS=ON -DSR_BUILD_BINDINGS=OFF \
    -DSR_SANITIZE="$sanitizers" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-g -O1" >/dev/null
cmake --build "$build"

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
# GCC 12's thread sanitizer cannot place its shadow memory under the kernel's widest address randomisation (mmap_rnd_bits 32).
if setarch --addr-no-randomize true 2>/dev/null; then
    exec setarch --addr-no-randomize ctest --test-dir "$build" --output-on-failure
fi
exec ctest --test-dir "$build" --output-on-failure
