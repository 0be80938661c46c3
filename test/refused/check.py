#!/usr/bin/env python3
"""Compiles refused.cpp, all wrong uses at once, and checks what the compiler says of each.

usage: check.py COMPILER ARGUMENTS... FILE. An error belongs to the case in whose lines it was asked for.
"""
import re
import subprocess
import sys

source = sys.argv[-1]
lines = open(source).read().splitlines()
gcc_12 = "#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13"

cases = []  # name, sentence, may there be other errors, only for GCC 12, first and last line
for number, line in enumerate(lines, 1):
    if found := re.match(r"//!(\+?) (.*)", line):
        name = re.search(r"(\w+)\(", lines[number])[1]
        cases.append([name, found[2], bool(found[1]), lines[number - 2] == gcc_12, number, len(lines)])
        if len(cases) > 1:
            cases[-2][-1] = number - 1

run = subprocess.run(sys.argv[1:], capture_output=True, text=True)
said = run.stderr.splitlines()

# A diagnostic is its line with "error:" and what stands around it: g++ tells before it where it was asked for, clang after it.
place = re.compile(re.escape(source) + r":(\d+):")
errors = []  # the message, the line of the case
pending = None
for line in said:
    if "error:" in line or "warning:" in line and "[-Wunused-result]" in line:
        message = re.split("error:|warning:", line, maxsplit=1)[1].strip()
        found = place.match(line)
        errors.append([message, int(found[1]) if found else pending])
        pending = None
    elif found := place.match(line):
        if "required from" in line:
            pending = int(found[1])
        elif errors and errors[-1][1] is None and "note:" in line:
            errors[-1][1] = int(found[1])

failures = 0
for name, sentence, among_others, optional, first, last in cases:
    mine = [message for message, line in errors if line and first <= line <= last]
    if optional and not mine:
        continue
    wanted = [message for message in mine if any(way in message for way in sentence.split(" | "))]
    if not wanted or (len(mine) > 1 and not among_others):
        failures += 1
        print(f"{name} must be refused with one sentence, '{sentence}', and is with {len(mine)}:")
        print("".join(f"    {message}\n" for message in mine))
stray = [message for message, line in errors if not line]
for message in stray:
    print(f"of no case: {message}")
print(f"{len(cases)} wrong uses, {failures} not refused as they should be")
sys.exit(bool(failures or stray))
