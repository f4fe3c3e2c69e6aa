"""The page of memory that is shared with the preloaded library (faults.c): where a process is, and what befalls it."""

import mmap
import struct

VERSION = 1
SIZE = 4096
SLOTS_AT, SLOT_SIZE, SLOTS = 256, 16, 64
RULE = struct.Struct("<8I4Q")  # version, armed, calls, files, errands, action, number, delay; from, times, matched, fired

CALLS = ["none", "open", "read", "write", "sync_data", "sync_all", "flush", "allocate", "rename", "remove", "truncate",
         "make_folder", "descriptor", "accept", "epoll_ctl", "memory", "map", "thread"]
FILES = ["other", "segment", "blank", "snapshot", "store", "folder", "lock", "archive"]
ERRANDS = ["none", "recovery", "rotation", "snapshot"]
ACTIONS = ["count", "fail", "short", "lose", "before", "inside", "behind"]
DISK_CALLS = CALLS[1:12]


def bits(names, of):
    return sum(1 << of.index(name) for name in names)


class Page:
    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as file:
            file.truncate(SIZE)
            self.memory = mmap.mmap(file.fileno(), SIZE)
        self.disarm()

    def disarm(self):
        RULE.pack_into(self.memory, 0, VERSION, *[0] * 11)

    def arm(self, action, calls, files=FILES, errands=(), nth=1, times=1, number=0, delay_us=0):
        """times 0: for ever. No errand: any. `count` does nothing to what it counts."""
        self.disarm()
        rule = (bits(calls, CALLS), bits(files, FILES), bits(errands, ERRANDS), ACTIONS.index(action), number, delay_us,
                nth, times, 0, 0)
        RULE.pack_into(self.memory, 0, VERSION, 0, *rule)
        RULE.pack_into(self.memory, 0, VERSION, 1, *rule)

    def matched(self):
        return RULE.unpack_from(self.memory, 0)[10]

    def fired(self):
        return RULE.unpack_from(self.memory, 0)[11]

    def forget_marks(self):
        self.memory[SLOTS_AT:SLOTS_AT + SLOTS * SLOT_SIZE] = bytes(SLOTS * SLOT_SIZE)

    def marks(self):
        """(call, file, errand) of every thread that was in a call or on an errand."""
        for slot in range(SLOTS):
            _, call, file, errand = struct.unpack_from("<4I", self.memory, SLOTS_AT + slot * SLOT_SIZE)
            if call or errand:
                yield CALLS[call], FILES[file], ERRANDS[errand]

    def places(self):
        """Where the process is, or was when it ended: one word for each of its threads that was somewhere."""
        return {place_of(*mark) for mark in self.marks()} - {None} or {"between"}


def place_of(call, file, errand):
    if errand != "none":
        return {"recovery": "recovery", "rotation": "segment change", "snapshot": "snapshot"}[errand]
    if file == "segment":
        return {"write": "write", "sync_data": "sync"}.get(call)
    if file == "blank":
        return "next segment"
    if file == "store":
        return "read model"
    return "archive" if file == "archive" else None
