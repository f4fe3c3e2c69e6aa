#!/usr/bin/python3
"""Every test there is, one line a stage, and at the very end `N passed, N failed`.

    scripts/test.py [STAGE…]      no stage named: all of them, in this order

A stage runs one runner and counts its cases from the report that the runner writes for machines: Meson's testlog.json
with cmocka's lines in it, pytest's JUnit XML, the lines of `go test -v`, or the last line of a program that prints
`N passed, N failed` itself. A runner that fails without naming a case, or that ran none, is one failure. What a runner
said is kept in <build>/test-logs/<stage>.log and shown when the stage failed. The exit status is 0 when nothing failed.

Standard library only. Every stage has a bound on its time, past which all of its processes are stopped.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD, ASAN, TSAN = ROOT / "build", ROOT / "build-asan", ROOT / "build-tsan"
LOGS = BUILD / "test-logs"
BINARY = Path("src/cli/dibs")
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
WORKERS = 2  # what a small machine has; more workers than that only make time-outs look like faults
SLOW = 3  # how much longer a thing may take under a sanitizer
TAIL_LINES = 60
UNEVENTFUL = re.compile(r"^\[\s+(OK|RUN)\s+\]|^ *\d+/\d+ .* OK |^\[\d+/\d+\] (Compiling|Linking|Generating)|^\W*$")
SANITIZED = ["-Dwerror=false", "-Dbuildtype=debug", "-Doptimization=1", "-Db_lundef=false"]

SAN_ENV = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Outcome:
    """skipped: how many cannot be run on this machine, which why then says; they are no success."""

    def __init__(self, passed=0, failed=0, why="", skipped=0):
        self.passed, self.failed, self.why, self.skipped = passed, failed, why, skipped


def run(stage, command, minutes, env=None, append=False):
    """Runs the command in a process group of its own; returns its exit status, or None when its time was over."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / f"{stage}.log", "ab" if append else "wb") as log:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=ROOT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            return process.wait(timeout=minutes * 60)
        except subprocess.TimeoutExpired:
            return None
        finally:
            stop_group(process)


