"""The planted bugs (tests/planted) keep up with the tree: every patch still applies to it, and says what it breaks."""

import re
import shutil
import subprocess
import unittest

import tree

FOLDER = tree.ROOT / "tests" / "planted"
PATCHES = sorted(FOLDER.glob("*.patch"))
HEAD = re.compile(r"DESIGN §(2|4|5|8)\b[^\n]*\n(?:[^\n]+\n){0,3}The mistake: [^\n]+\n")
NUMBER_OF_THEM = 48


def applies(path):
    """What stands against it: nothing, when it applies."""
    command = (["git", "apply", "--check", path] if shutil.which("git") else
               ["patch", "--dry-run", "--force", "-p1", "-i", path])
    tried = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else tried.stderr + tried.stdout


class Planted(unittest.TestCase):
    def test_there_are_enough(self):
        self.assertGreaterEqual(len(PATCHES), NUMBER_OF_THEM)

    def test_numbers_are_given_once_and_in_order(self):
        numbers = [int(path.name.split("-")[0]) for path in PATCHES]
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_every_head_names_the_sentence_and_the_mistake(self):
        self.assertEqual([path.name for path in PATCHES if not HEAD.match(path.read_text())], [])

    def test_every_patch_still_applies(self):
        """A change that moves what a patch is about takes the patch along, or the mistake is not tried any more."""
        against = {path.name: applies(path) for path in PATCHES}
        self.assertEqual({name: said for name, said in against.items() if said}, {})

    def test_only_sources_are_spoilt(self):
        """A patch that changed a test would prove nothing."""
        files = {name for path in PATCHES for name in re.findall(r"^\+\+\+ b/(\S+)$", path.read_text(), re.M)}
        self.assertEqual([name for name in files if not name.startswith("src/")], [])

    def test_a_patch_that_does_not_fit_is_seen(self):
        spoilt = PATCHES[0].read_text().replace("\n-", "\n-no such line ", 1)
        path = tree.BUILD / "spoilt.patch"
        path.write_text(spoilt)
        try:
            self.assertNotEqual(applies(path), "")
        finally:
            path.unlink()


if __name__ == "__main__":
    unittest.main()
