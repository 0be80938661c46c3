#!/usr/bin/env python3
"""What GDB prints with tools/coroexec-gdb.py. usage: check.py GDB PRINTERS PROGRAM"""
import subprocess
import sys

WANTED = {
    "good": "Task 2 'good' succeeded = {result = 42}",
    "bad": "Task 3 failed (std::runtime_error: no such host)",
    "empty": "Task 4 succeeded",
    "stopped": "Task 5 cancelled (boost::system::system_error: Operation canceled",
    "queued": "Task 6 queued",
    "any": "AnyTask 3 failed (std::runtime_error: no such host)",
    "none": "Task of no job",
    "value": "Outcome = {value = 42}",
    "error": "Outcome: std::runtime_error: no such host",
    "text": 'Outcome = {value = "text"}',
    "success": "Outcome: success",
}

gdb, printers, program = sys.argv[1:]
command = [gdb, "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", f"source {printers}", "-ex", "break stop_here",
           "-ex", "run", "-ex", "up"]
for name in WANTED:
    command += ["-ex", f"printf \"{name}: \"", "-ex", f"output {name}", "-ex", 'printf "\\n"']
run = subprocess.run([*command, program], capture_output=True, text=True)
shown = dict(line.split(": ", 1) for line in run.stdout.splitlines() if line.split(":")[0] in WANTED)
if not shown or "ptrace" in run.stderr:
    print(run.stdout, run.stderr)
    if "ptrace" in run.stderr:
        sys.exit(77)  # where no program may be traced
failed = [name for name, text in WANTED.items() if not shown.get(name, "").startswith(text)]
for name in failed:
    print(f"{name}: expected '{WANTED[name]}', shown '{shown.get(name)}'")
if failed:
    print(run.stderr)
sys.exit(bool(failed))