def stop_group(process):
    """Nothing that a runner started may outlive it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def judged(outcome, status):
    """The outcome of a runner that ended so: what its report does not explain is one failure more."""
    if status is None:
        return Outcome(outcome.passed, outcome.failed + 1, "stopped: it took too long")
    if status != 0 and outcome.failed == 0:
        return Outcome(outcome.passed, 1, f"the runner ended with {status}")
    if outcome.passed + outcome.failed + outcome.skipped == 0:
        return Outcome(0, 1, "the runner ran no test")
    return outcome


# ---- Meson and cmocka ----

CMOCKA_CASE = re.compile(r"^\[\s+(OK|FAILED|ERROR)\s+\] (\w+)$", re.M)


def cmocka_cases(text):
    """The cases that one test program names as ended well, and those that it names as failed."""
    ended = {"OK": set(), "FAILED": set()}
    for verdict, name in CMOCKA_CASE.findall(text):
        ended["OK" if verdict == "OK" else "FAILED"].add(name)
    return len(ended["OK"] - ended["FAILED"]), len(ended["FAILED"])


def meson_outcome(build):
    report = build / "meson-logs" / "testlog.json"
    total, bad = Outcome(), []
    for line in report.read_text().splitlines() if report.exists() else []:
        program = json.loads(line)
        passed, failed = cmocka_cases(program.get("stdout", "") + "\n" + program.get("stderr", ""))
        if program["result"] == "SKIP":
            continue
        if program["result"] != "OK" and failed == 0:
            failed = 1
        elif program["result"] == "OK" and passed == 0:
            failed = 1  # it says that all is well and has shown nothing
        if failed:
            bad.append(program["name"])
        total.passed += passed
        total.failed += failed
    total.why = ", ".join(bad)
    return total


def meson_test(stage, build, slow=1):
    report = build / "meson-logs" / "testlog.json"
    report.unlink(missing_ok=True)
    status = run(stage, ["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", "--num-processes", WORKERS,
                         "--timeout-multiplier", slow], 8, SAN_ENV)
    return judged(meson_outcome(build), status)


def meson_build(stage, build, options):
    """Builds everything. Warnings are errors in the plain build alone: what a sanitizer weaves into the code makes gcc
    guess at bounds that the code keeps."""
    if not (build / "build.ninja").exists():
        status = run(stage, ["meson", "setup", build, *options], 3)
        if status != 0:
            return judged(Outcome(), status or 1)
    status = run(stage, ["meson", "configure", build, *options], 3, append=True)
    if status == 0:
        status = run(stage, ["ninja", "-C", build], 15, append=True)
    return judged(Outcome(passed=1), status) if status == 0 else judged(Outcome(), 1 if status is None else status)


# ---- pytest ----

def pytest_run(stage, arguments, minutes, env=None):
    report = LOGS / f"{stage}.xml"
    LOGS.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    status = run(stage, [*PYTEST, f"--junitxml={report}", *arguments], minutes, env)
    return judged(junit_outcome(report), status)


def junit_outcome(report):
    total = Outcome()
    if not report.exists():
        return total
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        cases, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        total.passed += cases - skipped - failed
        total.failed += failed
    return total


def in_parallel():
    """pytest's words for two workers, where Debian's pytest-xdist is installed."""
    found = subprocess.run([sys.executable, "-c", "import xdist"], capture_output=True, check=False)
    return ["-n", str(WORKERS)] if found.returncode == 0 else []


# ---- programs that count for themselves ----

SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
SKIPPED = re.compile(r"^(\d+) skipped: (.*)$", re.M)


def counting_program(stage, command, minutes, env=None):
    status = run(stage, command, minutes, env)
    said = (LOGS / f"{stage}.log").read_text(errors="replace")
    found, skipped = SUMMARY.findall(said), SKIPPED.findall(said)
    if not found:
        return judged(Outcome(), status or 1)
    passed, failed = found[-1]
    return judged(Outcome(int(passed), int(failed), "; ".join(why for _, why in skipped),
                          sum(int(count) for count, _ in skipped)), status)


# ---- Go ----

GO_CASE = re.compile(r"^--- (PASS|FAIL): ", re.M)


def go_outcome(text):
    """What `go test -v` says of its cases; those within a case are part of it."""
    cases = GO_CASE.findall(text)
    return Outcome(cases.count("PASS"), cases.count("FAIL"))


def linearizable(stage, arguments, minutes):
    """The checker's own tests, then histories: each of both is a case."""
    status = run(stage, [ROOT / "scripts/lin.sh", *arguments], minutes, {"BUILD": str(BUILD)})
    text = (LOGS / f"{stage}.log").read_text(errors="replace")
    total, found = go_outcome(text), SUMMARY.findall(text)
    if not found:
        return judged(total, status or 1)
    total.passed += int(found[-1][0])
    total.failed += int(found[-1][1])
    return judged(total, status)


# ---- the stages ----

def stage_build(stage):
    return meson_build(stage, BUILD, ["-Dwerror=true"])


def stage_lint(stage):
    return counting_program(stage, [ROOT / "scripts/lint.sh", "quick", BUILD], 5)


def stage_house(stage):
    return pytest_run(stage, ["tests/house"], 3, {"DIBS_BUILD": str(BUILD)})


def stage_unit(stage):
    return meson_test(stage, BUILD)


def stage_coverage(stage):
    """The unit tests once more, counted: each measured file is one case."""
    return counting_program(stage, [sys.executable, "scripts/coverage.py"], 10)


def stage_story(stage):
    return pytest_run(stage, [*in_parallel(), "tests/story"], 12, {"DIBS_BIN": str(BUILD / BINARY)})


def stage_crash(stage):
    return counting_program(stage, [sys.executable, "tests/crash/crash.py", "--kills", "150", "--seed", "1"], 12,
                            {"DIBS_BIN": str(BUILD / BINARY)})


def stage_sim(stage):
    """A fixed slice of the seeds, large enough that every kind of fault and every answer comes about in it."""
    return counting_program(stage, [BUILD / "tests/sim/sim", "--seeds", "1500", "--jobs", WORKERS], 6)


def stage_images(stage):
    """A slice of it: other seeds and more time with `make images SECONDS=… SEED=…`."""
    return counting_program(stage, [BUILD / "tests/images/images", "--seconds", "20", "--seed", "1"], 3)


