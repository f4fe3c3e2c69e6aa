#!/usr/bin/python3
"""Clients that reset their connection while their claim waits, and come back with the same key.

    tests/http/resets.py [--claims N] [--rounds N] [--seconds N] [--seed S]

A round is a drop with less stock than claims. Every claim is sent on a connection of its own and the connection is reset
(SO_LINGER 0: no goodbye, what waits is thrown away) at a random moment: at once, within the next two milliseconds, when
half of the request is sent, or after the answer has come and was not read. Then every client asks again with its key,
until it has an answer. Whatever became of the first claim: the order is one, its buyer has what the limit allows, and
granted, sold and free are what the answers say. There are two servers, and at the second one a claim waits 20 ms for a
check to pass, so that its client is gone for certain when it is granted. At the end the audit finds every promise kept.

Every fact of every round is a test; the last line is "N passed, N failed".
"""

import argparse
import json
import random
import socket
import struct
import sys
import time

from case import HOST, JSON, length
from server import Server
from wire import Wire

BODY = b'{"sku":"unit","quantity":1}'
RESET = struct.pack("ii", 1, 0)
WAYS = ["at once", "soon", "half sent", "unread"]
PATIENCE_S = 30


class Round:
    def __init__(self, server, name, claims, rng):
        self.server, self.name, self.claims, self.rng = server, name, claims, rng
        self.stock = claims * 5 // 6  # more than are sent whole the first time, so that some come back for theirs
        self.ways = {way: 0 for way in WAYS}
        self.orders, self.refused, self.found = {}, 0, 0
        server.drop(name, self.stock, hold_seconds=600, limit_per_buyer=1)

    def request(self, buyer):
        return (b"POST /v1/drops/%s/buyers/b%d/orders HTTP/1.1\r\n" % (self.name.encode(), buyer) + HOST +
                b"Authorization: Bearer " + self.server.key.encode() + b"\r\n" + JSON +
                b"Idempotency-Key: %s-%d\r\n" % (self.name.encode(), buyer) + length(len(BODY)) + b"\r\n" + BODY)

    def claim_and_reset(self, buyers):
        """Some claims together; those that are to be reset later are, in a random order."""
        later = []
        for buyer in buyers:
            way = self.rng.choice(WAYS)
            self.ways[way] += 1
            one = socket.create_connection(("127.0.0.1", self.server.port), PATIENCE_S)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            data = self.request(buyer)
            one.sendall(data[:self.rng.randrange(1, len(data))] if way == "half sent" else data)
            if way == "at once":
                one.close()
            else:
                later.append((way, one))
        self.rng.shuffle(later)
        for way, one in later:
            if way == "soon":
                time.sleep(self.rng.random() * 0.0005)
            elif way == "unread":
                one.recv(1, socket.MSG_PEEK)
            one.close()

    def ask_again(self):
        """Everybody, on one kept connection."""
        wire = Wire(self.server.port)
        for buyer in range(self.claims):
            end = time.monotonic() + PATIENCE_S
            while True:
                wire.send(self.request(buyer))
                answer = wire.answer()
                if answer.status != 503 or time.monotonic() > end:
                    break
                time.sleep(0.05)  # "unknown_outcome", "overloaded": ask again with the same key
            self._note(buyer, answer)
        wire.close()

    def _note(self, buyer, answer):
        said = json.loads(answer.body)
        if answer.status == 201:
            self.orders[buyer] = said["id"]
            self.found += "idempotency-replayed" in answer.headers
        elif said.get("code") in ("sold_out", "all_held"):
            self.refused += 1
        else:
            raise RuntimeError(f"buyer {buyer}: {answer.status} {answer.body}")

    def facts(self):
        drop = self.server.ask("GET", f"/v1/drops/{self.name}")[1]
        unit = drop["skus"][0]
        yield "all units are held", (unit["held"], unit["free"], unit["sold"]), (self.stock, 0, 0)
        yield "as many were granted as are held", drop["granted"], self.stock
        yield "as many were told so", len(self.orders), self.stock
        yield "the others were refused", self.refused, self.claims - self.stock
        yield "every order is another one", len(set(self.orders.values())), self.stock
        yield "some first claims had been granted, some had not come", 0 < self.found < self.stock, True
        wrong = [buyer for buyer, order in self.orders.items() if not self._is_of(buyer, order)]
        yield "every order is its buyer's", wrong, []
        settled = self._connections_settled()
        yield "no connection is left of them", settled, 1

    def _is_of(self, buyer, order):
        status, said = self.server.ask("GET", f"/v1/orders/{order}")
        return status == 200 and (said["buyer"], said["drop"], said["status"]) == (f"b{buyer}", self.name, "pending")

    def _connections_settled(self):
        end = time.monotonic() + 10
        while (count := self.server.metric("dibs_connections")) > 1 and time.monotonic() < end:
            time.sleep(0.01)
        return count


SERVERS = {"plain": [], "with a check": ["--eligibility", "simulated", "--eligibility-percent", "0",
                                         "--eligibility-delay", "20ms"]}


def play(server, number, claims, rng, held):
    one = Round(server, f"round-{number}", claims, rng)
    for at in range(0, claims, 50):
        one.claim_and_reset(range(at, min(at + 50, claims)))
    one.ask_again()
    ways = ", ".join(f"{way} {count}" for way, count in one.ways.items())
    print(f"round {number}: {claims} claims reset ({ways}); {one.found} of {one.stock} orders were from before")
    for fact, is_so, should in one.facts():
        held(f"round {number}: {fact}", is_so, should)


def main():
    parser = argparse.ArgumentParser(description="Claims whose client resets while they wait.")
    parser.add_argument("--claims", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0, help="more rounds until then")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng, counts, failures = random.Random(asked.seed), [0], []

    def held(fact, is_so, should):
        if is_so == should:
            counts[0] += 1
        else:
            failures.append(f"{fact}: {is_so}, not {should}")

    for title, flags in SERVERS.items():
        started = time.monotonic()
        server = Server(*flags)
        try:
            print(f"a server {title}" if title != "plain" else "a plain server")
            number = 0
            while number < asked.rounds or time.monotonic() - started < asked.seconds / len(SERVERS):
                number += 1
                play(server, number, asked.claims, rng, held)
            held("nothing was logged", server.said_since_start(), [])
            held("it stops", server.stop(), 0)
            status, said = server.audit()
            held("every promise is kept", (status, said if status else ""), (0, ""))
        finally:
            server.close()
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{counts[0]} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
