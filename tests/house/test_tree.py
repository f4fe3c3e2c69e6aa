"""What must not be in the tree: long functions and files, names of machines, code of others."""

import json
import re
import unittest
from pathlib import Path

import tree

FUNCTION_LINES_MAX = 70  # what fits a screen; the median is near 13
FILE_LINES_MAX = 600
FUZZ_INPUTS_MAX, FUZZ_BYTES_MAX = 60, 100_000  # of one target; as scripts/fuzz.py keeps them

# Longer, each for its reason: "path" or "path:function" -> why it is better in one piece.
LONG = {}

TEXT_SUFFIXES = {".c", ".h", ".def", ".py", ".sh", ".md", ".build", ".txt", ".toml", ".cfg", ".ini", ".in", ".sql",
                 ".lua", ".go", ".mod", ".sum", ".yml", ".yaml", ".json", ".1", ".service", ".run", ""}
# In pieces, so that this file does not name what it looks for.
HOSTS = ["registry." + "npmjs", "py" + "pi.org", "files." + "pythonhosted", "proxy." + "golang.org",
         "sum." + "golang.org", "deb." + "debian.org", "security." + "debian.org", "crates" + ".io",
         "registry-1." + "docker", "ghcr" + ".io", "repo." + "maven", "archive." + "ubuntu.com"]
FOLDERS = ["/ho" + "me/", "/ro" + "ot/", "/wo" + "rk/", "/Us" + "ers/", "/mnt" + "/"]


def sources():
    return tree.files("src/*.c", "src/*.h", "tests/*.c", "tests/*.h", "bench/*.c", "bench/*.h")


def functions(path):
    """(name, lines) of every function: .clang-format puts its braces, and only its braces, in the first column."""
    lines = path.read_text().splitlines()
    begin = None
    for number, line in enumerate(lines):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            head = number_of_head(lines, begin)
            name = re.search(r"(\w+)\(", " ".join(lines[head:begin]).split("__attribute__((")[-1])
            yield (name.group(1) if name else "?"), number - head + 1
            begin = None


def number_of_head(lines, begin):
    """Where the function's declaration begins: right behind the last blank line, comment or end before its brace."""
    head = begin
    while head > 0 and lines[head - 1] and not lines[head - 1].startswith((" *", "/*", "}", "#", "//")):
        head -= 1
    return head


class Size(unittest.TestCase):
    def test_no_function_is_long(self):
        long = {f"{tree.name_of(path)}:{name}": count for path in sources() for name, count in functions(path)
                if count > FUNCTION_LINES_MAX}
        self.assertEqual({name: count for name, count in long.items() if name not in LONG}, {})

    def test_no_file_is_long(self):
        long = {tree.name_of(path): len(path.read_text().splitlines()) for path in sources()}
        self.assertEqual({name: count for name, count in long.items()
                          if count > FILE_LINES_MAX and name not in LONG}, {})

    def test_functions_are_found(self):
        found = dict(functions(tree.ROOT / "src" / "base" / "time.c"))
        self.assertGreater(found["rfc3339_parse"], 20)
        self.assertLess(found["clock_wall"], 10)

    def test_exceptions_are_still_needed(self):
        for name in LONG:
            path = tree.ROOT / name.split(":")[0]
            self.assertTrue(path.exists(), name)
            if ":" in name:
                self.assertGreater(dict(functions(path)).get(name.split(":")[1], 0), FUNCTION_LINES_MAX, name)
            else:
                self.assertGreater(len(path.read_text().splitlines()), FILE_LINES_MAX, name)


class Clean(unittest.TestCase):
    def lines(self):
        for path in tree.files():
            if path.suffix in TEXT_SUFFIXES and not tree.is_fuzz_input(path):
                for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                    yield f"{tree.name_of(path)}:{number}", line

    def test_no_registry_host(self):
        self.assertEqual([place for place, line in self.lines() if any(host in line for host in HOSTS)], [])

    def test_no_folder_of_somebody(self):
        self.assertEqual([place for place, line in self.lines() if any(folder in line for folder in FOLDERS)], [])

    def test_no_trailing_space(self):
        self.assertEqual([place for place, line in self.lines() if line != line.rstrip()
                          and not place.startswith(("LICENSE", "deploy/dibs.1"))], [])  # written by the program

    def test_no_copied_source(self):
        """Third-party code comes from Debian's packages; a licence header of somebody else would tell otherwise."""
        mark = re.compile("Copy" + r"right \(c\)|SPDX-" + "License|All rights " + "reserved", re.I)
        self.assertEqual([place for place, line in self.lines() if mark.search(line)
                          and not place.startswith(("LICENSE", "README"))], [])

    def test_scripts_can_be_run(self):
        for path in tree.files("scripts/*.sh", ".ci/run"):
            self.assertTrue(path.stat().st_mode & 0o111, f"{tree.name_of(path)} is not executable")

    def test_every_source_file_is_built(self):
        """A .c file that the build does not know is dead."""
        commands = json.loads((tree.BUILD / "compile_commands.json").read_text())
        built = {(Path(entry["directory"]) / entry["file"]).resolve() for entry in commands}
        wrong = [tree.name_of(path) for path in tree.files("src/*.c", "bench/*.c", "tests/unit/*.c", "tests/fuzz/*.c")
                 if path not in built]
        self.assertEqual(wrong, [])


class FuzzInputs(unittest.TestCase):
    """They are kept few and small: every one of them is run by everybody's `make test`."""

    def test_they_are_few_and_small(self):
        for folder in (tree.ROOT / "tests" / "fuzz" / "corpus").iterdir():
            inputs = list(folder.iterdir())
            self.assertLessEqual(len(inputs), FUZZ_INPUTS_MAX, folder.name)
            self.assertLessEqual(sum(path.stat().st_size for path in inputs), FUZZ_BYTES_MAX, folder.name)

    def test_every_target_has_some(self):
        targets = {path.stem.removeprefix("fuzz_") for path in tree.files("tests/fuzz/fuzz_*.c")}
        folders = {path.parent.name for path in tree.files("tests/fuzz/corpus/*")}
        self.assertEqual(targets, folders)


if __name__ == "__main__":
    unittest.main()
