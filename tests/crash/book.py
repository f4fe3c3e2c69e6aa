"""What was acknowledged, written down answer by answer, and what must therefore be so for ever after.

An order's floor is the least that was told of it: once "completed" was told, nothing else may be told later. An attempt
whose answer did not come may have happened or not: it is written down too, and allows either.
"""

ENDED = ("completed", "canceled", "expired")


class Violation(Exception):
    """Something that was acknowledged does not hold."""


def require(condition, text):
    if not condition:
        raise Violation(text)


class Order:
    def __init__(self, answer):
        self.id, self.drop, self.buyer = answer["id"], answer["drop"], answer["buyer"]
        self.lines = answer["lines"]
        self.position = answer["position"]
        self.hold_until = answer["hold_until"]
        self.floor = answer["status"]
        self.paid = None          # the payment reference that completed it
        self.tried = set()        # "completed", "canceled": asked for, whatever came of it


class Book:
    def __init__(self):
        self.orders = {}      # id -> Order
        self.by_key = {}      # (drop, buyer, key) -> id
        self.drops = {}       # id -> what it was created with
        self.in_doubt = {}    # (drop, buyer, key) -> body: claims whose answer did not come
        self.fresh = []       # ids since the last look
        self.checks = 0       # acknowledged things looked at again

    # ---- answers that make orders ----

    def heard_order(self, answer, body, key, replayed):
        """A 201 to a claim."""
        told = Order(answer)
        known = self.orders.get(told.id)
        require(replayed or known is None, f"{told.id} was granted twice")
        if known is None:
            self.orders[told.id] = told
            self.fresh.append(told.id)
            known = told
        else:
            self.saw(answer, "pending")
        require(_lines_are(known.lines, body), f"{told.id} has other lines than were asked for: {known.lines}, {body}")
        if key:
            place = (known.drop, known.buyer, key)
            first = self.by_key.setdefault(place, known.id)
            require(first == known.id, f"key {place} got {known.id}, and {first} before")
            self.in_doubt.pop(place, None)
        return known

    # ---- answers about orders ----

    def saw(self, answer, floor):
        """An order was shown; floor: what had been told of it when it was asked for."""
        known = self.orders[answer["id"]]
        status = answer["status"]
        for field in ("drop", "buyer", "lines", "position", "hold_until"):
            require(answer[field] == getattr(known, field),
                    f"{known.id}: {field} is {answer[field]}, was told as {getattr(known, field)}")
        require(floor not in ENDED or status == floor, f"{known.id} was told as {floor}, is shown as {status}")
        require(status in ("pending", "expired") or status in known.tried or known.floor == status,
                f"{known.id} is {status}, which nobody asked for")
        self.checks += 1
        if status in ENDED:
            self.ended(known, status)

    def ended(self, order, status):
        require(order.floor not in ENDED or order.floor == status,
                f"{order.id} was told as {order.floor} and as {status}")
        order.floor = status


def _lines_are(lines, body):
    asked = body.get("lines") if body else None
    if asked is None:
        return len(lines) == 1 and lines[0]["quantity"] == 1
    return [(line["sku"], line["quantity"]) for line in lines] == [(line["sku"], line["quantity"]) for line in asked]
