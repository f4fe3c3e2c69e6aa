#!/usr/bin/python3
"""kill -9 at any moment, under load: after the restart every acknowledged answer still holds.

    tests/crash/crash.py [--kills N] [--seed S] [--connections N] [--keep]

Starts `dibs serve` (DIBS_BIN, default build/src/cli/dibs) on a throw-away data directory with small segments and
frequent snapshots, and a crowd of connections that claim, confirm, cancel, read and repeat, and write down every
answer (book.py). Then, N times: kill -9 at a random moment (under load, while it starts, while it stops), start again,
and look whether what was told is so. At the end everything is looked at once more, and `dibs audit` has its say.

Every kill is a test, and every check at the end; the last line is "N passed, N failed". The seed decides what is asked
and when; the machine decides the rest.
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from book import Book, Violation, require
from client import Connection, Gone

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIBS = os.environ.get("DIBS_BIN", str(ROOT / "build" / "src" / "cli" / "dibs"))
SETTINGS = ["--listen", "127.0.0.1:0", "--segment-size", "1MiB", "--snapshot-records", "1500",
            "--snapshot-interval", "0s"]
START_SECONDS = 60.0  # a sanitized server on a busy machine
PATIENCE_SECONDS = 20.0  # a reading that is told "not now" is asked again for so long
BUYERS = 400
REFUSALS = {"sold_out", "all_held", "limit_reached", "too_many_orders"}
NOT_NOW = {"overloaded", "log_unavailable", "unknown_outcome"}


class Server:
    def __init__(self, data):
        self.data, self.process, self.port, self.starts = data, None, None, 0

    def launch(self):
        self.starts += 1
        self.errors = self.data.parent / "stderr"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DIBS_")}
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen([DIBS, "serve", "--data", str(self.data), *SETTINGS], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)

    def stderr(self):
        return self.errors.read_text(errors="replace")

    async def ready(self):
        """Waits until /readyz says so: then whatever fell due while it was down has had its turn."""
        end = time.monotonic() + START_SECONDS
        self.port = None
        while time.monotonic() < end:
            require(self.process.poll() is None, f"it does not start: exit {self.process.returncode}: {self.stderr()}")
            if self.port is None:
                self.port = self._listening()
            elif await self._says_ready():
                return
            await asyncio.sleep(0.003)
        raise Violation(f"not ready after {START_SECONDS} s: {self.stderr()}")

    def _listening(self):
        for line in self.stderr().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n") and json.loads(line).get("event") == "listening":
                return json.loads(line)["port"]
        return None

    async def _says_ready(self):
        connection = Connection(self.port, "nobody")
        try:
            return (await connection.ask("GET", "/readyz")).status == 200
        except Gone:
            return False
        finally:
            connection.close()

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def is_refused_twice(self):
        """A second process on the same directory is refused, and changes nothing."""
        done = subprocess.run([DIBS, "serve", "--data", str(self.data), *SETTINGS], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=START_SECONDS)
        require(done.returncode == 1, f"a second process on the directory ended with {done.returncode}: {done.stderr}")

    def credential(self):
        return (self.data / "admin.key").read_text().strip()


# ---- the crowd ----

def drop_spec(dice, number):
    """What is sold: little or plenty, at once or held for a second or for long, to each once or more often."""
    skus = [{"id": f"s{i}", "stock": dice.choice([3, 20, 400]), "price": 100 + i} for i in range(dice.choice([1, 1, 3]))]
    return {"title": f"Crash {number}", "skus": skus, "currency": "EUR",
            "limit_per_buyer": dice.choice([1, 2, 5, None]), "hold_seconds": dice.choice([0, 1, 1, 600])}


class Crowd:
    def __init__(self, server, book, dice, connections):
        self.server, self.book, self.dice = server, book, dice
        self.connections = connections
        self.position = "0-0"     # the newest that any answer carried
        self.violation = None
        self.answers = 0
        self.not_now = 0          # readings that were told to come again
        self.keys = 0

    def connection(self):
        return Connection(self.server.port, self.server.credential())

    def carried(self, answer):
        position = answer.headers.get("dibs-position")
        if position and int(position.split("-")[1]) > int(self.position.split("-")[1]):
            self.position = position
        self.answers += 1

    async def open_drop(self, connection):
        number = len(self.book.drops)
        name, spec = f"d{number}", drop_spec(self.dice, number)
        answer = await connection.ask("PUT", f"/v1/drops/{name}", spec)
        require(answer.status in (200, 201), f"drop {name}: {answer.status} {answer.body}")
        self.carried(answer)
        self.book.drops[name] = spec
        answer = await connection.ask("POST", f"/v1/drops/{name}/open")
        require(answer.status == 200, f"open {name}: {answer.status} {answer.body}")
        self.carried(answer)

    async def run(self, seconds_left):
        """All connections at once until the server is gone, or seconds_left() says stop."""
        await asyncio.gather(*(self.visit(seconds_left) for _ in range(self.connections)))
        if self.violation:
            raise self.violation

    async def visit(self, seconds_left):
        connection = self.connection()
        try:
            while seconds_left() > 0 and not self.violation:
                await self.do_something(connection)
        except Gone:
            pass
        except Violation as violation:
            self.violation = violation
        finally:
            connection.close()

    async def do_something(self, connection):
        what = self.dice.random()
        if what < 0.55:
            await self.claim(connection)
        elif what < 0.65:
            await self.claim_again(connection)
        elif what < 0.78:
            await self.confirm(connection)
        elif what < 0.86:
            await self.cancel(connection)
        elif what < 0.97:
            await self.read(connection)
        else:
            await self.look_at_drop(connection)

    async def get(self, connection, path, position=None):
        """What was acknowledged can be read; a 503 says "not now", and is asked again for a while."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await connection.ask("GET", path, position=position)
            if answer.status != 503 or time.monotonic() > end:
                break
            self.not_now += 1
            await asyncio.sleep(0.02)
        self.carried(answer)
        return answer

    # ---- one thing each ----

    def some_drop(self):
        names = list(self.book.drops)
        return self.dice.choice(names[-5:])

    def some_order(self):
        if not self.book.orders:
            return None
        ids = list(self.book.orders) if self.dice.random() < 0.02 else self.book.fresh[-300:]
        return self.book.orders[self.dice.choice(ids)] if ids else None

    def some_body(self, drop):
        skus = self.book.drops[drop]["skus"]
        if len(skus) == 1 and self.dice.random() < 0.5:
            return None
        chosen = self.dice.sample(skus, self.dice.choice([1, 1, len(skus)]) if len(skus) > 1 else 1)
        return {"lines": [{"sku": sku["id"], "quantity": self.dice.choice([1, 1, 2])} for sku in chosen]}

    async def claim(self, connection):
        drop, buyer, key = self.some_drop(), f"b{self.dice.randrange(BUYERS)}", None
        if self.dice.random() < 0.7:
            self.keys += 1
            key = f"k{self.keys}"
        await self.claim_this(connection, drop, buyer, key, self.some_body(drop))

    async def claim_this(self, connection, drop, buyer, key, body):
        if key:
            self.book.in_doubt[drop, buyer, key] = body
        answer = await connection.ask("POST", f"/v1/drops/{drop}/buyers/{buyer}/orders", body, key)
        self.carried(answer)
        if answer.status == 201:
            replayed = answer.headers.get("idempotency-replayed") == "true"
            return self.book.heard_order(answer.json, body, key, replayed)
        require(answer.status != 503 or answer.code in NOT_NOW, f"{answer.status} {answer.body}")
        require(answer.status == 503 or answer.code in REFUSALS, f"claim in {drop}: {answer.status} {answer.body}")
        if key and answer.code != "unknown_outcome":
            self.book.in_doubt.pop((drop, buyer, key), None)
        require((drop, buyer, key) not in self.book.by_key or answer.status == 503,
                f"key {key} of {buyer} in {drop} had an order and is refused now: {answer.body}")
        return None

    async def claim_again(self, connection):
        """A key that was used before: the same order, whatever has become of it."""
        if not self.book.by_key:
            return
        place = self.dice.choice(list(self.book.by_key)[-200:])
        order = self.book.orders[self.book.by_key[place]]
        await self.claim_this(connection, *place, {"lines": order.lines})

    async def confirm(self, connection):
        order = self.some_order()
        if order is None:
            return
        reference = f"pay-{order.id}" if self.dice.random() < 0.9 else f"other-{order.id}"
        order.tried.add("completed")
        answer = await connection.ask("POST", f"/v1/orders/{order.id}/confirm", {"payment_ref": reference})
        self.carried(answer)
        if answer.status == 200:
            require(order.paid in (None, reference), f"{order.id} was paid by {order.paid} and by {reference}")
            order.paid = reference
            self.book.ended(order, "completed")
        else:
            require(answer.status == 503 or answer.code == "refund_due", f"confirm {order.id}: {answer.body}")

    async def cancel(self, connection):
        order = self.some_order()
        if order is None:
            return
        order.tried.add("canceled")
        answer = await connection.ask("POST", f"/v1/orders/{order.id}/cancel")
        self.carried(answer)
        if answer.status == 200:
            self.book.ended(order, "canceled")
        else:
            require(answer.status == 503 or answer.code == "wrong_state", f"cancel {order.id}: {answer.body}")

    async def read(self, connection):
        order = self.some_order()
        if order is not None:
            await self.read_this(connection, order)

    async def read_this(self, connection, order):
        floor = order.floor
        answer = await self.get(connection, f"/v1/orders/{order.id}", self.position)
        require(answer.status == 200, f"{order.id} was acknowledged; now: {answer.status} {answer.body}")
        self.book.saw(answer.json, floor)

    async def look_at_drop(self, connection):
        drop = self.some_drop()
        answer = await self.get(connection, f"/v1/drops/{drop}")
        require(answer.status == 200, f"drop {drop} was acknowledged; now: {answer.status} {answer.body}")
        for sku in answer.json["skus"]:
            require(sku["free"] >= 0 and sku["free"] + sku["held"] + sku["sold"] == sku["stock"],
                    f"{drop}: units do not add up: {sku}")


