#!/usr/bin/python3
"""Planted bugs: is each of these mistakes caught, by which test, and how soon?

    tests/planted/planted.py [--through STAGE] [--scratch FOLDER] [NUMBER… | all]

Every NNN-name.patch beside this file is a mistake that somebody might make, and its head says which sentence of the
design it breaks. One after the other they are applied to a scratch copy of the files that git knows, built, and met by
the tests in the order in which they are likely to catch them: the unit tests of the room that the patch changes, all
other unit tests, the house, the stories, the kills. The first test that fails has caught it. One line each says which
test that was and how long it took, building included; the last line is `N passed, N failed`.

The copy without a patch must pass all of these tests first, or "caught" would mean nothing. A patch that does not
apply or does not build is not caught, it is a failure of this program's. So is a test that hangs: only a time-out that
the test itself sets (for a unit test, the one beside its name in Meson's table) counts.

    --through unit    stops after that stage (unit, house, story, crash): what the later ones would say is not asked
    --scratch FOLDER  keeps copy, build and what the unpatched copy has passed there, for the next call

Standard library only; git applies the patches.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
STAGES = ["unit", "house", "story", "crash"]
MINUTES = {"build": 15, "house": 3, "story": 12, "crash": 8}  # bounds of scripts/test.py; past them it has hung
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-rfE", "-p", "no:cacheprovider"]
KILLS = 200
WORKERS = 2  # as scripts/test.py
LEFT_OUT_MAX = 4  # stories that failed by themselves, in one run

CMOCKA_BAD = re.compile(r"^\[\s+(?:FAILED|ERROR)\s+\] ([a-z]\w*(?: \(\w+\))?)$", re.M)
CMOCKA_RUN = re.compile(r"^\[\s+RUN\s+\] (\w+)", re.M)
PYTEST_BAD = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.M)
COUNTED_BAD = re.compile(r"^.*\bFAILED\b.*$|^.*[1-9]\d* failed$", re.M)


class Broken(Exception):
    """Not an answer: this program, a patch or a test is at fault."""


def git(*words, cwd=ROOT):
    return subprocess.run(["git", "-c", "safe.directory=*", *words], cwd=cwd, capture_output=True, check=True).stdout


def run(command, seconds, cwd, env=None):
    """(exit status, what it said) of a process group of its own; the status is None when its time was over."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([str(word) for word in command], cwd=cwd, env={**os.environ, **(env or {})},
                                   stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        try:
            status = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        return status, said.read().decode(errors="replace")


# ---- patches ----

class Patch:
    def __init__(self, path):
        self.path, self.text = path, path.read_text()
        self.number, self.name = int(path.name.split("-")[0]), path.stem.split("-", 1)[1]
        self.files = re.findall(r"^\+\+\+ b/(\S+)$", self.text, re.M)
        self.rooms = list(dict.fromkeys(name.split("/")[1] for name in self.files))


def patches(wanted):
    known = {patch.number: patch for patch in map(Patch, sorted(HERE.glob("*.patch")))}
    unknown = [number for number in wanted if number not in known]
    if unknown:
        raise Broken(f"there is no patch {unknown[0]}; there are {min(known)} to {max(known)}")
    return [known[number] for number in wanted or sorted(known)]


# ---- the scratch copy ----

