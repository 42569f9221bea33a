#!/bin/sh
# fuzz-native.sh RUNS [TARGET...]: builds the fuzz targets of tests/fuzz/native with libFuzzer and the address and
# undefined sanitizers, and runs each (or those named) for RUNS inputs. What it finds it leaves in build/fuzz/found,
# new inputs worth keeping in build/fuzz/corpus. SECONDS_EACH (default 600) ends a target that is slow.
set -eu
cd "$(dirname "$0")/.."
runs=$1
shift
build=build/fuzz

cmake -S . -B "$build" -G Ninja -DSR_BUILD_FUZZERS=ON -DSR_BUILD_BINDINGS=OFF -DCMAKE_CXX_COMPILER=clang++ \
    -DSR_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-g -O2" >/dev/null
cmake --build "$build"

[ $# -gt 0 ] || set -- $(cd tests/fuzz/native && ls ./*.cpp | sed 's|^./||; s|[.]cpp$||')
failed=
for target in "$@"; do
    kept=tests/data/corpus/$target known=tests/data/crash/native/$target
    new=$build/corpus/$target found=$build/found/$target
    mkdir -p "$new" "$found"
    set -- "$new"
    [ ! -d "$kept" ] || set -- "$@" "$kept"
    [ ! -d "$known" ] || set -- "$@" "$known"
    echo "$target: $runs inputs"
    "$build/tests/fuzz/native/fuzz_$target" -runs="$runs" -max_total_time="${SECONDS_EACH:-600}" -max_len=1500 \
        -artifact_prefix="$found/" -print_final_stats=1 -verbosity=0 "$@" || failed="$failed $target"
done
[ -z "$failed" ] || { echo "screamrouter-sip: fuzzing found something in:$failed; see $build/found" >&2; exit 1; }