def stage_disks(stage):
    return counting_program(stage, [sys.executable, "tests/crash/disks.py"], 8, {"DIBS_BIN": str(BUILD / BINARY)})


def stage_faults(stage):
    return counting_program(stage, [sys.executable, "tests/crash/faults.py"], 12, {"DIBS_BIN": str(BUILD / BINARY)})


def stage_lin(stage):
    return linearizable(stage, ["-histories", "200", "-seed", "1"], 5)


def stage_http(stage):
    return counting_program(stage, [sys.executable, "tests/http/run.py"], 15, {"DIBS_BIN": str(BUILD / BINARY)})


def stage_schema(stage):
    return counting_program(stage, [sys.executable, "tests/http/schema.py"], 12, {"DIBS_BIN": str(BUILD / BINARY)})


def stage_asan_build(stage):
    return meson_build(stage, ASAN, [*SANITIZED, "-Db_sanitize=address,undefined"])


def stage_asan_unit(stage):
    return meson_test(stage, ASAN, SLOW)


def stage_asan_story(stage):
    """The stories that handle bad input and bad clients, against a server that watches its own memory."""
    return pytest_run(stage, [*in_parallel(), "-k", "bad or http or token or json", "tests/story"], 12,
                      {"DIBS_BIN": str(ASAN / BINARY), "DIBS_SLOW": str(SLOW), **SAN_ENV})


def stage_tsan_build(stage):
    return meson_build(stage, TSAN, [*SANITIZED, "-Db_sanitize=thread"])


def stage_tsan_unit(stage):
    return meson_test(stage, TSAN, SLOW)


STAGES = {
    "build": stage_build,
    "lint": stage_lint,
    "house": stage_house,
    "unit": stage_unit,
    "coverage": stage_coverage,
    "story": stage_story,
    "crash": stage_crash,
    "sim": stage_sim,
    "images": stage_images,
    "disks": stage_disks,
    "faults": stage_faults,
    "lin": stage_lin,
    "http": stage_http,
    "schema": stage_schema,
    "build-asan": stage_asan_build,
    "unit-asan": stage_asan_unit,
    "story-asan": stage_asan_story,
    "build-tsan": stage_tsan_build,
    "unit-tsan": stage_tsan_unit,
}
NEEDS = {**dict.fromkeys(["house", "unit", "story", "crash", "lint", "sim", "images", "disks", "faults", "lin", "http", "schema"],
                         "build"),
         "unit-asan": "build-asan", "story-asan": "build-asan", "unit-tsan": "build-tsan"}


def with_needs(names):
    """The named stages and the builds that they stand on, in the order of the table."""
    wanted = set(names) | {NEEDS[name] for name in names if name in NEEDS}
    return [name for name in STAGES if name in wanted]


def tell(stage, outcome, seconds):
    counts = f"{outcome.passed} passed" + (f", {outcome.failed} FAILED" if outcome.failed else "")
    counts += f", {outcome.skipped} skipped" if outcome.skipped else ""
    print(f"{stage:<11} {counts:<26} {seconds:6.1f} s", flush=True)
    if outcome.why and (outcome.failed or outcome.skipped):
        print(f"            {outcome.why}", flush=True)
    if not outcome.failed:
        return
    log = LOGS / f"{stage}.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    lines = [line for line in lines if not UNEVENTFUL.search(line)]
    for line in lines[-TAIL_LINES:]:
        print(f"    | {line}")
    print(f"    the whole of it: {log.relative_to(ROOT)}", flush=True)


def main(names):
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        print(f"test.py: no stage {unknown[0]!r}; there are: {' '.join(STAGES)}", file=sys.stderr)
        return 2
    passed = failed = 0
    broken = set()
    shutil.rmtree(LOGS, ignore_errors=True)
    for stage in with_needs(names or list(STAGES)):
        started = time.monotonic()
        if NEEDS.get(stage) in broken:
            outcome = Outcome(0, 1, f"not run: {NEEDS[stage]} failed")
        else:
            outcome = STAGES[stage](stage)
        if outcome.failed and stage.startswith("build"):
            broken.add(stage)
        tell(stage, outcome, time.monotonic() - started)
        passed, failed = passed + outcome.passed, failed + outcome.failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
