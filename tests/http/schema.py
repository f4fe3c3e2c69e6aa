#!/usr/bin/python3
"""schemathesis against /openapi.json of a real server: what the description says is what is served.

    tests/http/schema.py [--examples N] [--seconds N] [--seed S]

It makes requests out of the description, well formed and not, with valid credentials, and holds every answer against
it: statuses, types, schemas, headers, what must be refused, what must not be (schema/hooks.py). It is installed from
the package index that pip is configured for, pinned with hashes (schema/requirements.txt), into a virtual environment
below build/; when that cannot be reached, this fails and says so.

Two of its checks are left out. unsupported_method asks with QUERY, a method that llhttp does not know and that is
refused on the wire with 400; raw.py has the methods. positive_data_acceptance is replaced by one that knows the rules
beyond JSON Schema, by name. Every operation is a test, and so is what stands behind it; the last line is "N passed, N
failed".
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from server import DIBS, ROOT, Server

HERE = Path(__file__).resolve().parent / "schema"
REQUIREMENTS = HERE / "requirements.txt"
VENV = Path(os.environ.get("DIBS_VENV", ROOT / "build" / "schemathesis"))
CHECKS_OUT = "unsupported_method,positive_data_acceptance"
PHASES = "examples,coverage,fuzzing"


def installed():
    """The virtual environment, made when it is not there or is of other requirements."""
    mark, wanted = VENV / "requirements.sha256", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    for words in ([sys.executable, "-m", "venv", str(VENV)],
                  [str(VENV / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check",
                   "--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)]):
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            print(done.stdout + done.stderr)
            print("schemathesis could not be installed (above). Is the package index of pip reachable?")
            print("0 passed, 1 failed")
            sys.exit(1)
    mark.write_text(wanted)


def stocked(server):
    """Something of everything, so that not all answers are 404; the ids by parameter."""
    orders, keys = [], []
    for name, spec in {"held": {"hold_seconds": 600}, "sold": {"hold_seconds": 0}}.items():
        server.drop(name, 1000, **spec)
        for buyer in ("ann", "bob"):
            orders.append(server.ask("POST", f"/v1/drops/{name}/buyers/{buyer}/orders")[1]["id"])
    for role in ("shop", "viewer"):
        keys.append(server.ask("POST", "/v1/keys", {"role": role}, Idempotency_Key=role)[1]["id"])
    return {"drop": ["held", "sold"], "buyer": ["ann", "bob"], "order": orders, "key": keys}


def token_of(server, buyer):
    done = subprocess.run([DIBS, "token", "--buyer", buyer, "--data", str(server.data)], capture_output=True, text=True,
                          timeout=30, check=True)
    return done.stdout.strip()


def run(server, asked, report):
    environment = {**os.environ, "PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "hooks", "DIBS_TEST_KEY": server.key,
                   "DIBS_TEST_TOKEN": token_of(server, "ann"), "DIBS_TEST_KNOWN": json.dumps(stocked(server))}
    words = [str(VENV / "bin" / "st"), "run", f"http://127.0.0.1:{server.port}/openapi.json", "--checks", "all",
             "--exclude-checks", CHECKS_OUT, "--phases", PHASES, "--max-examples", str(asked.examples), "--seed",
             str(asked.seed), "--no-color", "--continue-on-failure", "--generation-database", "none", "--warnings",
             "off", "--suppress-health-check", "all", "--report", "junit", "--report-junit-path", str(report)]
    if asked.seconds:
        words += ["--max-time", str(int(asked.seconds))]
    return subprocess.run(words, env=environment, cwd=server.folder, stdin=subprocess.DEVNULL, check=False,
                          timeout=asked.seconds + 600).returncode


def cases(report):
    """(passed, failed) as the report counts them: an operation is one case."""
    passed = failed = 0
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        wrong = case.find("failure") is not None or case.find("error") is not None
        passed, failed = passed + (not wrong), failed + wrong
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description="schemathesis against a real server.")
    parser.add_argument("--examples", type=int, default=15, help="requests for an operation and phase, at most")
    parser.add_argument("--seconds", type=float, default=0, help="go on until then")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    installed()
    server = Server()
    try:
        report = server.folder / "junit.xml"
        status = run(server, asked, report)
        passed, failed = cases(report) if report.exists() else (0, 1)
        for what, wrong in (("schemathesis says that all is well", status),
                            ("it tested operations", passed + failed < 20),
                            ("nothing was logged", server.said_since_start()), ("the server stops", server.stop()),
                            ("every promise is kept", server.audit()[0])):
            passed, failed = passed + (not wrong), failed + bool(wrong)
            if wrong:
                print(f"FAILED {what}: {wrong}")
    finally:
        server.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