# ---- after a restart ----

class Check:
    """Looks at what was told, on a server that nobody else asks."""

    def __init__(self, crowd):
        self.crowd, self.book, self.dice = crowd, crowd.book, crowd.dice

    async def all_of(self, orders):
        """Each of these orders as it is now, over several connections."""
        waiting = list(orders)

        async def some():
            connection = self.crowd.connection()
            while waiting:
                await self.crowd.read_this(connection, waiting.pop())
            connection.close()

        await asyncio.gather(*(some() for _ in range(self.crowd.connections)))

    async def keys(self, connection, places):
        for place in places:
            order = self.book.orders[self.book.by_key[place]]
            again = await self.crowd.claim_this(connection, *place, {"lines": order.lines})
            require(again is order, f"key {place}: {order.id} before, now {again and again.id}")

    async def doubts(self, connection):
        """Claims whose answer was lost: asked again with their key they are won, or refused; won once."""
        for place, body in list(self.book.in_doubt.items()):
            first = await self.crowd.claim_this(connection, *place, body)
            if first is not None:
                require(await self.crowd.claim_this(connection, *place, body) is first, f"{place} was won twice")

    async def orders_of(self, connection, drop):
        """All pages of a drop's list, by id."""
        found, path = {}, f"/v1/drops/{drop}/orders?limit=1000"
        while path:
            answer = await self.crowd.get(connection, path, self.crowd.position)
            require(answer.status == 200, f"{path}: {answer.status} {answer.body}")
            page = answer.json
            for order in page["orders"]:
                require(order["id"] not in found, f"{order['id']} stands twice in the list of {drop}")
                found[order["id"]] = order
            path = f"/v1/drops/{drop}/orders?limit=1000&cursor={page['next']}" if page.get("next") else None
        return found

    async def drop(self, connection, drop):
        """List, statistics, view and book agree; units add up; no buyer has too much."""
        spec = self.book.drops[drop]
        while True:
            before = await self.crowd.get(connection, f"/v1/drops/{drop}")
            found = await self.orders_of(connection, drop)
            stats = (await self.crowd.get(connection, f"/v1/drops/{drop}/stats", self.crowd.position)).json
            after = await self.crowd.get(connection, f"/v1/drops/{drop}")
            if before.json["skus"] == after.json["skus"] and before.json["granted"] == after.json["granted"]:
                break  # no hold ended while it was looked at
        for order in self.book.orders.values():
            if order.drop == drop:
                require(order.id in found, f"{order.id} was acknowledged and is not in the list of {drop}")
                self.book.saw(found[order.id], order.floor)
        self.units(spec, drop, after.json, found, stats)
        self.limits(spec, drop, found)

    def units(self, spec, drop, view, found, stats):
        held, sold = {}, {}
        for order in found.values():
            place = {"pending": held, "completed": sold}.get(order["status"])
            for line in order["lines"] if place is not None else []:
                place[line["sku"]] = place.get(line["sku"], 0) + line["quantity"]
        for sku, made in zip(view["skus"], spec["skus"]):
            require(sku["stock"] == made["stock"], f"{drop}: stock of {sku['id']} is {sku['stock']}, was {made['stock']}")
            require(held.get(sku["id"], 0) + sold.get(sku["id"], 0) <= made["stock"], f"{drop} {sku['id']} is oversold")
            require((sku["held"], sku["sold"]) == (held.get(sku["id"], 0), sold.get(sku["id"], 0)),
                    f"{drop}: the view says {sku}, the list {held} held and {sold} sold")
        require(stats["granted"] == view["granted"] == len(found),
                f"{drop}: granted {stats['granted']} (statistics), {view['granted']} (view), {len(found)} (list)")
        require((stats["held"], stats["sold"]) == (sum(held.values()), sum(sold.values())), f"{drop}: {stats}")
        require(sorted(order["position"] for order in found.values()) == list(range(1, len(found) + 1)),
                f"{drop}: positions are not 1 to {len(found)}")

    def limits(self, spec, drop, found):
        units = {}
        for order in found.values():
            if order["status"] in ("pending", "completed"):
                amount = sum(line["quantity"] for line in order["lines"])
                units[order["buyer"]] = units.get(order["buyer"], 0) + amount
        limit = spec["limit_per_buyer"]
        require(limit is None or all(amount <= limit for amount in units.values()), f"{drop}: a buyer has too much")

    async def after_kill(self):
        """What is new since the last kill, and some of the rest."""
        connection = self.crowd.connection()
        old = list(self.book.orders)
        chosen = set(self.book.fresh) | set(self.dice.sample(old, min(50, len(old))))
        await self.all_of(self.book.orders[id] for id in sorted(chosen))
        await self.doubts(connection)
        places = list(self.book.by_key)
        await self.keys(connection, self.dice.sample(places, min(20, len(places))))
        if self.book.drops:
            await self.drop(connection, self.dice.choice(list(self.book.drops)[-5:]))
        self.book.fresh = []
        connection.close()


