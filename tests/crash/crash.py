#!/usr/bin/python3
"""kill -9 at any moment, under load: after the restart every acknowledged answer still holds.

    tests/crash/crash.py [--kills N] [--seed S] [--connections N] [--dir FOLDER] [--keep]

Starts `dibs serve` (DIBS_BIN, default build/src/cli/dibs) on a throw-away data directory with small segments and
frequent snapshots (server.py), and a crowd that writes down every answer (crowd.py, book.py). Then, N times: kill -9,
start again, and look whether what was told is so (check.py). At the end everything is looked at once more, and
`dibs audit` has its say.

Some kills fall at a random moment: under load, while it starts, while it stops. The others are aimed: a preloaded
library (faults.c) kills the process before, inside or behind a chosen call, so that those places are met that take up
little of the time. Where each kill fell is read from the marks that the process left, and told in a table; from 100
kills on, fewer than ten in a write, a sync, a change of segments, a snapshot or a recovery is a failure.

Every kill is a test, and every check at the end; the last line is "N passed, N failed". The seed decides what is asked
and when; the machine decides the rest.
"""

import argparse
import asyncio
import collections
import pathlib
import random
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
from page import DISK_CALLS, FILES, Page
from server import Server

AIM_SECONDS = 8.0  # what does not come about in this time is not waited for: a kill at random then
MUST_BE_MET = ["write", "sync", "segment change", "snapshot", "recovery"]
MET_AT_LEAST, MET_FROM_KILLS = 10, 100

# What is aimed at under load: calls, files, errands, and the how many-th such call at most.
AIMS = {
    "write": (["write"], ["segment"], ["none"], 40),
    "sync": (["sync_data"], ["segment"], ["none"], 40),
    "segment change": (DISK_CALLS, FILES, ["rotation"], 5),
    "snapshot": (DISK_CALLS, FILES, ["snapshot"], 6),
    "next segment": (DISK_CALLS, ["blank"], ["none"], 4),
    "archive": (["rename", "sync_all"], ["archive", "folder"], ["none"], 3),
    "read model": (DISK_CALLS, ["store"], ["none"], 40),
}


class Tally:
    """Where the kills fell. One may have fallen in several places: the threads do not wait for each other."""

    def __init__(self):
        self.kills, self.aimed, self.missed = 0, 0, 0
        self.places = collections.Counter()
        self.calls = collections.Counter()

    def note(self, page):
        self.kills += 1
        self.places.update(page.places())
        self.calls.update({f"{call} of {file}" + (f" in a {errand}" if errand != "none" else "")
                           for call, file, errand in page.marks() if call != "none"})

    def table(self):
        lines = [f"{self.kills} kills, {self.aimed} of them aimed, of which {self.missed} found no target"]
        lines += [f"  {place:<16}{count:>6}" for place, count in self.places.most_common()]
        return "\n".join(lines + [f"    {count:>6}  {call}" for call, count in self.calls.most_common(40)])

    def lacking(self):
        return {place: self.places[place] for place in MUST_BE_MET if self.places[place] < MET_AT_LEAST}


# ---- kills ----

def aim(page, dice, calls, files, errands, most):
    page.arm(dice.choice(["before", "inside", "inside", "behind"]), calls, files, errands,
             nth=dice.randint(1, most), delay_us=int(1000 * dice.random() ** 3))


async def crowd_until(server, crowd, seconds):
    """The crowd asks until the server is gone, or until the time is over."""
    end = time.monotonic() + seconds
    await crowd.run(lambda: end - time.monotonic() if server.process.poll() is None else 0)


def target(dice, tally):
    """Mostly where the fewest kills fell so far, so that a short campaign meets every place too."""
    rarest = min((place for place in MUST_BE_MET if place in AIMS), key=lambda place: tally.places[place])
    return rarest if dice.random() < 0.6 else dice.choice(list(AIMS))


async def kill_in_a_place(server, crowd, dice, tally):
    """The crowd asks until the server comes to where it is killed."""
    tally.aimed += 1
    aim(server.page, dice, *AIMS[target(dice, tally)])
    await crowd_until(server, crowd, AIM_SECONDS)
    tally.missed += server.page.fired() == 0
    server.kill9()


async def kill_under_load(server, crowd, dice, tally):
    """The crowd asks; somewhere in between the process is gone."""
    at = dice.choice([0.01, 0.05, 0.1, 0.2, 0.3]) * dice.random() + 0.002

    async def killer():
        await asyncio.sleep(at)
        server.process.kill()

    await asyncio.gather(crowd_until(server, crowd, 10), killer())
    server.kill9()


