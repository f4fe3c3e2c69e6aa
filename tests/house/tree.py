"""What the house tests look at: the files of this tree as git knows them, and the tables of docs/ARCHITECTURE.md.

Standard library only. `python3 -m unittest discover tests/house` runs these tests without pytest too.
"""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("DIBS_BUILD", ROOT / "build"))
ARCHITECTURE = ROOT / "docs" / "ARCHITECTURE.md"


def files(*patterns):
    """The files that are or will be in git, by git's own patterns."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return sorted(ROOT / name for name in set(listed.split("\0")) - {""} if (ROOT / name).is_file())


def is_fuzz_input(path):
    """Any bytes at all: not a text of ours."""
    return name_of(path).startswith(("tests/fuzz/corpus/", "tests/fuzz/crashes/"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def table(heading, path=ARCHITECTURE):
    """The rows of the first table under a heading, each a dict by column; backticks are taken off."""
    text = path.read_text()
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    assert found, f"{name_of(path)} has no heading {heading!r}"
    lines = [line for line in found.group(1).splitlines() if line.startswith("|")]
    assert len(lines) > 2, f"{name_of(path)} has no table under {heading!r}"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(rows[0], (cell.replace("`", "") for cell in row))) for row in rows[2:]]


def words(cell):
    """`base, core` as a set; nobody, all and a dash are for the caller."""
    return {word.strip() for word in cell.split(",") if word.strip()}


def includes(path):
    """The #include lines of a file: (line number, "quoted" or "angled", what is included)."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if found:
            yield number, "quoted" if found.group(1) else "angled", found.group(1) or found.group(2)
