"""What must still be so after a restart, looked at over HTTP: orders, keys, lists, statistics, limits, sums."""

import asyncio

from book import require


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
