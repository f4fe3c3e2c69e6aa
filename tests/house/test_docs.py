"""The documents name what is there: files, links, settings, decisions."""

import re
import unittest
from pathlib import PurePosixPath

import tree

DOCS = tree.files("*.md")
# A word in backticks is a path of this tree when it begins with one of these.
TOP = ("src/", "tests/", "docs/", "scripts/", "deploy/", "bench/", ".ci/")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
BUILT = ("build/", "build-asan/", "build-tsan/", "build-fuzz/")


def without_blocks(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def rooms():
    return {path.relative_to(tree.ROOT / "src").parts[0] for path in tree.files("src/*")} - {"meson.build"}


def named_paths(text):
    """Words in backticks that look like a file or folder of the tree, or like one of a room (`core/verdict.def`)."""
    for word in CODE.findall(without_blocks(text)):
        if re.search(r"[\s<>{}*…()$=]|NNNN", word) or word.startswith(BUILT):
            continue
        word = word.split(":")[0]
        if word.startswith(TOP):
            yield tree.ROOT / word
        elif word.split("/")[0] in rooms() and PurePosixPath(word).suffix in (".c", ".h", ".def", ".sql"):
            yield tree.ROOT / "src" / word


class Docs(unittest.TestCase):
    def test_files_that_are_named_exist(self):
        wrong = [f"{tree.name_of(doc)}: {path.relative_to(tree.ROOT)}" for doc in DOCS
                 for path in named_paths(doc.read_text()) if not path.exists()]
        self.assertEqual(wrong, [])

    def test_links_resolve(self):
        wrong = []
        for doc in DOCS:
            for target in LINK.findall(without_blocks(doc.read_text())):
                if not re.match(r"[a-z]+:", target) and not (doc.parent / target).exists():
                    wrong.append(f"{tree.name_of(doc)}: {target}")
        self.assertEqual(wrong, [])

    def test_the_documents_that_everybody_looks_for_are_there(self):
        for name in ("README.md", "CHANGELOG.md", "LICENSE", "docs/ARCHITECTURE.md", "docs/HACKING.md",
                     "docs/FORMATS.md", "docs/OPERATIONS.md"):
            self.assertGreater(len((tree.ROOT / name).read_text()), 400, name)

    def test_nothing_is_left_to_be_filled_in(self):
        mark = re.compile("|".join(["TO" + "DO", "FIX" + "ME", r"\bX{3}\b", "PLACE" + "HOLDER"]))
        wrong = [f"{tree.name_of(path)}:{number}" for path in text_files()
                 for number, line in enumerate(path.read_text().splitlines(), 1) if mark.search(line)]
        self.assertEqual(wrong, [])

    def test_decisions_have_context_choice_and_consequence(self):
        decisions = tree.files("docs/decisions/*.md")
        self.assertGreater(len(decisions), 2)
        for number, path in enumerate(decisions, 1):
            self.assertTrue(path.name.startswith(f"{number:04}-"), f"{path.name}: numbers are without gaps")
            for part in ("Context", "Choice", "Consequence"):
                self.assertRegex(path.read_text(), rf"(?m)^(## {part}$|\*\*{part}\.\*\*)", path.name)

    def test_every_make_verb_in_the_documents_is_one(self):
        verbs = set(re.findall(r"^([a-z-]+):", (tree.ROOT / "Makefile").read_text(), re.M))
        wrong = [f"{tree.name_of(doc)}: make {verb}" for doc in DOCS
                 for verb in re.findall(r"`make ([a-z-]+)", doc.read_text()) if verb not in verbs]
        self.assertEqual(wrong, [])


SETTINGS = tree.ROOT / "src" / "cli" / "settings.def"


def settings():
    """The names of all settings, as users write them: SETTING(NAME, "name", …)."""
    return re.findall(r'^SETTING\(\w+,\s*"([a-z0-9-]+)"', SETTINGS.read_text(), re.M)


@unittest.skipUnless(SETTINGS.exists(), "no settings yet")
class Settings(unittest.TestCase):
    def written_in(self, name):
        text = (tree.ROOT / name).read_text().replace("\\-", "-")
        return [setting for setting in settings()
                if not re.search(rf"(?<![\w]){re.escape(setting)}(?![\w-])", text)]

    def test_there_are_settings(self):
        self.assertGreater(len(settings()), 10)

    def test_operations_explains_every_setting(self):
        self.assertEqual(self.written_in("docs/OPERATIONS.md"), [])

    def test_the_manual_page_has_every_setting(self):
        self.assertEqual(self.written_in("deploy/dibs.1"), [])


def text_files():
    binary = {".png", ".ico", ".gz", ".snap", ".seg"}
    return [path for path in tree.files() if path.suffix not in binary and path.name != "LICENSE"
            and not tree.is_fuzz_input(path)]


if __name__ == "__main__":
    unittest.main()
