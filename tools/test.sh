#!/usr/bin/env bash
# Installs what is missing, builds everything with warnings as errors and runs the whole test suite.
# Further arguments go to CMake's configuration.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/test

bash "$root/tools/install-deps.sh" test
# Optimised, because compilers make different coroutines then; assertions on; line numbers only, to link fast.
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-Og -g1" \
  -DCOROEXEC_WARNINGS_AS_ERRORS=ON -DCOROEXEC_BUILD_BENCH=OFF "$@"
cmake --build "$build" --parallel "$(nproc)"
ctest --test-dir "$build" --parallel "$(nproc)" --output-on-failure
