"""The binary is hardened as meson.build says: read from the file itself, so that no lost flag goes unseen."""

import re
import subprocess
import unittest

import tree

BINARY = tree.BUILD / "src" / "cli" / "dibs"


def readelf(*options):
    return subprocess.run(["readelf", "-W", *options, str(BINARY)], capture_output=True, text=True, check=True).stdout


class Hardened(unittest.TestCase):
    def test_it_loads_anywhere(self):
        self.assertRegex(readelf("-h"), r"Type:\s+DYN")
        self.assertRegex(readelf("-d"), r"FLAGS_1.*\bPIE\b")

    def test_its_tables_are_read_only_before_main(self):
        self.assertIn("GNU_RELRO", readelf("-l"))
        self.assertRegex(readelf("-d"), r"BIND_NOW|FLAGS_1.*\bNOW\b")

    def test_no_part_is_both_writable_and_executable(self):
        flags = re.findall(r"^\s+(LOAD|GNU_STACK)\s.*\s([R ][W ][E ])\s", readelf("-l"), re.M)
        self.assertGreater(len(flags), 3)
        self.assertEqual([row for row in flags if "W" in row[1] and "E" in row[1]], [])
        self.assertTrue(any(kind == "GNU_STACK" for kind, _ in flags))

    def test_stacks_are_guarded_and_copies_checked(self):
        needed = readelf("--dyn-syms")
        self.assertIn("__stack_chk_fail", needed)
        self.assertRegex(needed, r"__\w+_chk\b.*GLIBC|__(mem|str|f?printf|vsnprintf|snprintf|read)\w*_chk")

    def test_it_asks_for_no_library_by_path(self):
        dynamic = readelf("-d")
        self.assertNotIn("RPATH", dynamic)

    def test_branches_are_tracked(self):
        """-fcf-protection: a function that may be called by pointer begins with endbr64 (x86 only)."""
        if "X86-64" not in readelf("-h"):
            self.skipTest("x86-64 only")
        code = subprocess.run(["objdump", "-d", "--disassemble=main", str(BINARY)], capture_output=True, text=True,
                              check=True).stdout
        self.assertRegex(code, r"<main>:\n[^\n]*endbr64")


if __name__ == "__main__":
    unittest.main()