class Scratch:
    """A copy of the tree, a git repository of its own for the tests that ask git, and one build directory."""

    def __init__(self, folder):
        self.folder, self.build = folder, folder / "build"
        self.proof = folder / "build" / "proven.json"
        self.names = [name for name in git("ls-files", "-z").decode().split("\0") if name and (ROOT / name).is_file()]
        self.digest = self.copy()

    def copy(self):
        """Brings over what differs, so that only that is compiled again. Returns the digest of all that the tests see."""
        digest = hashlib.sha256()
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / ".git").exists():
            git("init", "-q", cwd=self.folder)
        for name in self.names:
            self.copy_file(name)
            if not name.startswith("tests/planted/"):
                digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
        for name in git("ls-files", "-z", cwd=self.folder).decode().split("\0"):
            if name and name not in self.names:
                (self.folder / name).unlink(missing_ok=True)
        git("add", "-A", cwd=self.folder)
        return digest.hexdigest()

    def copy_file(self, name):
        source, target = ROOT / name, self.folder / name
        if target.is_file() and target.read_bytes() == source.read_bytes():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        shutil.copymode(source, target)

    def ninja(self, *targets):
        status, said = run(["ninja", "-C", self.build, *targets], MINUTES["build"] * 60, self.folder)
        if status != 0:
            errors = [line for line in said.splitlines() if "error" in line or "FAILED" in line]
            raise Broken("does not build: " + (errors or said.splitlines() or ["it took too long"])[-1].strip())

    def setup(self):
        if not (self.build / "build.ninja").exists():
            status, said = run(["meson", "setup", self.build, "-Dwerror=true"], 180, self.folder)
            if status != 0:
                raise Broken(f"meson setup fails:\n{said}")
        self.ninja()

    def apply(self, patch):
        """git takes a hunk whose lines have moved; one whose lines have changed it refuses."""
        status, said = run(["git", "apply", patch.path], 60, self.folder)
        if status != 0:
            raise Broken("does not apply: " + said.strip().replace("\n", "; "))

    def restore(self, patch):
        for name in patch.files:
            self.copy_file(name)


# ---- the tests ----

def unit_tests(scratch):
    """Every unit test as Meson knows it: (room, name, program, seconds that it gives itself)."""
    status, said = run(["meson", "introspect", "--tests", scratch.build], 60, scratch.folder)
    if status != 0:
        raise Broken(f"meson introspect fails:\n{said}")
    for test in json.loads(said):
        program = Path(test["cmd"][0])
        place = program.relative_to(scratch.build)
        yield place.parts[2], test["name"], place, test["cmd"][1:], test["timeout"]


def unit_verdict(status, said, seconds):
    if status == 0:
        return None
    bad, begun = CMOCKA_BAD.findall(said), CMOCKA_RUN.findall(said)
    case = bad[0] if bad else begun[-1] if begun else "(before its first case)"
    if status is None:
        return f"{begun[-1] if begun else case} (its time-out of {seconds} s)"
    return case if bad else f"{case} (signal {-status})" if status < 0 else case


def run_unit(scratch, test):
    """What has caught it, or None."""
    _, _, place, arguments, seconds = test
    status, said = run([scratch.build / place, *arguments], seconds, scratch.build)
    verdict = unit_verdict(status, said, seconds)
    return f"{place.name}: {verdict}" if verdict else None


def catch_unit(scratch, test):
    """A test that fails now and passes the next moment has caught the machine, not the patch."""
    return run_unit(scratch, test) and run_unit(scratch, test)


def in_parallel():
    found = subprocess.run([sys.executable, "-c", "import xdist"], capture_output=True, check=False)
    return ["-n", str(WORKERS)] if found.returncode == 0 else []


def run_program(scratch, stage, command, bad):
    """The test that failed, or None."""
    env = {"DIBS_BUILD": str(scratch.build), "DIBS_BIN": str(scratch.build / "src/cli/dibs")}
    status, said = run(command, MINUTES[stage] * 60, scratch.folder, env)
    if status is None:
        raise Broken(f"{stage} hangs: no test of it gives up by itself")
    if status == 0:
        return None
    found = bad.findall(said)
    return found[0].strip() if found else (said.splitlines() or ["it says nothing"])[-1]


def run_house(scratch):
    """All but the one test that asks whether the patches apply: where one is applied, it does not."""
    return run_program(scratch, "house", [*PYTEST, "tests/house", "--ignore=tests/house/test_planted.py"], PYTEST_BAD)


def run_story(scratch):
    """On a busy machine a story may fail by itself: one that passes when it is told again, alone, is left out, and the
    others are gone through once more."""
    left_out = []
    while len(left_out) < LEFT_OUT_MAX:
        words = [word for name in left_out for word in ("--deselect", name)]
        failed = run_program(scratch, "story", [*PYTEST, *in_parallel(), "tests/story", *words], PYTEST_BAD)
        if not failed or run_program(scratch, "story", [*PYTEST, failed], PYTEST_BAD):
            return failed
        left_out.append(failed)
    raise Broken(f"stories fail and pass again: {', '.join(left_out)}; the machine is too busy")


