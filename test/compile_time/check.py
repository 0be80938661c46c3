#!/usr/bin/env python3
"""Compiles program.cpp with and without the library by turns and compares the processor time, the best of each.

usage: check.py COMPILER ARGUMENTS... FILE. What is aimed at is a ratio of 1.10; what fails is one above LIMIT.
"""
import resource
import subprocess
import sys

ROUNDS = 5
LIMIT = 1.4


def seconds(*more):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([*sys.argv[1:], *more], check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


rounds = [(seconds(), seconds("-DWITH_COROEXEC")) for _ in range(ROUNDS)]
alone, together = (min(times) for times in zip(*rounds))
print(f"{alone:.2f} s with Asio alone, {together:.2f} s with coroexec: {together / alone:.2f} times as long")
sys.exit(together / alone > LIMIT)
