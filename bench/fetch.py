#!/usr/bin/env python3
"""coroexec-fetch beside other programs that fetch many pages: an nginx of our own on loopback, the same
number of connections for each, one after the other, several rounds.

    bench/fetch.py [--build build/release] [--rounds 5] [--connections 100]

It prints the median requests per second and the client's own processor time per request (user and system),
and keeps them in bench/results.json for compare.py. wrk is told a time, the others a number of pages; what
starts a process per page (xargs with curl) or writes a file per page (aria2) gets fewer of them. What is
not installed is left out. wrk parses next to nothing and keeps nothing: it is the ceiling.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import results

configuration = """
daemon off; worker_processes 1; pid nginx.pid; error_log error.log; {user}
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; default_type text/plain;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server {{ listen 127.0.0.1:{port} backlog=4096; location /page/ {{ return 200 "page $uri\\n"; }} }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextlib.contextmanager
def nginx(folder):
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not program:
        sys.exit("nginx is not installed (tools/install-deps.sh)")
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(configuration.format(port=port, user=user))
    process = subprocess.Popen([program, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"])
    try:
        for _ in range(500):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.01)
        else:
            sys.exit("nginx does not start: " + (folder / "error.log").read_text())
        yield port
    finally:
        process.terminate()
        process.wait()


class Run:
    """One run of a program: its time, the processor time of it and its children, what it printed."""

    def __init__(self, command, stdin=None):
        with tempfile.TemporaryFile() as out:
            begin = time.monotonic()
            process = subprocess.Popen(command, stdin=open(stdin) if stdin else subprocess.DEVNULL,
                                       stdout=out, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(process.pid, 0)
            self.seconds = time.monotonic() - begin
            self.cpu = used.ru_utime + used.ru_stime
            out.seek(0)
            self.output = out.read().decode(errors="replace")
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command[0]} failed with {process.returncode}:\n{self.output[-2000:]}")


def programs(build, folder, port, connections, pages):
    """Name, the command's program, and a function that runs it and gives requests and the run."""
    url = f"http://127.0.0.1:{port}/page/"
    lists = {}
    for count in (pages, pages // 20):
        lists[count] = folder / f"{count}.txt"
        lists[count].write_text("".join(f"{url}{i}\n" for i in range(count)))
    few = pages // 20

    def fetch():
        # Results are discarded by the shell, so that stdout is not a terminal and not a pipe.
        return pages, Run(["sh", "-c", 'exec "$0" "$@" > /dev/null', build / "example/fetch/coroexec-fetch",
                           "--concurrency", str(connections), lists[pages]])

    def bare():
        return pages, Run([build / "bench/bench_bare_beast", str(port), str(pages), str(connections)])

    def wrk():
        run = Run(["wrk", "-t1", f"-c{connections}", "-d3s", url + "1"])
        return int(re.search(r"(\d+) requests in", run.output)[1]), run

    def xargs():
        return few, Run(["xargs", "-P", str(connections), "-n", "1", "curl", "-s", "-o", "/dev/null"],
                        stdin=lists[few])

    def aria2():
        with tempfile.TemporaryDirectory(dir=folder) as into:
            return few, Run(["aria2c", "--quiet", f"-j{connections}", "-x1", "-d", into, "-i", lists[few]])

    yield "coroexec-fetch", build / "example/fetch/coroexec-fetch", fetch
    yield "a bare Beast loop", build / "bench/bench_bare_beast", bare
    yield f"wrk -t1 -c{connections}", "wrk", wrk
    yield f"xargs -P{connections} curl", "curl", xargs
    yield f"aria2c -j{connections}", "aria2c", aria2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=results.root / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--pages", type=int, default=100_000)
    options = parser.parse_args()

    measured = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with nginx(folder) as port:
            for round_ in range(options.rounds):
                for who, program, run in programs(options.build, folder, port, options.connections, options.pages):
                    if not shutil.which(program):
                        if round_ == 0:
                            print(f"{who}: {program} is not there, left out")
                        continue
                    requests, ended = run()
                    rate, cpu = requests / ended.seconds, ended.cpu / requests * 1e6
                    measured.setdefault(who, []).append((rate, cpu))
                    print(f"round {round_ + 1}: {who:22} {rate:9.0f} requests/s {cpu:8.1f} us each", flush=True)

    table = {who: {"requests_per_second": round(statistics.median(rate for rate, _ in runs)),
                   "cpu_us": round(statistics.median(cpu for _, cpu in runs), 1),
                   "spread": round(results.spread([rate for rate, _ in runs]), 3)}
             for who, runs in measured.items()}
    kept = results.load()
    kept["fetch"] = {"connections": options.connections, "rounds": options.rounds, "programs": table}
    results.save(kept)
    print(f"\n{options.connections} connections, median of {options.rounds}:")
    for who, row in table.items():
        print(f"  {who:22} {row['requests_per_second']:9} requests/s, {row['cpu_us']:8} us of processor time each")
    results.write_pages(kept)


if __name__ == "__main__":
    main()
