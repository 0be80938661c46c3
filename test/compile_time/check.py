#!/usr/bin/env python3
"""Compiles program.cpp with <boost/asio.hpp>, with the library's header and the few of Asio's that it uses, and with
both, by turns, and compares the processor time, the best of each.

usage: check.py COMPILER ARGUMENTS... FILE. A program that includes the library may take a tenth longer than one that
includes all of Asio; one that includes both has more to read, and fails only where it is far off.
"""
import resource
import subprocess
import sys

ROUNDS = 5
LIMIT, LIMIT_OF_BOTH = 1.10, 1.40


def seconds(*headers):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([*sys.argv[1:], *(f"-DWITH_{header}" for header in headers)], check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


rounds = [(seconds("ASIO"), seconds("COROEXEC"), seconds("ASIO", "COROEXEC")) for _ in range(ROUNDS)]
asio, coroexec, both = (min(times) for times in zip(*rounds))
print(f"{asio:.2f} s with all of Asio; with coroexec {coroexec:.2f} s, {coroexec / asio:.2f} times as long; "
      f"with both {both:.2f} s, {both / asio:.2f} times")
sys.exit(coroexec / asio > LIMIT or both / asio > LIMIT_OF_BOTH)
