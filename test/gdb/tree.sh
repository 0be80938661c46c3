#!/bin/sh
# tree.sh PROGRAM SCRIPT: the tree that GDB prints of the program once it has stopped itself, and of its core file.
set -eu
program=$1 script=$2
if ! command -v gdb > /dev/null; then
  echo "skipped: there is no gdb"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
debug() {
  DEBUGINFOD_URLS='' gdb -nx -batch -iex 'set auto-load off' "$@" < /dev/null 2>&1
}
debug -ex run -ex "source $script" -ex coroexec-tree -ex "generate-core-file $folder/core" -ex kill "$program" \
  > "$folder/live" || true
# Where no process may be traced, as in some containers, there is nothing to see.
if grep -qE "ptrace|Couldn't get registers|Cannot (insert|access)|error disabling address space" "$folder/live" &&
  ! grep -q "executor 'crawler'" "$folder/live"; then
  echo "skipped: gdb cannot run a program here"
  cat "$folder/live"
  exit 77
fi
debug -ex "source $script" -ex 'coroexec-tree 0' "$program" "$folder/core" > "$folder/dead" || true

has() { # FILE LINE: the line, as a regular expression
  grep -qE -- "^ *$2\$" "$1" || {
    echo "no line \"$2\" in"
    cat "$1"
    exit 1
  }
}
for tree in live dead; do
  has "$folder/$tree" "executor 'crawler' \(scope [0-9]+\): 2 active, 1 queued"
  has "$folder/$tree" "the body, running.*"
  has "$folder/$tree" "job 2 'first', running, submitted by job 1 of scope [0-9]+ at .*stuck\.cpp:[0-9]+"
  has "$folder/$tree" "job 3 'second', running, waits for the end of gather, submitted by job 1 .*"
  has "$folder/$tree" "  gather \(scope [0-9]+\): 2 active"
  has "$folder/$tree" "    operation, running, waits for job 2 'first' of executor 'crawler', submitted by job 3 of scope [0-9]+"
done
has "$folder/live" "job 4, queued, submitted by job 1 of scope [0-9]+"
has "$folder/dead" "and 1 more jobs, queued"
echo "both trees are as they should be"
