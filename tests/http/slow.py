#!/usr/bin/python3
"""Clients that hold on to what they have: slow headers, slow bodies, readers that do not read, idle crowds, floods.

    tests/http/slow.py [--connections N] [--seconds N]

Each attack comes from several addresses of this machine, as many connections as are asked for (or as there may be open
files), and honest clients measure beside it (honest.py), as they did before without one. The table is for reading: how
fast the honest ones are depends on the machine. Held are facts alone: every honest request is answered, and rightly;
every attacker is let go by the deadline that the settings say, with the status that is due to it; the server does not
grow by more than its limits allow for what was sent; and nothing is logged.

--seconds repeats the attacks until the time is over. Every fact of every attack is a test; the last line is
"N passed, N failed".
"""

import argparse
import resource
import select
import socket
import sys
import threading
import time

import case as cases_of
from case import HOST, length
from honest import Honest
from server import Server

HEADER_S, BODY_S, IDLE_S, WRITE_S = 1, 2, 2, 1
LINGER_S = 2  # connection.h: a refused client gets so long to read why
SLACK_S = 6  # ticks, once-a-second looks at rates, and a busy machine
PER_ADDRESS = 1000
SETTINGS = ["--header-timeout", f"{HEADER_S}s", "--body-timeout", f"{BODY_S}s", "--idle-timeout", f"{IDLE_S}s",
            "--write-timeout", f"{WRITE_S}s", "--connections-per-address", PER_ADDRESS]
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 10)]  # the honest ones come from 127.0.0.1
# What a connection costs at most beside what it sent: connection.h, chunk.h (two chunks), allocator.
CONNECTION_BYTES = 1024 + 2 * 2048 + 1024
GROWTH = 2  # buffers double
OUTPUT_PAUSE = 1 << 16  # connection.h: unsent answers, then no more requests are parsed
FIXED_BYTES = 16 << 20  # pools, rounds and the allocator's own


class Attacker:
    def __init__(self, port, source, pieces, every):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((source, 0))
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.pieces, self.every, self.due = pieces, every, 0.0
        self.sent, self.heard, self.ended_at = 0, b"", None

    def step(self, now):
        """Sends its next piece when it is due."""
        if now < self.due or self.ended_at:
            return
        self.due = now + self.every
        piece = next(self.pieces, b"")
        try:
            self.sent += self.socket.send(piece) if piece else 0
        except BlockingIOError:
            pass
        except OSError:
            self.ended_at = now

    def listen(self, now):
        try:
            piece = self.socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self.heard += piece
        if not piece:
            self.ended_at = now

    @property
    def status(self):
        """The status it was told, 0 for a close without a word."""
        return int(self.heard[9:12]) if self.heard.startswith(b"HTTP/1.1 ") else 0


class Attack:
    """What each attacker sends, how often, and what is due to it."""

    def __init__(self, name, pieces, every, statuses, deadline_s, share=1.0, reads=True, addresses=ADDRESSES):
        self.name, self.pieces, self.every, self.statuses = name, pieces, every, statuses
        self.deadline_s, self.share, self.reads, self.addresses = deadline_s, share, reads, addresses


def bytewise(data):
    for byte in data:
        yield bytes([byte])


def once(data, then=b"", times=10 ** 6):
    yield data
    for _ in range(times):
        yield then


def attacks():
    post = b"POST /v1/drops/wire/orders HTTP/1.1\r\n" + HOST
    flood = b"".join(b"X-%04d: y\r\n" % number for number in range(40))
    many = cases_of.get(b"/openapi.json") * 60
    return [
        Attack("slow headers", lambda: bytewise(cases_of.get(headers=b"X: " + b"y" * 10000)), 0.2, {408}, HEADER_S),
        Attack("slow bodies", lambda: once(post + length(100000) + b"\r\n", b"x"), 0.2, {408}, BODY_S),
        Attack("bodies at the least rate", lambda: once(post + length(900000) + b"\r\n", b"x" * 150), 0.2, {408},
               BODY_S, 0.3),
        Attack("slow chunks", lambda: once(post + cases_of.CHUNKED + b"\r\n", b"1\r\nx\r\n"), 0.2, {408}, BODY_S, 0.5),
        Attack("readers that do not read", lambda: once(many), 1.0, {0}, WRITE_S, 0.1, reads=False),
        Attack("idle connections", lambda: iter(()), 1.0, {0}, IDLE_S, 2.0),
        Attack("header floods", lambda: once(b"GET / HTTP/1.1\r\n" + HOST, flood), 0.01, {431}, HEADER_S, 0.5),
        Attack("lines without an end", lambda: once(b"GET /", b"a" * 1000), 0.01, {414}, HEADER_S, 0.5),
        Attack("more than an address may have", lambda: iter(()), 1.0, {0, 503}, IDLE_S, 1.3, addresses=["127.0.0.20"]),
    ]


