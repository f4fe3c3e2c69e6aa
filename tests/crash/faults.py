#!/usr/bin/python3
"""What the system refuses: disk calls that fail, and memory, descriptors and threads that run out.

    tests/crash/faults.py [--disk N] [--each N | --all] [--seed S] [--only KIND]

A preloaded library (faults.c) makes chosen calls of the server fail. In two parts:

    the disk   under load, the how many-th write, sync, rename… on a segment, a snapshot or the read model fails, once or
               for ever. A failed sync also loses what it was to make durable, as a real one does, so that whoever tried
               it again and then acknowledged is found out. A fault of the log ends the server with 4; one of snapshots
               or of the read model does not end it; a full disk only makes claims wait.
    the rest   through start, serving and stop the N-th call for memory, a descriptor, a thread fails, once or from then
               on for ever. The server ends by itself with a clear line, or goes on; it does not crash, nor hang.

After each one the server is started without a fault: everything that was acknowledged is looked at, and `dibs audit`
has its say. A fault is a test; the last line is "N passed, N failed".
"""

import argparse
import asyncio
import collections
import errno
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from book import Book, Violation, require
from check import Check
from client import Gone
from crowd import Crowd
from page import Page
from server import Server

CONNECTIONS = 8
FIRE_SECONDS = 40.0   # in which the calls that are to fail come about
END_SECONDS = 10.0    # in which a server ends whose log is gone
ASK_SECONDS = 5.0     # for one round of questions to a server in want
SOME_ORDERS = 20      # there is to be something that could be lost
STATUSES = (0, 1, 4)
FEW = 24              # of so many calls each one fails, in a short campaign too
# Known, and nothing that we could mend: libuv calls abort() where the kernel refuses to watch a descriptor, or refuses a
# thread of its pool right after it has given as many for a trial; OpenSSL, when it has no memory at its first use, goes
# on with a lock that is not there. Such an end is told and counted by itself; nothing may be lost by it either.
LIBRARIES = ("libuv.so", "libcrypto.so")
CRASHED = (-signal.SIGABRT, -signal.SIGSEGV)

LOG, SIDE, FULL = "ends", "goes on", "waits"

# What fails under load: name, action, calls, files, errands, errno, and what must come of it.
DISK = [
    ("a sync", "lose", ["sync_data"], ["segment"], [], errno.EIO, LOG),
    ("a write", "fail", ["write"], ["segment"], [], errno.EIO, LOG),
    ("a write without room", "fail", ["write"], ["segment"], [], errno.ENOSPC, LOG),
    ("a short write", "short", ["write"], ["segment"], [], 0, LOG),
    ("a sync in a change of segments", "lose", ["sync_data"], ["blank"], ["rotation"], errno.EIO, LOG),
    ("a write in a change of segments", "fail", ["write"], ["blank"], ["rotation"], errno.EIO, LOG),
    ("a rename in a change of segments", "fail", ["rename"], ["segment"], ["rotation"], errno.EIO, LOG),
    ("a folder's sync in a change of segments", "fail", ["sync_all"], ["folder"], ["rotation"], errno.EIO, LOG),
    ("a sync of the next segment", "fail", ["sync_all", "flush"], ["blank"], ["none"], errno.EIO, LOG),
    ("no room for the next segment", "fail", ["allocate", "write"], ["blank"], ["none"], errno.ENOSPC, FULL),
    ("a snapshot", "fail", ["open", "write", "sync_all", "rename"], ["snapshot"], ["snapshot"], errno.EIO, SIDE),
    ("a snapshot without room", "fail", ["write"], ["snapshot"], [], errno.ENOSPC, SIDE),
    ("the read model", "fail", ["write", "sync_data"], ["store"], [], errno.EIO, SIDE),
    ("the read model without room", "fail", ["write"], ["store"], [], errno.ENOSPC, SIDE),
    ("the archive", "fail", ["rename"], ["archive"], [], errno.EIO, SIDE),
]

# What runs out: calls, errno.
SHORT = {
    "memory": (["memory", "map"], errno.ENOMEM),
    "descriptors": (["open", "descriptor", "accept"], errno.EMFILE),
    "threads": (["thread"], errno.EAGAIN),
    "watches": (["epoll_ctl"], errno.ENOSPC),
    "reading": (["read"], errno.EIO),
}


