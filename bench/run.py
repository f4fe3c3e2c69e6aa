#!/usr/bin/env python3
"""make bench: what dibs is measured by, each figure against its must and its aim.

    bench/run.py --build DIR [--quick] [--only ROW]...

ROW is a row's name or a measurement's (see --list). Ratios are of two sides that took turns, at least five times; the
figure is the median, the spread the smallest and the largest. Exit status 1 when a must is not met or a row could not
be measured.
"""
import argparse
import os
import platform
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows  # noqa: E402
from machinery import Bench, Failed, say  # noqa: E402

MORE, LESS = "at least", "at most"

# name, measurement, what, must, aim, which way, unit
TABLE = [
    ("durable", "durable", "durable claims, 128 connections: requests/s against the bare server", 0.75, 1.0, MORE, "x"),
    ("sold-out", "sold_out", "the same when sold out", 0.90, 1.0, MORE, "x"),
    ("processor", "durable", "processor time per durable claim, read model apart, against bare", 1.6, 1.2, LESS, "x"),
    ("follower-rate", "follower", "the read model's follower: orders/s", 50_000, 150_000, MORE, "/s"),
    ("follower-lag", "follower", "its lag after a burst of 100,000", 3, 1, LESS, "s"),
    ("peer", "peer", "durable claims/s against Go, fasthttp, Redis and Lua, synced", 3, 5, MORE, "x"),
    ("burst-all", "burst", "10,000 connections, one claim each, at once: all answered within", 0.5, 0.25, LESS, "s"),
    ("burst-slowest", "burst", "    the slowest of them", 300, 150, LESS, "ms"),
    ("open-loop", "open_loop", "open loop at half the greatest rate: p99, wait included", 5, 2, LESS, "ms"),
    ("slow-disk", "slow_disk", "a disk whose sync takes 5 ms, 1,000 connections: claims/s", 0.5, 0.8, MORE, "x"),
    ("slow-disk-p50", "slow_disk", "    p50", 20, 12, LESS, "ms"),
    ("apply-6", "core", "apply, one thread, 10^6 buyers", 5, 10, MORE, "M/s"),
    ("apply-7", "core", "apply, one thread, 10^7 buyers", 3, 8, MORE, "M/s"),
    ("cost", "core", "cost per claim, 10^3 to 10^7 buyers and 1 to 5,000 drops: within", 3, 2, LESS, "x"),
    ("memory-buyer", "core", "memory of the core per buyer with one order, all in", 128, 80, LESS, "B"),
    ("memory-idle", "idle", "memory per idle connection, ours", 4096, 1024, LESS, "B"),
    ("fold", "start_again", "folding the journal again", 2, 5, MORE, "M/s"),
    ("ready", "start_again", "ready again after a kill with 10^7 orders, from a snapshot", 5, 2, LESS, "s"),
]


def first_line(words):
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except OSError:
        return "none"
    return ((done.stdout or done.stderr).strip().splitlines() or ["?"])[0]


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*:\s*(.*)", file.read())
    with open("/proc/meminfo") as file:
        memory = int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1)) / 2**20
    return f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} processors, {memory:.0f} GiB"


def print_head(bench):
    print(f"machine   {machine()}")
    print(f"system    {platform.freedesktop_os_release().get('PRETTY_NAME', '?')}, Linux {platform.release()}")
    print(f"program   {first_line([bench.dibs, '--version'])}"
          f" ({first_line(['git', '-C', bench.here, 'describe', '--always', '--dirty'])})")
    go = "/usr/lib/go-1.19/bin/go" if os.path.exists("/usr/lib/go-1.19/bin/go") else "go"
    versions = [first_line(["wrk", "-v"]).split(" Copyright")[0], first_line(["redis-server", "--version"])[:22],
                first_line([go, "version"]), "libuv " + first_line(["pkg-config", "--modversion", "libuv"])]
    print(f"versions  {'; '.join(versions)}")
    print(f"runs      {bench.times} of {bench.seconds} s each{', quick' if bench.quick else ''}; load before"
          f" {os.getloadavg()[0]:.1f}\n", flush=True)


def figure(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def is_met(value, bound, way):
    return value >= bound if way == MORE else value <= bound


def print_row(row, samples):
    """True: the must is met."""
    name, _, what, must, aim, way, unit = row
    if not samples:
        print(f"{what:<72} {'not measured':>24} {'':>10} {figure(must):>8} {figure(aim):>8}  NO", flush=True)
        return False
    value = rows.median(samples)
    spread = f"{figure(min(samples))}..{figure(max(samples))}"
    verdict = "aim" if is_met(value, aim, way) else "must" if is_met(value, must, way) else "NO"
    print(f"{what:<72} {figure(value) + ' ' + unit:>12} {spread:>20} {figure(must):>8} {figure(aim):>8}  {verdict}",
          flush=True)
    return verdict != "NO"


def print_titles():
    print(f"{'what':<72} {'median':>12} {'spread':>20} {'must':>8} {'aim':>8}  met")


def wanted_rows(only):
    if not only:
        return TABLE
    known = {row[0] for row in TABLE} | {row[1] for row in TABLE}
    for name in only:
        if name not in known:
            sys.exit(f"bench: no row {name}; there are: {' '.join(row[0] for row in TABLE)}")
    return [row for row in TABLE if row[0] in only or row[1] in only]


def measure(bench, measurement):
    """Samples by row's name; those of a measurement that failed are not shown."""
    samples = {}
    say(f"  {measurement.__name__}")
    try:
        for name, value in measurement(bench):
            samples.setdefault(name, []).append(value)
    except Failed as fault:
        say(f"    could not be measured: {fault}")
        return {}
    return samples


def run(bench, wanted):
    samples = {}
    for measurement in rows.MEASUREMENTS:
        if any(row[1] == measurement.__name__ for row in wanted):
            samples.update(measure(bench, measurement))
    print_titles()
    met = [print_row(row, samples.get(row[0])) for row in wanted if not (bench.quick and row[0] == "apply-7")]
    print(f"\n{sum(met)} of {len(met)} musts are met")
    return all(met)


def end(_number, _frame):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description="What dibs is measured by.")
    parser.add_argument("--build", default="build", help="the build folder")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs, a tenth of the orders")
    parser.add_argument("--only", action="append", metavar="ROW", help="this row or measurement; may be repeated")
    parser.add_argument("--list", action="store_true", help="the rows' names")
    given = parser.parse_args()
    wanted = wanted_rows(given.only)
    if given.list:
        for row in wanted:
            print(f"{row[0]:<16} {row[2].strip()}")
        return 0
    signal.signal(signal.SIGTERM, end)
    bench = Bench(os.path.abspath(given.build), given.quick)
    try:
        print_head(bench)
        return 0 if run(bench, wanted) else 1
    except KeyboardInterrupt:
        say("bench: interrupted")
        return 1
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
