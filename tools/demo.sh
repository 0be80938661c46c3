#!/usr/bin/env bash
# Installs what is missing, builds coroexec-fetch and runs it. Without arguments it fetches from a small server
# of its own on loopback; arguments are handed on to it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/demo

bash "$root/tools/install-deps.sh" demo
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCOROEXEC_BUILD_TESTS=OFF -DCOROEXEC_BUILD_BENCH=OFF \
  --log-level=WARNING
cmake --build "$build" --parallel "$(nproc)" --target coroexec-fetch
exec "$build/example/fetch/coroexec-fetch" "$@"
