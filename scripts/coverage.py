#!/usr/bin/python3
"""Which branches of the rules and of the recovery no test takes.

    scripts/coverage.py [--build DIR] [--all]

Builds the tree once more with gcov's counters, runs the unit tests, and asks gcovr for the branches of src/core and of
what reads a journal back (src/log: recovery, walk, batch, segment, snapshot_file). Every branch is taken by a test, or
its line stands in tests/coverage/untaken.txt with the reason. A line that is not listed, one with more branches not
taken than its list says, and a listed line that is taken or gone, are failures: so the list stays true. must() is left
out: that its branch is never taken is its purpose.

--all prints every branch that is not taken, the listed ones too. The last line is `N passed, N failed`: files.
Standard library only, and gcovr.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LISTED = ROOT / "tests" / "coverage" / "untaken.txt"
MEASURED = ["src/core/.*[.]c", "src/log/recovery[.]c", "src/log/walk[.]c", "src/log/batch[.]c", "src/log/segment[.]c",
            "src/log/snapshot_file[.]c"]
# Counted atomically: a branch that is taken once must not be lost because another thread counts at that moment.
OPTIONS = ["-Db_coverage=true", "-Dbuildtype=debug", "-Doptimization=0", "-Dwerror=false",
           "-Dc_args=-fprofile-update=atomic"]


def run(words, **how):
    done = subprocess.run([str(word) for word in words], cwd=ROOT, **how)
    if done.returncode:
        sys.exit(f"coverage: {words[0]} ended with {done.returncode}")
    return done


def build_and_test(build):
    quiet = {"stdout": subprocess.DEVNULL}
    if not (build / "build.ninja").exists():
        run(["meson", "setup", build, *OPTIONS], **quiet)
    run(["ninja", "-C", build], **quiet)
    for counters in build.rglob("*.gcda"):
        counters.unlink()
    run(["meson", "test", "-C", build, "--no-rebuild", "--num-processes", "2", "--timeout-multiplier", "4"], **quiet)


def measure(build):
    words = ["gcovr", "--root", ROOT, "--object-directory", build, "--branches", "--json"]
    for pattern in MEASURED:
        words += ["--filter", pattern]
    return json.loads(run([*words, build], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)["files"]


def untaken_lines(file):
    """(line's number, its text, branches not taken, branches) of each line of one file, as gcovr tells it."""
    source = (ROOT / file["file"]).read_text().splitlines()
    for line in file["lines"]:
        branches = [branch for branch in line["branches"] if not branch.get("throw")]
        untaken = sum(branch["count"] == 0 for branch in branches)
        text = source[line["line_number"] - 1].strip()
        if untaken and "must(" not in text:
            yield line["line_number"], text, untaken, len(branches)


def read_list():
    """{(file, line's text): branches not taken at most}; a reason holds for all lines below it, up to the next one."""
    listed, reason, name = {}, "", ""
    for line in LISTED.read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("reason: "):
            reason = line[len("reason: "):]
        elif not line.startswith("\t"):
            name = line.strip()
        else:
            count, colon, text = line.strip().partition(": ")
            if not reason or not name or not colon or not count.isdigit():
                sys.exit(f"coverage: {LISTED.name}: a line without reason, file or count: {line.strip()}")
            listed[name, text] = int(count)
    return listed


def judge(file, listed, show_all):
    """Returns what is wrong with one file, printed, and which of `listed` were found."""
    wrong, found = 0, set()
    for number, text, untaken, count in untaken_lines(file):
        line = (file["file"], text)
        if line in listed:
            found.add(line)
        known = untaken <= listed.get(line, 0)
        wrong += not known
        if show_all or not known:
            print(f"{file['file']}:{number}: {untaken} of {count} not taken{', listed' if known else ''}: {text}")
    return wrong, found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build-coverage")
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    build = ROOT / arguments.build
    build_and_test(build)
    files = measure(build)
    if not files:
        sys.exit("coverage: gcovr has found no file")
    listed = read_list()
    wrong, found = {}, set()
    for file in files:
        wrong[file["file"]], of_file = judge(file, listed, arguments.all)
        found |= of_file
    for name, text in sorted(set(listed) - found):
        print(f"{LISTED.relative_to(ROOT)}: {name}: taken by now, or gone: {text}")
        wrong[name] = wrong.get(name, 0) + 1
    branches = [branch for file in files for line in file["lines"] for branch in line["branches"]]
    taken = sum(branch["count"] > 0 for branch in branches)
    print(f"{taken} of {len(branches)} branches are taken; {len(listed)} lines are listed with a reason")
    failed = sum(count > 0 for count in wrong.values())
    print(f"{len(wrong) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    sys.exit(main())
