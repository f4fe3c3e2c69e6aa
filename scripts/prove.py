#!/usr/bin/python3
"""Everything that tries to break dibs, for as long as asked, and one page that says what came of it.

    scripts/prove.py --hours H [--seed S] [--build DIR] [PART…]

Each part gets its share of the time and a seed of its own, and ends with "N passed, N failed". What it said is kept in
<build>/proof/PART.log; the page, <build>/proof/proof.md, has for each part the command that repeats it, how long it ran,
what it counted and its last words, and at the end what no part of this models. A release quotes the page. The exit
status is 0 when nothing failed.

Standard library only. A part that is not known here is not run: there is no list elsewhere.
"""
import argparse
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTING = ROOT / "docs" / "TESTING.md"
COUNTED = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?")
WORDS = 100       # last lines of a part that stand on the page
GRACE = 20 * 60   # seconds beyond its share, after which a part is stopped and has failed
JOBS = "2"


class Part:
    """`words(seconds, seed)` is its command. `share` is its weight in the time; 0: it takes as long as it takes."""

    def __init__(self, name, title, share, words):
        self.name, self.title, self.share, self.words = name, title, share, words


def number(value, least=1):
    return str(max(least, int(value)))


PARTS = [
    Part("tests", "every test there is, once", 0, lambda s, seed: ["scripts/test.py"]),
    Part("coverage", "branches of the rules and of the recovery", 0, lambda s, seed: ["scripts/coverage.py"]),
    Part("planted", "planted bugs, each of which some test must catch", 0,
         lambda s, seed: ["tests/planted/planted.py", "all"]),
    Part("sim", "simulated worlds: one seed decides buyers, operators, disk, clock, log and crashes", 4,
         lambda s, seed: ["{build}/tests/sim/sim", "--seconds", number(s), "--ticks", "10000", "--first", seed,
                          "--jobs", JOBS]),
    Part("images", "crash images: what a disk may hold at every boundary, recovered and checked", 3,
         lambda s, seed: ["{build}/tests/images/images", "--seconds", number(s), "--seed", seed]),
    Part("kills", "kill -9 under load, with the clients' own books", 4,
         lambda s, seed: ["tests/crash/crash.py", "--kills", number(s / 2.5, 100), "--seed", seed]),
    Part("disks", "real file systems shut down under load, syncs that fail, full disks", 2,
         lambda s, seed: ["tests/crash/disks.py", "--shutdowns", number(s / 6, 5), "--syncs", number(s / 12, 5),
                          "--full", number(s / 60, 2), "--seed", seed]),
    Part("faults", "calls that the system refuses: disk, memory, descriptors, threads", 2,
         lambda s, seed: ["tests/crash/faults.py", "--disk", number(s / 6, 20), "--each", number(s / 12, 6),
                          "--seed", seed]),
    Part("lin", "histories of concurrent clients, checked for linearizability", 3,
         lambda s, seed: ["scripts/lin.sh", "-histories", number(s * 4, 100), "-seed", seed]),
    Part("fuzz", "libFuzzer under ASan and UBSan", 6, lambda s, seed: ["scripts/fuzz.py", "--seconds", number(s / 13)]),
    Part("http", "raw HTTP by name and in pieces, slow clients, resets", 1,
         lambda s, seed: ["tests/http/run.py", "--seconds", number(s), "--seed", seed]),
    Part("schema", "schemathesis against /openapi.json", 1,
         lambda s, seed: ["tests/http/schema.py", "--examples", "1000", "--seconds", number(s)]),
]


class Result:
    def __init__(self, part, words):
        self.part, self.words = part, words
        self.seconds, self.status, self.last = 0.0, None, []
        self.passed, self.failed, self.skipped = 0, 1, 0


def count(result, text):
    """The last line that counts is the part's own sum."""
    found = COUNTED.findall(text)
    if found:
        passed, failed, skipped = found[-1]
        result.passed, result.failed, result.skipped = int(passed), int(failed), int(skipped or 0)
        if result.status != 0 and result.failed == 0:
            result.failed = 1
    result.last = text.strip().splitlines()[-WORDS:]


def run(part, seconds, seed, build, folder):
    words = [word.format(build=build.relative_to(ROOT)) for word in part.words(seconds, seed)]
    if words[0].endswith(".py"):
        words.insert(0, sys.executable)
    result = Result(part, words)
    print(f"{part.name:9s} {shlex.join(words)}", flush=True)
    log = folder / f"{part.name}.log"
    began = time.monotonic()
    with open(log, "wb") as out:
        process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        try:
            limit = seconds + GRACE if part.share else None
            result.status = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
    result.seconds = time.monotonic() - began
    count(result, log.read_text(errors="replace"))
    print(f"{'':9s} {result.passed} passed, {result.failed} failed in {result.seconds:.0f} s", flush=True)
    return result


# ---- the page ----

def first_line(words):
    try:
        return (subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout.strip().splitlines() or ["?"])[0]
    except OSError:
        return "?"


def not_modelled():
    """The section of docs/TESTING.md that says so."""
    text = TESTING.read_text()
    found = re.search(r"^## What is not modelled\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found.group(1).strip() if found else sys.exit("prove: docs/TESTING.md does not say what is not modelled")


def page_of(results, hours, build):
    failed, runs = sum(r.failed for r in results), sum(r.passed + r.failed for r in results)
    lines = ["# What was tried, and what came of it", "",
             f"**{failed} failures in {runs:,} that were counted** (what a part counts, its last words below say), {sum(r.seconds for r in results) / 3600:.1f} hours"
             f" (asked for: {hours:g}).", "",
             f"{first_line([str(build / 'src/cli/dibs'), '--version'])}, {first_line(['git', 'describe', '--always', '--dirty'])};"
             f" {platform.freedesktop_os_release().get('PRETTY_NAME', '?')}, Linux {platform.release()},"
             f" {os.cpu_count()} processors; {time.strftime('%Y-%m-%d', time.gmtime())}.", "",
             "| part | what | counted | failed | skipped | seconds |", "|---|---|---|---|---|---|"]
    for r in results:
        lines.append(f"| {r.part.name} | {r.part.title} | {r.passed + r.failed:,} | {r.failed} | {r.skipped} |"
                     f" {r.seconds:,.0f} |")
    for r in results:
        lines += ["", f"## {r.part.name}: {r.part.title}", "", f"`{shlex.join(r.words)}`", "", "```", *r.last, "```"]
    lines += ["", "## What is not modelled", "", not_modelled(), ""]
    return "\n".join(lines)


def wanted(names):
    known = {part.name: part for part in PARTS}
    for name in names:
        if name not in known:
            sys.exit(f"prove: no part {name}; there are: {' '.join(known)}")
    return [known[name] for name in names] or PARTS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--build", default="build")
    parser.add_argument("parts", nargs="*")
    arguments = parser.parse_args()
    if arguments.hours <= 0:
        sys.exit("prove: --hours: more than none")
    build = ROOT / arguments.build
    folder = build / "proof"
    folder.mkdir(parents=True, exist_ok=True)
    parts = wanted(arguments.parts)
    shares = sum(part.share for part in parts) or 1
    results = [run(part, arguments.hours * 3600 * part.share / shares, str(arguments.seed + 1000 * i), build, folder)
               for i, part in enumerate(parts)]
    page = folder / "proof.md"
    page.write_text(page_of(results, arguments.hours, build))
    failed, passed = sum(r.failed for r in results), sum(r.passed for r in results)
    print(f"the page: {page.relative_to(ROOT)}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
