#!/usr/bin/python3
"""Real disks that fail: a file system that is shut down under load, a sync that fails, no room left.

    tests/crash/disks.py [--shutdowns N] [--syncs N] [--full N] [--seed S]

    shutdowns  ext4 in a loop file is shut down by its own ioctl, with what was not yet synced thrown away; then it is
               mounted again as after a loss of power
    syncs      the same, on a tmpfs that has no room for the blocks that the file system has given away: the kernel
               itself reports that a sync failed
    full       a tmpfs of a few megabytes that is filled under load: claims are told to wait, what was promised goes on,
               a start is refused with a clear line, and all goes on when there is room again

After each, everything that was acknowledged is looked at, and `dibs audit` has its say at the end. A server under which
a disk fails ends by itself with status 4, and with a line that says so; that is looked at too.

It needs the right to mount. Where that is missing, it says "N skipped: cannot here: why"; that is no pass.
"""

import argparse
import asyncio
import collections
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from book import Book, Violation, require
from check import Check
from client import Gone
from crowd import Crowd
from server import Server
from volume import SHUTDOWN_FLAGS, Ext4, Tmpfs, own_namespace, why_not

CONNECTIONS = 12
END_SECONDS = 20.0    # in which a server ends whose disk is gone
ROOM_SECONDS = 30.0   # in which it sells again after there is room
SMALL_MIB = 24        # of the tmpfs that is filled: some segments, the read model, two snapshots
STATUS_FAILED = 4
STATUS_NOT_NOW = 1


class Play:
    """One server on one file system, its crowd, and what was told."""

    def __init__(self, data, errors, seed):
        self.dice = random.Random(seed)
        self.server = Server(data, errors=errors)
        self.crowd = Crowd(self.server, Book(), self.dice, CONNECTIONS)
        self.check = Check(self.crowd)
        self.faults = collections.Counter()  # what the server said that it ended of, without names and numbers

    async def start(self):
        self.server.launch()
        await self.server.ready()

    async def more_drops(self):
        connection = self.crowd.connection()
        await self.crowd.open_drop(connection)
        connection.close()

    async def crowd_for(self, seconds):
        end = time.monotonic() + seconds
        await self.crowd.run(lambda: end - time.monotonic() if self.server.process.poll() is None else 0)

    async def crowd_and(self, do, after_seconds, seconds):
        """The crowd asks; somewhere in between something happens to the disk."""
        async def then():
            await asyncio.sleep(after_seconds)
            do()

        await asyncio.gather(self.crowd_for(seconds), then())

    async def ends_failed(self):
        """Its disk is gone: it ends by itself and says so. A crowd that is only refused needs no disk: one more drop
        does, and is not acknowledged."""
        if self.server.process.poll() is None:
            try:
                await asyncio.wait_for(self.more_drops(), END_SECONDS)
                raise Violation("a new drop was acknowledged on a disk that is gone")
            except (Gone, asyncio.TimeoutError):
                pass
        self.ended(STATUS_FAILED)

    def ended(self, *statuses):
        try:
            status = self.server.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            raise Violation(f"it does not end: {self.server.stderr()}") from None
        require(status in statuses, f"ended with {status}, not {statuses}: {self.server.stderr()}")
        last = (self.server.stderr().splitlines() or [""])[-1]
        require(last.startswith("dibs serve: ") or '"event":"failed"' in last, f"no clear last line: {last!r}")
        fault = json.loads(last)["fault"] if last.startswith("{") else last.removeprefix("dibs serve: ")
        self.faults[re.sub(r"[0-9]+", "N", fault)] += 1

    async def last_look(self):
        await self.check.all_of(self.crowd.book.orders.values())
        connection = self.crowd.connection()
        for drop in self.crowd.book.drops:
            await self.check.drop(connection, drop)
        connection.close()
        require(self.server.stop() == 0, "a graceful stop did not end with 0")
        self.server.audit()


# ---- what happens to it ----

async def shut_down(play, volume):
    flag = play.dice.choice(list(SHUTDOWN_FLAGS))
    await play.more_drops()
    await play.crowd_and(lambda: volume.shut_down(flag), 0.3 * play.dice.random(), 5)
    await play.ends_failed()
    volume.again()


async def shut_down_while_starting(play, volume):
    """Recovery finds the disk gone; or it was faster, and the server then finds it."""
    play.server.kill9()
    play.server.launch()
    await asyncio.sleep(0.15 * play.dice.random() ** 2)
    volume.shut_down(play.dice.choice(list(SHUTDOWN_FLAGS)))
    if await play.server.ready_or_ended():
        await play.ends_failed()
    else:
        play.ended(STATUS_FAILED, STATUS_NOT_NOW)
    volume.again()


async def one_shutdown(play, volume):
    await (shut_down_while_starting if play.dice.random() < 0.2 else shut_down)(play, volume)
    await play.start()
    await play.check.after_kill()


