#!/usr/bin/python3
"""Everything there is against HTTP: raw cases, slow clients, resets.

    tests/http/run.py [--seconds N] [--seed S]

Without --seconds each does its least, which is a stage of `make test`. With it (make http-campaign), a third of the time
goes to random rows of raw cases, a third to attacks, a third to resets. The last line is "N passed, N failed".
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
SLACK_SECONDS = 240


def run(words, seconds):
    """Runs one of them and passes on what it says; (passed, failed)."""
    process = subprocess.Popen([sys.executable, "-u", str(HERE / words[0]), *map(str, words[1:])],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate(timeout=seconds + SLACK_SECONDS)
    except subprocess.TimeoutExpired:
        process.terminate()  # it stops its server
        said = process.communicate()[0] + f"\n{words[0]} took too long"
    print(f"---- {' '.join(map(str, words))}\n{said}", flush=True)
    found = SUMMARY.findall(said)
    passed, failed = map(int, found[-1]) if found else (0, 0)
    return passed, failed if failed or (found and process.returncode == 0) else 1


def main():
    parser = argparse.ArgumentParser(description="Raw cases, slow clients and resets.")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    third = asked.seconds / 3
    rows = ["--seconds", third / 2] if asked.seconds else []  # for each of its two servers
    counts = [run(["raw.py", "--seed", asked.seed, *rows], third),
              run(["resets.py", "--seed", asked.seed, "--seconds", third], third),
              run(["slow.py", "--seconds", third], third)]
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
