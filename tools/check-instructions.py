#!/usr/bin/env python3
"""Fails if a job costs more instructions than bench/instructions.json says: a guard that no noise touches.

    tools/check-instructions.py [PROGRAM]            # build/ci-bench/bench/bench_instructions if not said
    tools/check-instructions.py --accept [PROGRAM]   # writes what it counts as the new figures

Each scenario runs twice under callgrind, the second time with twice as many jobs, and the difference counts:
so start and end of the program cancel out. Figures are kept for each compiler and version of Boost; for
others the counts are shown and nothing is checked. The program has to be built as .ci/run does: optimised,
static. A scenario that got cheaper by more than the tolerance passes, and is to be accepted.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
figures_file = root / "bench" / "instructions.json"
tolerance = 0.03
jobs = 4000


def instructions(program, scenario, count):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
               f"--only={scenario}", f"--jobs={count}"]
    run = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
    return int(found[1])


def ask(program, option):
    try:
        return subprocess.run([program, option], check=True, capture_output=True, text=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"cannot run {program}: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default=root / "build/ci-bench/bench/bench_instructions")
    parser.add_argument("--accept", action="store_true", help="write what is counted as the new figures")
    options = parser.parse_args()
    program = str(options.program)
    toolchain = ask(program, "--toolchain")[0]
    figures = json.loads(figures_file.read_text()) if figures_file.exists() else {}
    known = figures.get(toolchain, {})

    counted, worse, better = {}, [], []
    print(f"{toolchain}: instructions a job")
    for scenario in ask(program, "--list"):
        count = (instructions(program, scenario, 2 * jobs) - instructions(program, scenario, jobs)) / jobs
        counted[scenario] = round(count)
        before = known.get(scenario)
        change = f"{count / before - 1:+7.1%} of {before}" if before else "no figure"
        print(f"  {scenario:28} {count:8.0f} {change}", flush=True)
        if before and count > before * (1 + tolerance):
            worse.append(scenario)
        elif not before or count < before * (1 - tolerance):
            better.append(scenario)

    if options.accept:
        figures[toolchain] = counted
        figures_file.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
        print(f"written to {figures_file.relative_to(root)}")
        return
    if not known:
        print(f"NOT CHECKED: there are no figures for {toolchain}; --accept writes them")
        return
    if missing := sorted(set(known) - set(counted)):
        sys.exit(f"no longer counted: {', '.join(missing)}; --accept if that is meant")
    if worse:
        sys.exit(f"more than {tolerance:.0%} worse: {', '.join(worse)}; --accept if that is meant")
    if better:
        print(f"cheaper, or new: {', '.join(better)}; --accept keeps it so")


main()