class Play:
    def __init__(self, folder, dice):
        self.dice, self.page = dice, Page(folder / "page")
        self.server = Server(folder / "data", self.page)
        self.crowd = Crowd(self.server, Book(), dice, CONNECTIONS)
        self.check = Check(self.crowd)

    async def start(self):
        self.page.disarm()
        self.server.launch()
        await self.server.ready()

    async def open_drop(self):
        connection = self.crowd.connection()
        await self.crowd.open_drop(connection)
        connection.close()

    async def crowd_until_fired(self):
        end = time.monotonic() + FIRE_SECONDS
        await self.crowd.run(lambda: end - time.monotonic() if not self.page.fired() else 0)

    async def crowd_for(self, seconds):
        end = time.monotonic() + seconds
        await self.crowd.run(lambda: end - time.monotonic() if self.server.process.poll() is None else 0)

    def last_line(self):
        return (self.server.stderr().splitlines() or [""])[-1]

    async def look(self):
        """Without a fault: all that is new, and the audit of the data at rest."""
        await self.start()
        await self.check.after_kill()
        if len(self.crowd.book.orders) < SOME_ORDERS:
            await self.open_drop()
            await self.crowd_for(0.2)
        require(self.server.stop() == 0, "a graceful stop without a fault did not end with 0")
        self.server.audit()


# ---- the disk ----

async def ends_with_4(play):
    try:
        status = play.server.process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        raise Violation(f"its log has failed, and it lives on: {play.server.stderr()}") from None
    require(status == 4 and '"event":"failed"' in play.last_line(), f"ended with {status}: {play.server.stderr()}")


async def goes_on(play):
    """Claims and reads are answered, with or without the side that fails; and without it again when it is over."""
    require(play.server.process.poll() is None, f"ended: {play.server.process.returncode}: {play.server.stderr()}")
    play.page.disarm()
    await play.crowd_for(0.3)
    require(play.server.stop() == 0, f"a graceful stop ended badly: {play.server.stderr()}")


async def one_disk_fault(play, row, times):
    _, action, calls, files, errands, number, outcome = row
    await play.start()
    await play.open_drop()
    most = 3 if "rotation" not in errands else 1
    play.page.arm(action, calls, files, errands, nth=play.dice.randint(1, most), times=times, number=number)
    await play.crowd_until_fired()
    require(play.page.fired(), "what was to fail has not come about")
    if outcome == FULL:
        await play.crowd_for(0.5)  # until the open segment is full, or not yet
    await (ends_with_4 if outcome == LOG else goes_on)(play)
    await play.look()


# ---- what runs out ----

async def quietly(doing):
    """In want, the server may leave a connection or a question unanswered: that is not yet wrong."""
    try:
        await asyncio.wait_for(doing, ASK_SECONDS)
        return True
    except (Gone, asyncio.TimeoutError):
        return False


async def some_questions(play):
    """A little of everything, in one order, so that the N-th call is nearly the same one every time."""
    connection = play.crowd.connection()
    try:
        if len(play.crowd.book.drops) < 2:
            await play.crowd.open_drop(connection)
        for _ in range(4):
            await play.crowd.claim(connection)
        await play.crowd.confirm(connection)
        await play.crowd.claim_again(connection)
        await play.crowd.cancel(connection)
        await play.crowd.read(connection)
        drop = list(play.crowd.book.drops)[0]
        for path in (f"/v1/drops/{drop}", f"/v1/drops/{drop}/orders?limit=5", f"/v1/drops/{drop}/stats", "/metrics"):
            await connection.ask("GET", path)
    finally:
        connection.close()


async def serve_in_want(play):
    """Start, serving, stop, as far as it comes. Returns how it ended."""
    play.server.launch()
    serves = await asyncio.wait_for(play.server.ready_or_ended(), 20)
    if serves:
        for _ in range(2):
            await quietly(some_questions(play))
            if play.server.process.poll() is not None:
                break
    if play.server.process.poll() is None:
        return play.server.stop(20)
    return play.server.process.wait()


def crashed_in(said):
    """The library, or the program, in which a crash began; "" when there was none."""
    for line in said.splitlines():
        frame = re.match(r"(\S+?)\(.*\[0x", line)
        name = os.path.basename(frame.group(1)) if frame else "libc.so"
        if not name.startswith(("libc.so", "faults.so")):
            return name
    return ""


def waits_for_descriptors(play, kind):
    """Nobody can be let in while there are none at all; it says so, waits for some, and heeds a stop."""
    return kind == "descriptors" and '"event":"accept_paused"' in play.server.stderr()