def run_crash(scratch):
    return run_program(scratch, "crash", [sys.executable, "tests/crash/crash.py", "--kills", KILLS, "--seed", 1],
                       COUNTED_BAD)


OTHERS = {"house": run_house, "story": run_story, "crash": run_crash}


# ---- the unpatched copy ----

def proven(scratch):
    """{stage: …} that this very tree has passed; "unit" holds the seconds of each program."""
    try:
        proof = json.loads(scratch.proof.read_text())
    except (OSError, ValueError):
        return {}
    return proof["stages"] if proof.get("digest") == scratch.digest else {}


def prove_units(scratch):
    seconds = {}
    for test in unit_tests(scratch):
        began = time.monotonic()
        caught = run_unit(scratch, test)
        if caught:
            raise Broken(f"the unpatched copy fails {caught}")
        seconds[test[1]] = time.monotonic() - began
    return seconds


def prove(scratch, stages):
    """Returns how long each unit test took."""
    done = proven(scratch)
    for stage in stages:
        if stage in done:
            continue
        began = time.monotonic()
        if stage == "unit":
            done[stage] = prove_units(scratch)
        else:
            caught = OTHERS[stage](scratch)
            if caught:
                raise Broken(f"the unpatched copy fails {stage}: {caught}")
            done[stage] = True
        print(f"unpatched {stage:<40} passes {time.monotonic() - began:27.1f} s", flush=True)
        scratch.proof.write_text(json.dumps({"digest": scratch.digest, "stages": done}))
    return done["unit"]


# ---- one patch ----

def hunt(scratch, patch, stages, seconds):
    """The test that catches the patch that is applied, or None. The quick ones of its rooms come first."""
    tests = sorted(unit_tests(scratch), key=lambda test: seconds.get(test[1], 0))
    near = [test for room in patch.rooms for test in tests if test[0] == room]
    if near:
        scratch.ninja(*[test[2] for test in near])
    for test in near:
        caught = catch_unit(scratch, test)
        if caught:
            return caught
    scratch.ninja()
    for test in tests:
        caught = catch_unit(scratch, test) if test not in near else None
        if caught:
            return caught
    for stage in stages[1:]:
        caught = OTHERS[stage](scratch)
        if caught:
            return f"{stage}: {caught}"
    return None


def meet(scratch, patch, stages, seconds):
    """True when it was caught; tells the outcome."""
    began = time.monotonic()
    try:
        scratch.apply(patch)
        caught = hunt(scratch, patch, stages, seconds)
        outcome = caught or "NOT CAUGHT"
    except Broken as broken:
        caught, outcome = None, f"FAILED: {broken}"
    finally:
        scratch.restore(patch)
    print(f"{patch.number:3} {patch.name:<40} {outcome:<70} {time.monotonic() - began:6.1f} s", flush=True)
    return bool(caught)


def all_of(wanted, stages, folder):
    scratch = Scratch(folder)
    scratch.setup()
    seconds = prove(scratch, stages)
    caught = [meet(scratch, patch, stages, seconds) for patch in wanted]
    return sum(caught), len(caught) - sum(caught)


def main(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="only these; without any, or all: every patch")
    parser.add_argument("--through", choices=STAGES, default=STAGES[-1], help="the last stage that is asked")
    parser.add_argument("--scratch", type=Path, metavar="FOLDER", help="where the copy is kept for the next call")
    options = parser.parse_args(words)
    stages = STAGES[:STAGES.index(options.through) + 1]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that nothing outlives this
    try:
        wanted = patches([int(word) for word in options.numbers if word != "all"])
        if options.scratch:
            passed, failed = all_of(wanted, stages, options.scratch.resolve())
        else:
            with tempfile.TemporaryDirectory(prefix="dibs-planted-") as folder:
                passed, failed = all_of(wanted, stages, Path(folder))
    except (Broken, ValueError) as broken:
        print(f"planted.py: {broken}", file=sys.stderr)
        passed, failed = 0, 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