async def one_failed_sync(play, volume):
    await play.more_drops()
    await play.crowd_and(volume.starve, 0.2 * play.dice.random(), 5)
    await play.ends_failed()
    volume.feed()
    await play.start()
    await play.check.after_kill()


async def is_sold(play):
    """Whether a claim of a fresh drop is granted; told to wait is False."""
    connection = play.crowd.connection()
    try:
        name = list(play.crowd.book.drops)[-1]
        order = await play.crowd.claim_this(connection, name, f"buyer{play.crowd.answers}", None, None)
        return order is not None
    finally:
        connection.close()


async def promised_goes_on(play):
    """On a full disk, a pending order can be paid: the reserve is there for it."""
    connection = play.crowd.connection()
    pending = [order for order in play.crowd.book.orders.values() if order.floor == "pending" and not order.tried]
    if pending:
        answer = await connection.ask("POST", f"/v1/orders/{pending[-1].id}/confirm", {"payment_ref": "full"})
        pending[-1].tried.add("completed")
        require(answer.status == 200 or answer.code == "refund_due", f"a payment on a full disk: {answer.body}")
    connection.close()


async def one_full_disk(play, volume):
    plenty = {"title": "Plenty", "skus": [{"id": "s0", "stock": 2000000, "price": 1}], "currency": "EUR",
              "limit_per_buyer": None, "hold_seconds": 600}
    play.crowd.planned[f"d{len(play.crowd.book.drops)}"] = plenty
    await play.more_drops()
    require(await is_sold(play), "nothing is sold while there is room")
    for segment in (play.server.data / "archive").glob("*.seg"):
        segment.unlink()  # as an operator does who copies them elsewhere; else they alone fill so small a disk in the end
    volume.fill()
    end = time.monotonic() + ROOM_SECONDS
    while await is_sold(play):
        require(time.monotonic() < end, "claims are granted for ever on a full disk")
        await play.crowd_for(0.02)  # no longer: payments and cancellations of a crowd use up what is kept for them
    await promised_goes_on(play)
    require(play.server.process.poll() is None, "a full disk is no reason to end")
    if play.dice.random() < 0.5:
        play.server.kill9()
        play.server.launch()
        if not await play.server.ready_or_ended():
            play.ended(STATUS_NOT_NOW)
    volume.relieve()
    if play.server.process.poll() is not None:
        await play.start()
    end = time.monotonic() + ROOM_SECONDS
    while not await is_sold(play):
        require(time.monotonic() < end, "there is room again, and nothing is sold")
        await asyncio.sleep(0.1)
    await play.check.after_kill()


# ---- the whole ----

async def series(name, count, volume, data, errors, one, seed):
    """The same misfortune many times over, on one data directory: (passed, failed)."""
    play, passed, begun = Play(data, errors, seed), 0, time.monotonic()
    try:
        await play.start()
        play.server.credential()
        for number in range(1, count + 1):
            await one(play, volume)
            passed += 1
            if number % 20 == 0 or number == count:
                print(f"{name}: {number} times, {len(play.crowd.book.orders)} orders, {play.crowd.book.checks} looked at "
                      f"again, {time.monotonic() - begun:.0f} s", flush=True)
        await play.last_look()
        print("".join(f"  {times:>5}  {fault}\n" for fault, times in play.faults.most_common()), end="")
        return passed + 1, 0
    except (Violation, Gone, OSError, subprocess.TimeoutExpired) as fault:
        print(f"FAILED {name} {passed + 1}: {fault or type(fault).__name__}\n{play.server.stderr()}", flush=True)
        return passed, 1
    finally:
        play.server.end()


async def campaign(folder, options):
    passed = failed = 0
    kinds = [("shutdowns", options.shutdowns, one_shutdown, Ext4, {}),
             ("syncs", options.syncs, one_failed_sync, Ext4, {}),
             ("full", options.full, one_full_disk, Tmpfs, {"size_mib": SMALL_MIB})]
    for name, count, one, make, arguments in kinds:
        if count == 0:
            continue
        volume = make(folder / name, **arguments)
        data = (volume.mounted if make is Ext4 else volume.folder) / "data"
        good, bad = await series(name, count, volume, data, folder / f"{name}.stderr", one, options.seed)
        passed, failed = passed + good, failed + bad
        volume.close()
    return passed, failed


def arguments():
    parser = argparse.ArgumentParser(description="real disks that fail under load")
    parser.add_argument("--shutdowns", type=int, default=10)
    parser.add_argument("--syncs", type=int, default=5)
    parser.add_argument("--full", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def cannot(options, why):
    print(f"{options.shutdowns + options.syncs + options.full} skipped: cannot here: {why}")
    print("0 passed, 0 failed")
    return 0


def main():
    options = arguments()
    try:
        own_namespace()
    except OSError as fault:
        return cannot(options, str(fault))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dibs-disks-"))
    try:
        why = why_not(folder)
        if why:
            return cannot(options, why)
        passed, failed = asyncio.run(campaign(folder, options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
