"""A crowd of connections that claim, confirm, cancel, read and repeat, and write down every answer (book.py)."""

import asyncio
import time

from book import Violation, require
from client import Connection, Gone

PATIENCE_SECONDS = 60.0  # a reading that is told "not now" is asked again for so long
BUYERS = 400
REFUSALS = {"sold_out", "all_held", "limit_reached", "too_many_orders"}
NOT_NOW = {"overloaded", "log_unavailable", "unknown_outcome", ""}


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
        self.planned = {}         # drops whose creation may not have been answered: asked for again as they were

    def connection(self):
        return Connection(self.server.port, self.server.credential())

    def carried(self, answer):
        position = answer.headers.get("dibs-position")
        if position and int(position.split("-")[1]) > int(self.position.split("-")[1]):
            self.position = position
        self.answers += 1

    async def open_drop(self, connection):
        number = len(self.book.drops)
        name = f"d{number}"
        spec = self.planned.setdefault(name, drop_spec(self.dice, number))
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
