#!/usr/bin/python3
"""Runs the fuzz targets of tests/fuzz, each for a while, and tells what came of it.

    scripts/fuzz.py [--seconds N] [--runs N] [--keep] [TARGET…]      no target named: all of them

    --seconds N   how long each target runs (60)
    --runs N      how many executions each makes instead
    --keep        afterwards, the inputs in the tree are chosen anew from all that are known: few, small, and reaching what
                  all of them reach

The build is build-fuzz, made with clang, libFuzzer, ASan and UBSan; new inputs gather in build-fuzz/corpus, from run to run.
An input that breaks something is kept in build-fuzz/found; the line under the table says how to repeat it. The rates are
per second of processor time, since others may be at work on the machine. The last line is `N passed, N failed`.
Standard library only.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-fuzz"
TESTS = ROOT / "tests" / "fuzz"
CORPUS, FOUND, LOGS = BUILD / "corpus", BUILD / "found", BUILD / "fuzz-logs"
OPTIONS = ["-Dfuzz=true", "-Dtests=false", "-Dwerror=false", "-Dbuildtype=debugoptimized", "-Db_lundef=false",
           "-Db_sanitize=address,undefined"]
ENVIRONMENT = {
    # a small quarantine stays in the processor's caches; executions are short, so that it holds some dozens of them
    "ASAN_OPTIONS": "detect_stack_use_after_return=0:quarantine_size_mb=4:malloc_context_size=3",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
# The longest input of a target: what lies beyond teaches nothing new and takes time. Elsewhere LENGTH.
LENGTHS = {"chunked": 300, "codec": 300, "core": 300, "http1": 400, "journal": 300, "settings": 400}
LENGTH = 600
HANG_SECONDS = 10
FILES_KEPT, BYTES_KEPT = 60, 100_000
CANDIDATES_MAX = 250  # a process each
GRACE_SECONDS = 60  # for the inputs that are there to be read


def compiler():
    for name in ("clang-14", "clang"):
        if shutil.which(name):
            return name
    sys.exit("fuzz.py: no clang; scripts/deps.sh fuzz installs it")


def build():
    if not (BUILD / "build.ninja").exists():
        quietly(["meson", "setup", BUILD, *OPTIONS], {"CC": compiler()})
    quietly(["ninja", "-C", BUILD, "fuzz"])


def quietly(command, environment=None):
    done = subprocess.run([str(word) for word in command], cwd=ROOT, env={**os.environ, **(environment or {})},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout)


def targets():
    return sorted(path.stem.removeprefix("fuzz_") for path in TESTS.glob("fuzz_*.c"))


def program(target):
    return BUILD / "tests" / "fuzz" / f"fuzz_{target}"


def dictionary(target):
    path = TESTS / f"{target}.dict"
    return [f"-dict={path}"] if path.exists() else []


def inputs_of_tree(target):
    return [str(folder) for folder in (TESTS / "corpus" / target, TESTS / "crashes" / target) if folder.is_dir()]


class Result:
    def __init__(self, executions, cpu_seconds, new, crash):
        self.executions, self.cpu_seconds, self.new, self.crash = executions, cpu_seconds, new, crash


def run(target, seconds, runs):
    """One target over its inputs. Its processor time is had from the operating system, as the difference of two looks."""
    corpus = CORPUS / target
    for folder in (corpus, FOUND, LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{target}.log"
    bound = [f"-runs={runs}"] if runs else [f"-max_total_time={seconds}"]
    before, before_cpu = set(FOUND.iterdir()), os.times()
    with open(log, "w") as out:
        process = subprocess.Popen(
            [str(program(target)), f"-max_len={LENGTHS.get(target, LENGTH)}", *bound, *dictionary(target),
             f"-timeout={HANG_SECONDS}", f"-artifact_prefix={FOUND}/{target}-", "-print_final_stats=1",
             str(corpus), *inputs_of_tree(target)],
            env={**os.environ, **ENVIRONMENT}, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        status = process.wait(timeout=None if runs else seconds * 4 + GRACE_SECONDS)
    after_cpu = os.times()
    cpu = (after_cpu.children_user + after_cpu.children_system) - (before_cpu.children_user + before_cpu.children_system)
    text = log.read_text(errors="replace")
    found = sorted(set(FOUND.iterdir()) - before)
    crash = (found[0] if found else log) if status != 0 else None
    return Result(number(text, "number_of_executed_units"), cpu, number(text, "new_units_added"), crash)


def number(text, name):
    found = re.findall(rf"^stat::{name}:\s+(\d+)$", text, re.M)
    return int(found[-1]) if found else 0


# ---- choosing what is kept in the tree ----

def merge(target, notes, *words):
    subprocess.run([str(program(target)), f"-merge_control_file={notes}", f"-max_len={LENGTHS.get(target, LENGTH)}",
                    *(str(word) for word in words)],
                   env={**os.environ, **ENVIRONMENT}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def noted(notes):
    """What each input is noted to reach first, by its name: {name: set of (kind, number)}."""
    lines = notes.read_text().splitlines()
    count, reached = int(lines[0]), {}
    for line in lines[2 + count:]:
        kind, index, *values = line.split()
        if kind in ("FT", "COV"):
            reached.setdefault(lines[2 + int(index)], set()).update((kind, value) for value in values)
    return reached


def features(target, folder):
    """What each promising input reaches. libFuzzer's merge goes from small to large and notes of each input only what none
    before it reached: that says which inputs promise something. Then each is looked at by itself."""
    notes, empty = BUILD / f"{target}-merge.txt", BUILD / f"{target}-merged"
    shutil.rmtree(empty, ignore_errors=True)
    empty.mkdir()
    notes.unlink(missing_ok=True)
    merge(target, notes, "-merge=1", empty, folder, *inputs_of_tree(target))
    shutil.rmtree(empty)
    first = noted(notes)
    with_edges = [name for name in first if any(kind == "COV" for kind, _ in first[name])]
    largest = sorted(set(first) - set(with_edges), key=os.path.getsize, reverse=True)
    reached = {}
    for name in (with_edges + largest)[:CANDIDATES_MAX]:
        notes.write_text(f"1\n0\n{name}\n")
        merge(target, notes, "-merge_inner=1")
        reached.update(noted(notes))
    return reached


def chosen(reached):
    """Greedy: again and again the input that adds most for its size. Edges count far more than how often each is taken."""
    left, covered, size = dict(reached), set(), 0
    while left:
        def worth(name):
            new = left[name] - covered
            return sum(20 if kind == "COV" else 1 for kind, _ in new) / (2048 + os.path.getsize(name))
        best = max(sorted(left), key=worth)
        if not left[best] - covered:
            return
        covered |= left.pop(best)
        size += os.path.getsize(best)
        if size > BYTES_KEPT:
            return
        yield best


def keep(target):
    """Hand-made inputs (a name that is no digest) stay; the rest is chosen anew."""
    folder = TESTS / "corpus" / target
    reached = features(target, CORPUS / target)
    named = [path for path in folder.iterdir() if not re.fullmatch("[0-9a-f]{12}", path.name)]
    contents = {}
    for name in chosen(reached):
        if len(contents) + len(named) == FILES_KEPT:
            break
        path = Path(name)
        if path not in named and path.parent.parent.name != "crashes":
            contents[path.name[:12]] = path.read_bytes()
    for path in folder.iterdir():
        if path not in named:
            path.unlink()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    total = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{target}: {len(list(folder.iterdir()))} inputs kept, {total} bytes")


# ---- the table ----

def tell(target, result):
    rate = result.executions / result.cpu_seconds if result.cpu_seconds else 0
    print(f"{target:<14} {result.executions:>12,} {rate:>12,.0f} {result.new:>8} "
          f"{'1 CRASH' if result.crash else '0':>8}", flush=True)


def tell_crash(target, result):
    print(f"\n{target} broke. To repeat it:\n    {program(target).relative_to(ROOT)} {result.crash.relative_to(ROOT)}")
    text = (LOGS / f"{target}.log").read_text(errors="replace")
    for line in text.splitlines():
        if re.search(r"dibs: bug|ERROR: |runtime error|SUMMARY", line):
            print(f"    | {line[:200]}")
    print(f"Once it is mended, keep it as tests/fuzz/crashes/{target}/<what-it-was>: `make test` runs it from then on.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    asked = parser.parse_args()
    unknown = [name for name in asked.targets if name not in targets()]
    if unknown:
        print(f"fuzz.py: no target {unknown[0]!r}; there are: {' '.join(targets())}", file=sys.stderr)
        return 2
    build()
    print(f"{'target':<14} {'executions':>12} {'per cpu s':>12} {'new':>8} {'crashes':>8}", flush=True)
    started, broken = time.monotonic(), {}
    names = asked.targets or targets()
    for name in names:
        result = run(name, asked.seconds, asked.runs)
        tell(name, result)
        if result.crash:
            broken[name] = result
    for name, result in broken.items():
        tell_crash(name, result)
    if asked.keep and not broken:
        for name in names:
            keep(name)
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{len(names) - len(broken)} passed, {len(broken)} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
