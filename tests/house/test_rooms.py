"""Who may know whom: the tables "Rooms" and "Outside technologies" of docs/ARCHITECTURE.md, held against every
#include of src/."""

import fnmatch
import unittest

import tree

ROOMS = {row["room"]: row for row in tree.table("Rooms")}
TECHNOLOGIES = tree.table("Outside technologies")

# What the C library and the kernel give; everything else in angle brackets is an outside technology and has a row.
SYSTEM_HEADERS = set("""
    assert.h ctype.h errno.h fcntl.h float.h getopt.h inttypes.h limits.h locale.h math.h pthread.h sched.h semaphore.h
    setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h
    time.h unistd.h wchar.h termios.h dirent.h ftw.h glob.h fnmatch.h libgen.h poll.h spawn.h syslog.h netdb.h
    malloc.h endian.h byteswap.h immintrin.h emmintrin.h x86intrin.h nmmintrin.h
    arpa/inet.h netinet/in.h netinet/tcp.h
    sys/epoll.h sys/eventfd.h sys/file.h sys/ioctl.h sys/mman.h sys/param.h sys/prctl.h sys/random.h sys/resource.h
    sys/socket.h sys/stat.h sys/statfs.h sys/statvfs.h sys/syscall.h sys/time.h sys/timerfd.h sys/types.h sys/uio.h
    sys/un.h sys/utsname.h sys/vfs.h sys/wait.h sys/auxv.h sys/sysinfo.h
    sys/queue.h linux/falloc.h linux/fs.h linux/futex.h linux/ioprio.h linux/magic.h
""".split())


def room_of(path):
    return path.relative_to(tree.ROOT / "src").parts[0]


def may_include(room):
    cell = ROOMS[room]["may include"]
    if cell == "all":
        return set(ROOMS)
    return {room} if cell == "nobody" else tree.words(cell) | {room}


def source_files():
    return tree.files("src/*.c", "src/*.h", "src/*.def", "src/*.inc")


class Rooms(unittest.TestCase):
    def test_every_folder_is_a_room_and_every_room_a_folder(self):
        folders = {path.relative_to(tree.ROOT / "src").parts[0] for path in source_files()}
        self.assertEqual(folders, set(ROOMS))

    def test_the_two_columns_say_the_same(self):
        for room, row in ROOMS.items():
            users = {user for user in ROOMS if user != room and room in may_include(user)}
            told = row["may be used by"]
            said = set(ROOMS) - {room} if told == "all" else set() if told == "nobody" else tree.words(told)
            self.assertEqual(said, users, f"{room}: 'may be used by' differs from the others' 'may include'")

    def test_no_two_rooms_know_each_other(self):
        for room in ROOMS:
            for other in may_include(room) - {room}:
                self.assertNotIn(room, may_include(other), f"{room} and {other} know each other")

    def test_every_include_is_allowed(self):
        wrong = []
        for path in source_files():
            allowed = may_include(room_of(path))
            for line, kind, what in tree.includes(path):
                if kind == "quoted" and what.split("/")[0] not in allowed:
                    wrong.append(f"{tree.name_of(path)}:{line}: {what}")
        self.assertEqual(wrong, [], "a room includes what it may not know")

    def test_includes_name_their_room(self):
        wrong = [f"{tree.name_of(path)}:{line}: {what}" for path in source_files()
                 for line, kind, what in tree.includes(path) if kind == "quoted" and "/" not in what]
        self.assertEqual(wrong, [], 'write "room/file.h"')

    def test_there_are_includes_at_all(self):
        self.assertGreater(sum(1 for path in source_files() for _ in tree.includes(path)), 50)


class OutsideTechnologies(unittest.TestCase):
    def rows_for(self, header):
        return [row for row in TECHNOLOGIES
                if any(fnmatch.fnmatch(header, pattern) for pattern in tree.words(row["headers"]))]

    def test_only_the_named_files_include_them(self):
        wrong = []
        for path in source_files():
            name = path.relative_to(tree.ROOT / "src").as_posix()
            for line, kind, what in tree.includes(path):
                if kind == "quoted" or what in SYSTEM_HEADERS:
                    continue
                allowed = set().union(*(tree.words(row["only in"]) for row in self.rows_for(what)), set())
                if not any(fnmatch.fnmatch(name, pattern) for pattern in allowed):
                    wrong.append(f"src/{name}:{line}: <{what}>")
        self.assertEqual(wrong, [], "an outside header that the table does not allow here")

    def test_every_file_in_the_table_includes_what_it_is_named_for(self):
        wrong = []
        for row in TECHNOLOGIES:
            for name in tree.words(row["only in"]):
                included = {what for path in (tree.ROOT / "src").glob(name) for _, _, what in tree.includes(path)}
                if not any(fnmatch.fnmatch(what, pattern) for what in included
                           for pattern in tree.words(row["headers"])):
                    wrong.append(f"{name} does not include {row['headers']}")
        self.assertEqual(wrong, [], "docs/ARCHITECTURE.md names files that have nothing to do with it")

    def test_public_headers_of_other_rooms_show_no_technology(self):
        """What a room offers to others must not make them know the technology behind it."""
        wrong = []
        for path in tree.files("src/*/*.h"):
            if path.stem != room_of(path):
                continue
            wrong += [f"{tree.name_of(path)}:{line}: <{what}>" for line, kind, what in tree.includes(path)
                      if kind == "angled" and what not in SYSTEM_HEADERS]
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