async def kill_while_stopping(server, crowd, dice, tally):
    """A graceful stop under load that does not come to its end."""
    async def killer():
        await asyncio.sleep(0.1 * dice.random())
        server.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.1 * dice.random())
        server.process.kill()

    await asyncio.gather(crowd_until(server, crowd, 10), killer())
    server.kill9(may_have_stopped=True)


async def kill_while_starting(server, dice, tally):
    """Recovery itself is killed; what it left is what the next one finds."""
    if dice.random() < 0.7:
        aim(server.page, dice, DISK_CALLS, FILES, ["recovery"], 40)
        tally.aimed += 1
    server.launch()
    await asyncio.sleep(0.25 * dice.random() ** 2)
    end = time.monotonic() + 1
    while server.page.fired() and server.process.poll() is None and time.monotonic() < end:
        await asyncio.sleep(0.002)  # the shot is on its way
    server.kill9()
    server.page.disarm()
    tally.note(server.page)


async def one_kill(server, crowd, check, dice, tally):
    how = dice.random()
    if len(crowd.book.drops) < 3 or dice.random() < 0.3:
        connection = crowd.connection()
        await crowd.open_drop(connection)
        connection.close()
    if dice.random() < 0.04:
        server.is_refused_twice()
    way = kill_in_a_place if how < 0.6 else kill_under_load if how < 0.9 else kill_while_stopping
    await way(server, crowd, dice, tally)
    server.page.disarm()
    tally.note(server.page)
    while dice.random() < (0.2 if tally.places["recovery"] * 8 > tally.kills else 0.5):
        await kill_while_starting(server, dice, tally)
    server.launch()
    await server.ready()
    await check.after_kill()


# ---- the whole ----

async def last_look(server, crowd, check):
    """Everything that was ever told; yields (name, what looks)."""
    connection = crowd.connection()

    async def orders():
        await check.all_of(crowd.book.orders.values())

    async def keys():
        await check.keys(connection, list(crowd.book.by_key))

    async def drops():
        for drop in crowd.book.drops:
            await check.drop(connection, drop)

    async def stop():
        connection.close()
        status = server.stop()
        require(status == 0, f"a graceful stop ended with {status}")

    async def audit():
        server.audit()

    return [("every order", orders), ("every key", keys), ("every drop's list, view and statistics", drops),
            ("a graceful stop", stop), ("dibs audit", audit)]


async def tried(name, look):
    try:
        await look
    except (Violation, Gone, subprocess.TimeoutExpired) as violation:
        print(f"FAILED {name}: {violation or type(violation).__name__}", flush=True)
        return False
    return True


def told(tally, options):
    """The table, and whether every place was met: (passed, failed)."""
    print(tally.table())
    if options.kills < MET_FROM_KILLS:
        return 0, 0
    for place, count in tally.lacking().items():
        print(f"FAILED {place}: only {count} kills fell there, fewer than {MET_AT_LEAST}")
    failed = len(tally.lacking())
    return len(MUST_BE_MET) - failed, failed


async def kill_and_look(server, options):
    dice, passed, failed = random.Random(options.seed), 0, 0
    crowd = Crowd(server, Book(), dice, options.connections)
    check, tally = Check(crowd), Tally()
    server.launch()
    await server.ready()
    begun = time.monotonic()
    for number in range(1, options.kills + 1):
        if not await tried(f"kill {number}", one_kill(server, crowd, check, dice, tally)):
            return passed, failed + 1  # what is wrong now would only be found wrong again
        passed += 1
        if number % 50 == 0:
            print(f"{number} kills, {server.starts} starts, {crowd.answers} answers, {len(crowd.book.orders)} orders, "
                  f"{crowd.book.checks} looked at again, {crowd.not_now} told to wait, "
                  f"{time.monotonic() - begun:.0f} s", flush=True)
    for name, look in await last_look(server, crowd, check):
        good = await tried(name, look())
        passed, failed = passed + good, failed + (not good)
    met, unmet = told(tally, options)
    return passed + met, failed + unmet


def arguments():
    parser = argparse.ArgumentParser(description="kill -9 at any moment: what was acknowledged holds")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--dir", help="where the throw-away data directory is made; else where temporary files are")
    parser.add_argument("--keep", action="store_true", help="keep the data directory, and say where it is")
    return parser.parse_args()


def main():
    options = arguments()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dibs-crash-", dir=options.dir))
    server = Server(folder / "data", Page(folder / "page"))
    try:
        passed, failed = asyncio.run(kill_and_look(server, options))
    finally:
        server.end()
        if options.keep:
            print(f"data directory: {folder / 'data'}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
