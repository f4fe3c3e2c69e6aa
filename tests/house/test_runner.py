"""The runner that counts must itself be right: what it makes of what the runners say."""

import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tree

SPEC = importlib.util.spec_from_file_location("runner", tree.ROOT / "scripts" / "test.py")
runner = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(runner)

GOOD = """[==========] tests: Running 2 test(s).
[ RUN      ] one
[       OK ] one
[ RUN      ] two
[       OK ] two
[==========] tests: 2 test(s) run.
[  PASSED  ] 2 test(s).
"""
BAD = """[==========] tests: Running 2 test(s).
[ RUN      ] one
[       OK ] one
[ RUN      ] two
[  ERROR   ] --- 1 != 2
[  FAILED  ] two
[==========] tests: 2 test(s) run.
[  PASSED  ] 1 test(s).
[  FAILED  ] tests: 1 test(s), listed below:
[  FAILED  ] two

 1 FAILED TEST(S)
"""


def counts(outcome):
    return outcome.passed, outcome.failed


class Counting(unittest.TestCase):
    def meson_report(self, *programs):
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(lambda: __import__("shutil").rmtree(folder))
        (folder / "meson-logs").mkdir()
        (folder / "meson-logs" / "testlog.json").write_text("\n".join(json.dumps(program) for program in programs))
        return folder

    def test_cases_of_cmocka(self):
        self.assertEqual(runner.cmocka_cases(GOOD), (2, 0))
        self.assertEqual(runner.cmocka_cases(BAD), (1, 1))

    def test_programs_of_meson(self):
        good = {"name": "good", "result": "OK", "stdout": GOOD}
        bad = {"name": "bad", "result": "FAIL", "stdout": BAD}
        self.assertEqual(counts(runner.meson_outcome(self.meson_report(good, bad))), (3, 1))

    def test_a_program_that_dies_is_a_failure(self):
        dead = {"name": "dead", "result": "FAIL", "stdout": "[ RUN      ] one\n", "stderr": "Segmentation fault"}
        self.assertEqual(counts(runner.meson_outcome(self.meson_report(dead))), (0, 1))

    def test_a_program_that_shows_nothing_is_a_failure(self):
        mute = {"name": "mute", "result": "OK", "stdout": ""}
        self.assertEqual(counts(runner.meson_outcome(self.meson_report(mute))), (0, 1))

    def test_no_report_is_a_failure(self):
        outcome = runner.meson_outcome(Path(tempfile.gettempdir()) / "there-is-no-such-build")
        self.assertEqual(counts(runner.judged(outcome, 0)), (0, 1))

    def test_what_a_report_does_not_explain(self):
        self.assertEqual(counts(runner.judged(runner.Outcome(5, 0), 0)), (5, 0))
        self.assertEqual(counts(runner.judged(runner.Outcome(5, 0), 1)), (5, 1))
        self.assertEqual(counts(runner.judged(runner.Outcome(5, 2), 1)), (5, 2))
        self.assertEqual(counts(runner.judged(runner.Outcome(5, 0), None)), (5, 1))
        self.assertEqual(counts(runner.judged(runner.Outcome(0, 0), 0)), (0, 1))

    def test_what_cannot_be_run_here_is_no_success_and_no_failure(self):
        said = "import sys; print('7 skipped: cannot here: no loop device'); print('0 passed, 0 failed')"
        outcome = runner.counting_program("skipping", [sys.executable, "-c", said], 1)
        self.assertEqual((outcome.passed, outcome.failed, outcome.skipped), (0, 0, 7))
        self.assertEqual(outcome.why, "cannot here: no loop device")
        silent = runner.counting_program("skipping", [sys.executable, "-c", "print('0 passed, 0 failed')"], 1)
        self.assertEqual(counts(silent), (0, 1))

    def test_junit_of_pytest(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as report:
            report.write('<testsuites><testsuite tests="10" failures="1" errors="2" skipped="3"/></testsuites>')
            report.flush()
            self.assertEqual(counts(runner.junit_outcome(Path(report.name))), (4, 3))

    def test_cases_of_go(self):
        text = "=== RUN   TestA\n--- PASS: TestA (0.00s)\n    --- PASS: TestA/one (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\n"
        self.assertEqual(counts(runner.go_outcome(text)), (1, 1))
        self.assertEqual(counts(runner.go_outcome("lin.go:1: syntax error")), (0, 0))

    def test_builds_come_before_what_stands_on_them(self):
        self.assertEqual(runner.with_needs(["unit-asan", "unit"]), ["build", "unit", "build-asan", "unit-asan"])

    def test_an_unknown_stage_is_wrong_usage(self):
        done = subprocess.run([sys.executable, str(tree.ROOT / "scripts" / "test.py"), "nonsense"], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("nonsense", done.stderr)


if __name__ == "__main__":
    unittest.main()
