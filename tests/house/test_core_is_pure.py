"""The core does no I/O, reads no clock, starts no thread and takes no memory per command: what its objects ask of the
rest of the program is this list and nothing else."""

import collections
import subprocess
import unittest

import tree

LIBRARY = tree.BUILD / "src" / "core" / "libcore.a"
BASE = tree.BUILD / "src" / "base" / "libbase.a"

# Of the C library: what only reads and writes the memory that it is handed.
PURE_C = set("""
    memcpy memmove memset memcmp memchr strlen strcmp strncmp strnlen __memcpy_chk __memmove_chk __memset_chk
    __stack_chk_fail abort
""".split())
# Of base: functions of their arguments.
PURE_BASE = set("""
    blake2b256 blake_stream_init blake_stream_add blake_stream_end digest128 crc32c error_set must_failed
    deadline_heap_bytes deadline_heap_init deadline_heap_set deadline_heap_remove
    rfc3339_format rfc3339_parse text_is_visible text_is_id text_is_utf8 text_to_u64
""".split())
# Allowed to one object each, and why.
MEMORY = {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "free", "mmap", "mmap64", "munmap", "madvise"}
BUFFERS = {"buf_put", "buf_text", "buf_str", "buf_u64", "buf_i64", "buf_printf", "buf_json", "buf_reserve", "buf_fini"}
EXCEPTIONS = {
    "pools.c": MEMORY,  # the one place where core_new() takes everything and core_free() gives it back
    "command_print.c": BUFFERS,  # `dibs log show`: a line of text per record, never in core_apply()
}

# (object, name) of tables that a constructor fills once, before main(), and nobody changes afterwards.
MADE_BEFORE_MAIN = {("verdict.c.o", "names")}


def symbols(library, *options):
    """{object: symbols} of a static library, as nm tells."""
    out = subprocess.run(["nm", "-A", "-P", *options, str(library)], capture_output=True, text=True, check=True).stdout
    found = collections.defaultdict(set)
    for line in out.splitlines():
        place, symbol = line.split(": ", 1)
        member = place.split("[", 1)[-1].rstrip("]")
        found[member.removesuffix(".o")].add(symbol.split()[0].split("@")[0])
    return found


def exceptions_of(member):
    return set().union(*(allowed for name, allowed in EXCEPTIONS.items() if member.endswith(name)), set())


@unittest.skipUnless(LIBRARY.exists(), "core is not built")
class CoreIsPure(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.needs = symbols(LIBRARY, "--undefined-only")
        cls.own = set().union(*symbols(LIBRARY, "--defined-only").values())
        cls.base = set().union(*symbols(BASE, "--defined-only").values())

    def test_it_asks_for_nothing_that_acts(self):
        wrong = {}
        for member, needed in self.needs.items():
            extra = needed - self.own - PURE_C - PURE_BASE - exceptions_of(member) - {"_GLOBAL_OFFSET_TABLE_"}
            if extra:
                wrong[member] = sorted(extra)
        self.assertEqual(wrong, {}, "core asks for what may do I/O, read a clock, allocate or start a thread")

    def test_the_list_of_base_is_of_base(self):
        self.assertEqual(PURE_BASE - self.base, set())

    def test_it_was_looked_at(self):
        self.assertIn("core_apply", self.own)
        self.assertIn("core_decide", self.own)
        self.assertGreater(len(self.needs), 3)

    def test_no_object_keeps_state_of_its_own(self):
        """A fold is a function of its arguments: no writable global but what is const."""
        out = subprocess.run(["nm", "-A", "-P", "--defined-only", str(LIBRARY)], capture_output=True, text=True,
                             check=True).stdout
        writable = [line for line in out.splitlines() if line.split(": ", 1)[1].split()[1] in "BbDdCGgSs"
                    and not line.split(": ", 1)[1].startswith((".", "__"))]
        self.assertEqual([line for line in writable if not is_constant(line)], [])


def is_constant(line):
    """Tables of constant pointers stand in .data.rel.ro: written by the loader, read-only before main()."""
    place, symbol = line.split(": ", 1)
    member = place.split("[", 1)[-1].rstrip("]")
    if any(member.endswith(file) and symbol.split()[0] == name for file, name in MADE_BEFORE_MAIN):
        return True
    out = subprocess.run(["objdump", "-t", str(LIBRARY)], capture_output=True, text=True, check=True).stdout
    inside = ""
    for row in out.splitlines():
        if row.endswith("elf64-x86-64") or "file format" in row:
            inside = row.split(":")[0].strip()
        elif inside == member and row.split()[-1:] == [symbol.split()[0]]:
            return ".data.rel.ro" in row
    return False


if __name__ == "__main__":
    unittest.main()
