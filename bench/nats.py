#!/usr/bin/env python3
"""Measures coroexec::nats against a nats-server that it starts on loopback: nats.py BUILD [MESSAGES [BATCH [ROUNDS]]]"""
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = pathlib.Path(sys.argv[1]) / "bench" / "bench_nats"
    server = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if not program.exists() or not server:
        sys.exit(f"{program} and nats-server (tools/install-deps.sh) are needed")
    port = free_port()
    with tempfile.TemporaryDirectory() as store:
        child = subprocess.Popen([server, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", store],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.05)
            return subprocess.call([program, f"nats://127.0.0.1:{port}", *sys.argv[2:]])
        finally:
            child.terminate()
            child.wait()


sys.exit(main())
