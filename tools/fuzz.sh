#!/usr/bin/env bash
# fuzz.sh TARGET [SECONDS]: looks for inputs that break the rules of a file of test/fuzz, for five minutes or so long, and
# says where what it finds lies. fuzz.sh --keep TARGET: adds to the corpus what the runs have found to reach new code.
# It needs Clang with libFuzzer: tools/install-deps.sh ci.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

keep=
if [[ ${1-} == --keep ]]; then
  keep=yes
  shift
fi
target=${1-} seconds=${2-300}
if [[ ! -d test/fuzz/corpus/$target || ! $target ]]; then
  echo "fuzz: what is to be fuzzed: $(ls test/fuzz/corpus | paste -sd ' ')" >&2
  exit 2
fi

cmake --preset fuzz --log-level=WARNING > /dev/null
cmake --build build/fuzz --target "fuzz_$target"
fuzzer=build/fuzz/test/fuzz/fuzz_$target
corpus=test/fuzz/corpus/$target
grown=build/fuzz/grown/$target
found=build/fuzz/found/$target
mkdir -p "$grown" "$found"
options=(-timeout=20 -rss_limit_mb=1500 -max_len=4096 "-artifact_prefix=$found/")
words=test/fuzz/${target/exchange/response}.dict
if [[ -f $words ]]; then
  options+=("-dict=$words")
fi

if [[ $keep ]]; then
  # By code reached, not by how often: that would be thousands of files.
  "$fuzzer" -set_cover_merge=1 -use_counters=0 "${options[@]}" "$corpus" "$grown"
  exit
fi
status=0
"$fuzzer" "${options[@]}" -max_total_time="$seconds" -print_final_stats=1 "$grown" "$corpus" || status=$?
if ((status)); then
  echo "fuzz: found something; the input is the newest in $found, and this runs it again:" >&2
  echo "  $fuzzer $(ls -t "$found"/* | head -n 1)" >&2
  echo "Once it is mended, put it into $corpus under a name that tells what it is." >&2
fi
exit "$status"