class Play:
    """One attack on the server, with honest clients beside it."""

    def __init__(self, server, attack, count, order):
        self.server, self.attack, self.order = server, attack, order
        self.count = max(1, int(count * attack.share))
        if len(attack.addresses) == 1:
            self.count = PER_ADDRESS + 300
        self.peak = self.before = server.resident_bytes()
        self.refused_before = server.metric("dibs_connections_refused_total")
        self.attackers, self.left = [], None

    def run(self):
        watching = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(watching,), daemon=True)
        watcher.start()
        with Honest(self.server, self.order) as honest:
            try:
                self._attack()
                self.left = self._connections_left()
            finally:
                for attacker in self.attackers:
                    attacker.socket.close()
        watching.set()
        watcher.join()
        self.honest = honest.report
        self.refused = self.server.metric("dibs_connections_refused_total") - self.refused_before

    def _watch(self, over):
        while not over.wait(0.05):
            self.peak = max(self.peak, self.server.resident_bytes())

    def _open(self):
        sources = self.attack.addresses
        for number in range(self.count):
            self.attackers.append(Attacker(self.server.port, sources[number % len(sources)], self.attack.pieces(),
                                           self.attack.every))

    def _attack(self):
        self._open()
        self.started = time.monotonic()  # the last one is in
        self.deadline = self.started + self.attack.deadline_s + LINGER_S + SLACK_S
        poll = select.epoll()
        by_number = {attacker.socket.fileno(): attacker for attacker in self.attackers}
        if self.attack.reads:
            for number in by_number:
                poll.register(number, select.EPOLLIN)
        alive = list(self.attackers)
        while alive and time.monotonic() < self.deadline:
            now = time.monotonic()
            for attacker in alive:
                attacker.step(now)
            for number, _ in poll.poll(0.01, 4096):
                by_number[number].listen(now)
                if by_number[number].ended_at:
                    poll.unregister(number)
            alive = [attacker for attacker in alive if not attacker.ended_at]
            if not self.attack.reads and self._server_connections() <= self._honest_connections():
                break
        poll.close()

    def _honest_connections(self):
        return 4 + 1  # honest.py's, and the one that asks for the metrics

    def _server_connections(self):
        time.sleep(0.1)
        return self.server.metric("dibs_connections")

    def _connections_left(self):
        """Of attackers, when their deadline is over: what the server itself says."""
        end = max(self.deadline, time.monotonic())
        while True:
            left = self._server_connections() - self._honest_connections()
            if left <= 0 or time.monotonic() >= end:
                return max(0, int(left))

    def memory_bound(self):
        sent = sum(attacker.sent for attacker in self.attackers)
        held = 0 if self.attack.reads else self.count * (OUTPUT_PAUSE + 2 * self.answer_bytes)
        return FIXED_BYTES + self.count * CONNECTION_BYTES + GROWTH * sent + held

    answer_bytes = 1 << 16

    def facts(self):
        """(what is held, what speaks against it; None: nothing)."""
        told = sorted({attacker.status for attacker in self.attackers} - self.attack.statuses)
        late = [one for one in self.attackers if not one.ended_at] if self.attack.reads else []
        bound = self.memory_bound()
        yield "every honest request is answered rightly", self.honest.wrong[:3] or None
        yield "honest clients were there", None if len(self.honest.times) > 20 else f"{len(self.honest.times)} answers"
        yield "attackers are told what is due", f"statuses {told}" if told else None
        yield "attackers are let go by their deadline", f"{len(late)} are not" if late else None
        yield "the server has none of them left", f"{self.left} left" if self.left else None
        yield ("memory is bounded",
               f"grew by {self.peak - self.before}, more than {bound}" if self.peak - self.before > bound else None)
        if len(self.attack.addresses) == 1:
            wrong = None if self.refused >= self.count - PER_ADDRESS else f"{self.refused:.0f} of {self.count}"
            yield "those past the bound of their address are refused", wrong

    def row(self):
        ends = [one.ended_at - self.started for one in self.attackers if one.ended_at]
        told = {status: sum(one.status == status for one in self.attackers) for status in
                sorted({one.status for one in self.attackers})}
        words = ", ".join(f"{status or 'closed'} {count}" for status, count in told.items())
        return (f"{self.attack.name:<30} {self.count:>6} {len(self.honest.times):>7} {self.honest.at(0.5):>8.2f} "
                f"{self.honest.at(0.99):>8.2f} {max(ends, default=0):>7.1f} "
                f"{(self.peak - self.before) / 1048576:>8.1f} {self.memory_bound() / 1048576:>8.1f}  {words}")


def calm(server, order, seconds):
    """Honest clients alone."""
    with Honest(server, order) as honest:
        time.sleep(seconds)
    report = honest.report
    print(f"{'attack':<30} {'count':>6} {'honest':>7} {'p50 ms':>8} {'p99 ms':>8} {'last s':>7} {'grew MiB':>8} "
          f"{'bound':>8}  told")
    print(f"{'none':<30} {'':>6} {len(report.times):>7} {report.at(0.5):>8.2f} {report.at(0.99):>8.2f}", flush=True)
    return report.wrong


def files_allowed():
    """Raises this process's bound of open files; the server, which is started by it, inherits the same."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def settle(server):
    """Until only the one who asks is connected."""
    end = time.monotonic() + 10
    while server.metric("dibs_connections") > 1 and time.monotonic() < end:
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description="Slow clients, with honest ones measured beside them.")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=0, help="go on with the attacks until then")
    parser.add_argument("--only", default="", help="attacks whose name has this text")
    asked = parser.parse_args()
    count = min(asked.connections, (files_allowed() - 400) // 4)
    passed, failures, started = 0, [], time.monotonic()
    server = Server(*SETTINGS)
    try:
        server.drop("wire", 9)
        status, order = server.ask("POST", cases_of.CLAIM.decode(), {"sku": "unit", "quantity": 3},
                                   Idempotency_Key=cases_of.KEY.decode())
        assert status == 201, order
        failures += calm(server, order["id"], 2)
        while True:
            for attack in attacks():
                if asked.only not in attack.name:
                    continue
                settle(server)
                play = Play(server, attack, count, order["id"])
                play.run()
                print(play.row(), flush=True)
                for fact, against in play.facts():
                    passed += against is None
                    failures += [] if against is None else [f"{attack.name}: {fact}: {against}"]
            if time.monotonic() - started >= asked.seconds:
                break
        said = server.said_since_start()
        passed += not said
        failures += [f"logged: {said[:3]}"] if said else []
    finally:
        server.close()
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
