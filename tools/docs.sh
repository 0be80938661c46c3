#!/usr/bin/env bash
# Installs what is missing, makes the site of the documentation, and prints where it begins.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/site

bash "$root/tools/install-deps.sh" docs
cmake -S "$root" -B "$build" -G Ninja -DCOROEXEC_BUILD_DOCS=ON -DCOROEXEC_BUILD_TESTS=OFF \
  -DCOROEXEC_BUILD_EXAMPLES=OFF -DCOROEXEC_BUILD_BENCH=OFF --log-level=WARNING
cmake --build "$build" --target docs
echo "$build/doc/html/index.html"