# ---- the whole ----

async def kill_under_load(server, crowd, dice):
    """The crowd asks; somewhere in between the process is gone."""
    until = time.monotonic() + 10
    at = dice.choice([0.01, 0.05, 0.1, 0.2, 0.3]) * dice.random() + 0.002

    async def killer():
        await asyncio.sleep(at)
        server.process.kill()

    await asyncio.gather(crowd.run(lambda: until - time.monotonic()), killer())
    server.kill9()


async def kill_while_stopping(server, crowd, dice):
    """A graceful stop under load that does not come to its end."""
    until = time.monotonic() + 10

    async def killer():
        await asyncio.sleep(0.1 * dice.random())
        server.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.1 * dice.random())
        server.process.kill()

    await asyncio.gather(crowd.run(lambda: until - time.monotonic()), killer())
    server.kill9()


async def kill_while_starting(server, dice):
    """Recovery itself is killed; what it left is what the next one finds."""
    server.launch()
    await asyncio.sleep(0.25 * dice.random() ** 2)
    server.kill9()


async def one_kill(server, crowd, check, dice):
    how = dice.random()
    if len(crowd.book.drops) < 3 or dice.random() < 0.3:
        connection = crowd.connection()
        await crowd.open_drop(connection)
        connection.close()
    if how < 0.04:
        server.is_refused_twice()
    await (kill_while_stopping if how > 0.9 else kill_under_load)(server, crowd, dice)
    while dice.random() < 0.15:
        await kill_while_starting(server, dice)
    server.launch()
    await server.ready()
    await check.after_kill()


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
        server.process.send_signal(signal.SIGTERM)
        require(server.process.wait(60) == 0, f"a graceful stop ended with {server.process.returncode}")

    async def audit():
        done = subprocess.run([DIBS, "audit", "--data", str(server.data)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300)
        require(done.returncode == 0, f"audit: exit {done.returncode}\n{done.stdout}{done.stderr}")

    return [("every order", orders), ("every key", keys), ("every drop's list, view and statistics", drops),
            ("a graceful stop", stop), ("dibs audit", audit)]


async def tried(name, look):
    try:
        await look
    except (Violation, Gone, subprocess.TimeoutExpired) as violation:
        print(f"FAILED {name}: {violation or type(violation).__name__}", flush=True)
        return False
    return True


async def play(server, options):
    dice, passed, failed = random.Random(options.seed), 0, 0
    book = Book()
    crowd = Crowd(server, book, dice, options.connections)
    check = Check(crowd)
    server.launch()
    await server.ready()
    begun = time.monotonic()
    for number in range(1, options.kills + 1):
        if not await tried(f"kill {number}", one_kill(server, crowd, check, dice)):
            failed += 1
            break  # what is wrong now would only be found wrong again
        passed += 1
        if number % 50 == 0:
            print(f"{number} kills, {server.starts} starts, {crowd.answers} answers, {len(book.orders)} orders, "
                  f"{book.checks} looked at again, {crowd.not_now} told to wait, {time.monotonic() - begun:.0f} s", flush=True)
    for name, look in await last_look(server, crowd, check) if failed == 0 else []:
        good = await tried(name, look())
        passed, failed = passed + good, failed + (not good)
    return passed, failed


def arguments():
    parser = argparse.ArgumentParser(description="kill -9 at any moment: what was acknowledged holds")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--keep", action="store_true", help="keep the data directory, and say where it is")
    return parser.parse_args()


def main():
    options = arguments()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dibs-crash-"))
    server = Server(folder / "data")
    try:
        passed, failed = asyncio.run(play(server, options))
    finally:
        if server.process and server.process.poll() is None:
            server.kill9()
        if options.keep:
            print(f"data directory: {folder / 'data'}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
