#!/usr/bin/env python3
"""Runs the benchmark programs, one after the other, several rounds, and compares ours with what is written
by hand: medians, spread, ratios, and instructions a job under callgrind, which noise does not touch.

    cmake --preset release && cmake --build --preset release
    bench/compare.py [--build build/release] [--rounds 7] [--only submit,queue] [--no-instructions]

A ratio is taken within each round and its median is shown, so that what slows a whole round down cancels out.
Without rounds (--rounds 0) only instructions are counted, several scenarios at a time, for a busy machine; without
instructions only times are taken. What was kept of the other stays.
Results are kept in bench/results.json by compiler and version of Boost; doc/performance.md, the chart and the
README's table are made of them.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import results

# Where a callgrind run is long enough once all slots have been filled many times.
counted = ("submit", "queue", "streams", "timers", "threads")
jobs_counted = 40_000


def ask(program, option):
    return subprocess.run([program, option], check=True, capture_output=True, text=True).stdout


def time_once(program):
    """ns a job of each scenario in one run of the program."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run([program, f"--benchmark_out={out.name}", "--benchmark_out_format=json"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        runs = json.load(out)["benchmarks"]
    return {run["name"].split("/")[0]: run["per_job"] * 1e9 for run in runs}


def instructions(program, scenario):
    def count(jobs):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
                   f"--only={scenario}", f"--jobs={jobs}"]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(re.search(r"Collected : (\d+)", run.stderr)[1])

    # Start and end of the program, and the time until all slots are in use, are in both.
    return (count(2 * jobs_counted) - count(jobs_counted)) / jobs_counted


def evaluate(row, rounds):
    values = [results.compare(row, one[row["ours"]], one[row["other"]]) for one in rounds]
    row["value"] = statistics.median(values)
    row["error"] = (max(values) - min(values)) / 2
    row["ours_ns"] = statistics.median(one[row["ours"]] for one in rounds)
    row["other_ns"] = statistics.median(one[row["other"]] for one in rounds)
    return row


def machine():
    model = ""
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next((line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines()
                      if line.startswith("model name")), "")
    return f"{model or 'an unnamed processor'}, {os.cpu_count()} processors"


def print_rows(program, measured):
    print(f"\n{program}")
    for row in measured["rows"]:
        mark = "   NOT REACHED" if row["limit"] and not results.reached(row) else ""
        by_instructions = results.compared_by_instructions(row, measured["scenarios"])
        counts = f"{by_instructions:10.2f}" if by_instructions is not None else " " * 10
        print(f"  {row['work']:62} {row['ours_ns']:9.1f} {row['other_ns']:9.1f} {row['value']:8.3f} "
              f"±{row['error']:.3f} {counts} {results.must_be(row)}{mark}")
    for figure in measured["figures"]:
        mark = "   NOT REACHED" if figure["limit"] >= 0 and not results.reached(figure) else ""
        print(f"  {figure['what'] + ', ' + figure['unit']:82} {figure['value']:10.4g} {results.must_be(figure)}{mark}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=results.root / "build/release")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(results.programs), help="programs, separated by commas")
    parser.add_argument("--no-instructions", action="store_true", help="leave callgrind out")
    options = parser.parse_args()

    chosen = {name: options.build / "bench" / f"bench_{name}" for name in options.only.split(",")}
    for program in chosen.values():
        if not program.exists():
            sys.exit(f"{program} is not there: build it first (Google Benchmark is needed: libbenchmark-dev)")
    toolchain = ask(next(iter(chosen.values())), "--toolchain").strip()
    described = {name: json.loads(ask(program, "--rows")) for name, program in chosen.items()}

    rounds = {name: [] for name in chosen}
    for number in range(options.rounds):
        for name, program in chosen.items():
            if described[name]["scenarios"]:
                print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr, flush=True)
                rounds[name].append(time_once(program) | described[name]["constants"])

    print(f"{toolchain}; columns: work, ours and other in ns a job, compared, compared by instructions, must be")
    for name, program in chosen.items():
        counts = {}
        if name in counted and not options.no_instructions:
            # What waits, or has several threads, cannot be counted so.
            countable = [one for one, clock in described[name]["scenarios"].items() if clock == "processor"]
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as at_once:
                for scenario, count in zip(countable, at_once.map(lambda one: instructions(program, one), countable)):
                    print(f"callgrind: {name} {scenario} {count:.0f}", file=sys.stderr, flush=True)
                    counts[scenario] = round(count)

        kept = results.load()  # now: the other kind of figures may be in the making elsewhere
        mine = kept["toolchains"].setdefault(toolchain, {"programs": {}})
        measured = mine["programs"].setdefault(name, {"scenarios": {}, "figures": [], "rows": []})
        if options.rounds:
            kept["machine"] = machine()
            mine["rounds"] = options.rounds
            measured["figures"] = json.loads(ask(program, "--figures"))
            measured["rows"] = [evaluate(row, rounds[name]) for row in described[name]["rows"]]
            for scenario in described[name]["scenarios"]:
                values = [one[scenario] for one in rounds[name]]
                measured["scenarios"].setdefault(scenario, {}).update(
                    ns=round(statistics.median(values), 2), spread=round(results.spread(values), 3))
        for scenario, count in counts.items():
            measured["scenarios"].setdefault(scenario, {})["instructions"] = count
        results.save(kept)
        print_rows(name, measured)
    results.write_pages(results.load())


main()