async def one_want(play, kind, nth, times, result):
    calls, number = SHORT[kind]
    play.page.arm("fail", calls, nth=nth, times=times, number=number)
    try:
        status = await serve_in_want(play)
    except asyncio.TimeoutError:
        if not waits_for_descriptors(play, kind):
            play.server.end()
            raise Violation(f"it neither serves nor ends: {play.server.stderr()}") from None
        status = play.server.stop(20)
    line = play.last_line()
    result.fired += play.page.fired() > 0
    where = crashed_in(play.server.stderr())
    if status in CRASHED and where.startswith(LIBRARIES):
        result.aborted[f"{where}, for want of {kind}"] += 1
        return await play.look()
    require(status in STATUSES, f"ended with {status}: {line}")
    require(status == 0 or line.startswith("dibs serve: ") or '"event":"failed"' in line,
            f"ended with {status} and no clear line: {line}")
    await play.look()


async def how_many(play, calls):
    """How often it asks for such in one whole run without a fault."""
    play.page.arm("count", calls)
    status = await serve_in_want(play)
    require(status == 0, f"without a fault it ended with {status}: {play.server.stderr()}")
    require(play.page.matched(), "no such call was seen: the library is not at work")
    return play.page.matched()


def chosen(options, dice, count):
    """All of 1 to count, or so many of them: some of the first, where a start lies, the others anywhere."""
    if options.all or count <= FEW:
        return list(range(1, count + 1))
    early = [1 + int((count - 1) * dice.random() ** 3) for _ in range((options.each + 1) // 2)]
    return sorted(set(early + [dice.randint(1, count) for _ in range(options.each // 2)]))


# ---- the whole ----

class Result:
    def __init__(self):
        self.passed, self.failed, self.why = 0, 0, collections.Counter()
        self.aborted, self.fired = collections.Counter(), 0

    async def of(self, name, doing, play):
        try:
            await doing
            self.passed += 1
            return
        except (Violation, Gone, OSError, ValueError, subprocess.TimeoutExpired) as fault:
            play.server.end()
            why = str(fault) or type(fault).__name__
            said = play.server.stderr()
        self.failed += 1
        self.why[why[:300]] += 1
        if self.why[why[:300]] <= 3:
            print(f"FAILED {name}: {why}\n{said}", flush=True)


async def disk_faults(folder, options, result):
    begun = time.monotonic()
    rows = [(row, times) for row in DISK for times in (1, 0)]
    dice = random.Random(options.seed)
    play = Play(folder, dice)
    for number in range(options.disk):
        row, times = rows[number % len(rows)]
        await result.of(f"{row[0]}, {'once' if times else 'for ever'}", one_disk_fault(play, row, times), play)
    play.server.end()
    print(f"{options.disk} faults of the disk, {len(play.crowd.book.orders)} orders, {play.crowd.book.checks} looked at "
          f"again, {time.monotonic() - begun:.0f} s", flush=True)


async def wants(folder, options, result):
    """Each kind on a directory of its own: the first start of all is one of those that fail."""
    for kind, (calls, _) in SHORT.items():
        if options.only and kind != options.only:
            continue
        begun, dice = time.monotonic(), random.Random(options.seed)
        (folder / kind).mkdir()
        play, trial = Play(folder / kind, dice), Play(folder, dice)
        shutil.rmtree(folder / "data", ignore_errors=True)
        count, result.fired = await how_many(trial, calls), 0
        numbers = chosen(options, dice, count)
        for at, nth in enumerate(numbers):
            if at % 50 == 49:
                print(f"{kind}: {2 * at} faults, {time.monotonic() - begun:.0f} s", flush=True)
            for times in (1, 0):
                await result.of(f"{kind}: call {nth}, {'once' if times else 'for ever'}",
                                one_want(play, kind, nth, times, result), play)
        print(f"{kind}: {count} calls in a run, {2 * len(numbers)} faults, {result.fired} of them befell it, {len(play.crowd.book.orders)} orders, "
              f"{play.crowd.book.checks} looked at again, {time.monotonic() - begun:.0f} s", flush=True)


async def campaign(folder, options):
    result = Result()
    (folder / "disk").mkdir()
    if options.disk:
        await disk_faults(folder / "disk", options, result)
    if options.each or options.all:
        await wants(folder, options, result)
    for why, times in result.why.most_common():
        print(f"  {times:>5}  {why}")
    for kind, times in result.aborted.items():
        print(f"  {times:>5}  crashed in {kind}")
    return result.passed, result.failed


def arguments():
    parser = argparse.ArgumentParser(description="what the system refuses, and what comes of it")
    parser.add_argument("--disk", type=int, default=30, help="faults of the disk")
    parser.add_argument("--each", type=int, default=6, help="of the calls that may fail, so many of each kind")
    parser.add_argument("--all", action="store_true", help="every one of them")
    parser.add_argument("--only", choices=list(SHORT), help="one kind of want")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    options = arguments()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dibs-faults-"))
    try:
        passed, failed = asyncio.run(campaign(folder, options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
