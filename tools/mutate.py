#!/usr/bin/env python3
"""Breaks the engine in small ways, one at a time, and shows that the tests notice each.

    tools/mutate.py              # all of test/mutants.txt
    tools/mutate.py room timer   # those whose names contain one of these
    tools/mutate.py --list

The sources are copied to build/mutants and built there once; then each mutant costs the compilation of one
file, a link and the tests up to the first failure: about half a minute. A mutant that hangs the tests is
noticed as well. Ends with 1 if one was not noticed.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
tree = root / "build" / "mutants" / "tree"
build = root / "build" / "mutants" / "build"
targets = ["coroexec_tests", "coroexec_sim", "coroexec_shake"]


def mutants():
    text = (root / "test" / "mutants.txt").read_text()
    for entry in re.split(r"^== ", text, flags=re.M)[1:]:
        name, file, change = entry.split("\n", 2)
        old, new = re.split(r"^--$", change.strip("\n"), flags=re.M)
        yield name, file, old.rstrip("\n"), new.strip("\n")


def run(command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def compile_tests():
    made = run(["cmake", "--build", build, "--parallel", os.cpu_count(), "--target", *targets])
    return "" if made.returncode == 0 else made.stdout[-3000:] + made.stderr[-3000:]


def noticed():
    """What notices that something is wrong; nothing if all passes."""
    checks = [[build / "test" / "sim" / "coroexec_sim", "--seeds", 3000],
              [build / "test" / "coroexec_tests", "--gtest_brief=1", "--gtest_fail_fast"],
              ["env", f"LD_PRELOAD={build / 'test' / 'shake' / 'libcoroexec_shake.so'}",
               build / "test" / "coroexec_tests", "--gtest_brief=1", "--gtest_fail_fast", "--gtest_filter=Threads.*"]]
    for command in checks:
        name = "coroexec_sim" if "--seeds" in command else "coroexec_tests"
        try:
            result = run(command, timeout=150)
        except subprocess.TimeoutExpired:
            return f"{name}: hangs"
        if result.returncode:
            found = re.search(r"^seed \d+: .*|^\[  FAILED  \] \S+|^.*Assertion.*failed.*", result.stdout + result.stderr, re.M)
            return f"{name}: " + (found[0][:110] if found else f"ends with {result.returncode}")
    return ""


def prepare():
    for name in ["CMakeLists.txt", "LICENSE", "README.md", "cmake", "doc", "include", "packaging", "src", "test", "tools"]:
        source, target = root / name, tree / name
        for path in [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file()):
            copy = target if source.is_file() else target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not copy.exists() or copy.read_bytes() != path.read_bytes():
                shutil.copyfile(path, copy)
    made = run(["cmake", "-S", tree, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                "-DCMAKE_CXX_FLAGS_DEBUG=-O0", "-DCOROEXEC_BUILD_BENCH=OFF", "-DCOROEXEC_BUILD_EXAMPLES=OFF"])
    error = made.stderr if made.returncode else compile_tests()
    if error or (error := noticed()):
        sys.exit(f"the tests do not pass without a mutant: {error}")


def main():
    parser = argparse.ArgumentParser(description="Breaks the engine in small ways and shows that the tests notice each.")
    parser.add_argument("names", nargs="*", help="parts of the names of the mutants to try; all if none is given")
    parser.add_argument("--list", action="store_true", help="print the names only")
    asked = parser.parse_args()
    chosen = [m for m in mutants() if not asked.names or any(part in m[0] for part in asked.names)]
    for name, file, old, _ in chosen:
        found = (root / "src" / file).read_text().count(old)
        if found != 1:
            sys.exit(f"test/mutants.txt: what '{name}' changes is {found} times in src/{file}, not once")
    if asked.list:
        print(*(name for name, *_ in chosen), sep="\n")
        return
    prepare()
    missed = []
    for name, file, old, new in chosen:
        path = tree / "src" / file
        whole = path.read_text()
        path.write_text(whole.replace(old, new))
        error = compile_tests()
        result = "does not compile: " + error if error else noticed()
        path.write_text(whole)
        if error or not result:
            missed.append(name)
        print(f"{name}: {result or 'NOT NOTICED'}", flush=True)
    print(f"{len(chosen) - len(missed)} of {len(chosen)} noticed")
    sys.exit(1 if missed else 0)


main()
