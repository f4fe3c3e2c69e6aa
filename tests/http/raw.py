#!/usr/bin/python3
"""Raw bytes over real sockets to a real server: every case of cases/ by name, whole and in pieces.

    tests/http/raw.py [--seconds N] [--seed S] [--only TEXT] [--list]

Each case is sent whole, with an innocent request in the same segment behind it; the well-formed ones again cut in two
at every position, and all but the long ones byte by byte. In pieces means that the server has read one piece before
the next is sent: another connection asks and is answered meanwhile, and the one loop of this server takes sockets in
the order in which they became readable. So nothing here sleeps. Then, for --seconds, random rows of cases are cut in
random pieces; the seed says which.

Two servers are asked, one with its default bounds, one with small ones. Behind it all: no line was logged, no record
written, nothing sold to the thief, no connection left, and the server counted as many bad requests as there were.

Every case in every form is a test, and all random rows together are one; the last line is "N passed, N failed".
"""

import argparse
import collections
import random
import sys
import time

import case as cases_of
from case import SMUGGLED, get
from cases import all_cases
from cases.limits import Bounds
from server import Server
from wire import Wire, Wrong

BYTEWISE_MAX = 1500  # longer cases are not sent byte by byte
EVERY_CUT_MAX = 3000  # longer cases are cut at chosen positions
TOGETHER = 64  # connections at a time
SERVERS = {
    "default bounds": Bounds(),
    "small bounds": Bounds(line=256, headers=1024, count=16, body=1024, pipeline=1),
}


class Stage:
    """One server, what it has to answer, and what became of it."""

    def __init__(self, title, bounds):
        self.title, self.server = title, Server(*bounds.flags())
        self.cases = all_cases(bounds)
        self.passed, self.failures, self.innocent, self.refusals, self.sent, self.rows = 0, [], 0, 0, 0, 0
        self.server.drop("wire", 9)
        self.server.drop("canary", 1000000)
        self.server.drop("songbird", 9)
        self._claim_once()
        self._hear_the_canary()
        self.position = self._position()
        self.bad_before = self.server.metric("dibs_http_bad_requests_total")
        self.control = self._connect()

    def _connect(self):
        return Wire(self.server.port)

    def bytes_of(self, one):
        return one.wire.replace(cases_of.CREDENTIAL, self.server.key.encode())

    def _claim_once(self):
        status, order = self.server.ask("POST", cases_of.CLAIM.decode(), {"sku": "unit", "quantity": 3},
                                        Idempotency_Key=cases_of.KEY.decode())
        if status != 201:
            raise RuntimeError(f"no claim to repeat: {status} {order}")
        self.order = order["id"].encode()
        if len(self.server.key) != len(cases_of.CREDENTIAL):
            raise RuntimeError("the key is not as long as what stands for it, and so lengths would be wrong")

    def _hear_the_canary(self):
        """The thief's claim, sent openly, is granted: so one that came through would be seen."""
        wire = self._connect()
        wire.send(SMUGGLED.replace(b"canary", b"songbird").replace(cases_of.CREDENTIAL, self.server.key.encode()))
        answer = wire.answer()
        wire.close()
        if (answer.status, answer.request_id) != (201, "smuggled"):
            raise RuntimeError(f"the canary does not sing: {answer.status} {answer.body}")

    def _position(self):
        wire = self._connect()
        wire.send(get(b"/v1/drops/wire"))
        answer = wire.answer()
        wire.close()
        return answer.headers["dibs-position"]

    def barrier(self):
        """Everything that was sent before has been read behind it."""
        self.control.send(get())
        if self.control.answer().status != 200:
            raise Wrong("the server does not answer honest requests any more")

    # ---- what an answer must be ----

    def hold_answer(self, answer, status, one, is_last):
        if answer is None:
            raise Wrong(f"the connection ended instead of a {status}")
        if answer.status != status:
            raise Wrong(f"{answer.status} instead of {status}: {answer.body[:200]!r}")
        if answer.request_id == "smuggled":
            raise Wrong("a smuggled request was answered")
        if answer.closes != (is_last and one.end in ("last", "refused")):
            raise Wrong(f"it says Connection: {answer.headers.get('connection')}")
        if status == 201 and (self.order not in answer.body or "idempotency-replayed" not in answer.headers):
            raise Wrong(f"not the claim's own order: {answer.body[:200]!r}")

    def hold_answers(self, wire, one, interim=False):
        """The case's answers, in order; interim: a server that was kept waiting may have said to go on."""
        for number, status in enumerate(one.statuses):
            is_last = number + 1 == len(one.statuses)
            answer = wire.answer(one.bodiless)
            while interim and answer is not None and answer.status == 100:
                answer = wire.answer(one.bodiless)
            self.hold_answer(answer, status, one, is_last)
            if is_last and one.end == "refused" and answer.code() != one.code:
                raise Wrong(f"code {answer.code()!r} instead of {one.code!r}")
        self.refusals += one.end == "refused"

    def innocent_bytes(self):
        self.innocent += 1
        return get(headers=b"X-Request-Id: innocent-%d\r\n" % self.innocent)

    def hold_innocent(self, wire):
        answer = wire.answer()
        if answer is None or answer.status != 200 or answer.request_id != f"innocent-{self.innocent}":
            said = answer is not None and (answer.status, answer.request_id, answer.body[:200])
            raise Wrong(f"the innocent request behind it heard {said}")

    def hold_end(self, wire, one):
        """Behind the case: the connection is there for the next request, or it has ended."""
        if one.end == "kept":
            wire.send(self.innocent_bytes())
            self.hold_innocent(wire)
            wire.finish()
        wire.expect_end()

    # ---- the forms ----

    def check(self, form, one, play):
        """A test: plays it, and says how it went."""
        try:
            play()
            self.passed += 1
        except (Wrong, OSError, KeyError, ValueError) as fault:
            self.failures.append(f"{self.title}: {one.name} ({one.section}), {form}: {fault!r}")

    def whole(self, one):
        wire = self._connect()
        try:
            data = self.bytes_of(one)
            wire.send_while_reading(data if one.end == "cut" else data + self.innocent_bytes())
            if one.end == "cut":
                wire.finish()
            self.sent += 1
            self.hold_answers(wire, one)
            if one.end == "kept":
                self.hold_innocent(wire)
                wire.finish()
            wire.expect_end()
        finally:
            wire.close()

    def cuts(self, size):
        """Every position within; of a long case some, and the last ones."""
        if size <= EVERY_CUT_MAX:
            return range(1, size)
        return sorted({*range(1, size, size // 40), *range(size - 8, size)})

    def in_two(self, one):
        data, wires = self.bytes_of(one), []
        try:
            cuts = self.cuts(len(data))
            for at in range(0, len(cuts), TOGETHER):
                wires = self._cut_together(one, data, cuts[at:at + TOGETHER], wires if one.end == "kept" else [])
            for wire in wires:
                if one.end == "kept":
                    self.hold_end(wire, one)
        finally:
            for wire in wires:
                wire.close()

    def _cut_together(self, one, data, cuts, wires):
        while len(wires) < len(cuts):
            wires.append(self._connect())
        for wire, cut in zip(wires, cuts):
            wire.send_while_reading(data[:cut])
        self.barrier()
        for wire, cut in zip(wires, cuts):
            wire.send_while_reading(data[cut:])
        for wire, cut in zip(wires, cuts):
            self.sent += 1
            try:
                self.hold_answers(wire, one, interim=True)
                if one.end != "kept":
                    wire.expect_end()
                    wire.close()
            except Wrong as fault:
                raise Wrong(f"cut at {cut}: {fault}") from None
        return wires

    def byte_by_byte(self, together):
        """These cases at once, a byte of each at a time; who has been refused already is sent no more."""
        rows = [(one, self.bytes_of(one), self._connect()) for one in together]
        for at in range(max(len(data) for _, data, _ in rows)):
            for one, data, wire in rows:
                if at < len(data) and not (one.end == "refused" and self._has_heard(wire, len(one.statuses))):
                    wire.send(data[at:at + 1])
            self.barrier()
        for one, _, wire in rows:
            self.sent += 1
            self.check("byte by byte", one, lambda one=one, wire=wire: self._end_of_bytes(one, wire))
            wire.close()

    @staticmethod
    def _has_heard(wire, count):
        wire.take_what_came()
        return wire.pending.count(b"HTTP/1.1 ") >= count

    def _end_of_bytes(self, one, wire):
        if one.end == "cut":
            wire.finish()
        self.hold_answers(wire, one, interim=True)
        self.hold_end(wire, one)

    # ---- random rows in random pieces ----

    def row(self, rng, kept, ends):
        """Some cases behind each other, as one case."""
        row = rng.choices(kept, k=rng.randint(1, 5))
        last = rng.choice(ends) if rng.random() < 0.4 else row[-1]
        row = row[:-1] + [last] if last is not row[-1] else row
        statuses = tuple(status for one in row for status in one.statuses)
        name = " + ".join(one.name for one in row)
        return cases_of.Case(name, "random rows", b"".join(one.wire for one in row), statuses, last.end, last.code)

    def random_rows(self, rng, seconds):
        kept = [one for one in self.cases if one.end == "kept" and not one.bodiless and len(one.wire) < 3000]
        ends = [one for one in self.cases if one.end in ("last", "refused") and len(one.wire) < 3000]
        end, passed = time.monotonic() + seconds, self.passed
        while time.monotonic() < end:
            self.rows_together([self.row(rng, kept, ends) for _ in range(TOGETHER)], rng)
        self.rows, self.passed = self.passed - passed, passed + 1  # how many there are is a matter of time

    def rows_together(self, rows, rng):
        plays = []
        for one in rows:
            data = self.bytes_of(one)
            marks = sorted(rng.sample(range(1, len(data)), min(rng.randint(0, 6), len(data) - 1)))
            plays.append((one, self._connect(), [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)])]))
        for turn in range(7):
            for _, wire, pieces in plays:
                if turn < len(pieces):
                    wire.send_while_reading(pieces[turn])
            self.barrier()
        for one, wire, pieces in plays:
            self.sent += 1
            cut = [len(piece) for piece in pieces]
            self.check(f"in pieces of {cut}", one, lambda one=one, wire=wire: self._end_of_bytes(one, wire))
            wire.close()

    # ---- behind it all ----

    def nothing_was_logged(self):
        if self.server.said_since_start():
            raise Wrong(f"on stderr: {self.server.said_since_start()[:5]}")

    def nothing_was_recorded(self):
        if self._position() != self.position:
            raise Wrong(f"the log is at {self._position()}, and was at {self.position}")

    def nothing_was_sold_to_the_thief(self):
        drop = self.server.ask("GET", "/v1/drops/canary")[1]
        if drop["granted"] or drop["skus"][0]["free"] != 1000000:
            raise Wrong(f"the canary drop: {drop}")

    def no_connection_is_left(self):
        end = time.monotonic() + 10  # a client that has closed is seen in the next round
        self.control.close()
        while self.server.metric("dibs_connections") > 1:
            if time.monotonic() > end:
                raise Wrong(f"{self.server.metric('dibs_connections')} connections are left")

    def bad_requests_were_counted(self):
        counted = self.server.metric("dibs_http_bad_requests_total") - self.bad_before
        if counted != self.refusals:
            raise Wrong(f"the server counted {counted:.0f} bad requests; there were {self.refusals}")

    def it_stops(self):
        if self.server.stop() != 0:
            raise Wrong(f"exit {self.server.process.returncode}: {self.server.lines[-5:]}")

    def afterwards(self):
        everything = cases_of.Case("behind all cases", self.title, b"", (), "kept")
        checks = [self.nothing_was_logged, self.nothing_was_recorded, self.nothing_was_sold_to_the_thief,
                  self.no_connection_is_left, self.it_stops]
        if not self.failures:  # a case that failed may have been refused where it should not
            checks.insert(3, self.bad_requests_were_counted)
        for check in checks:
            self.check(check.__name__, everything, check)


def play(stage, rng, seconds, is_first):
    """Other bounds make other cases of the bounds; the rest is cut for the first server only."""
    for one in stage.cases:
        stage.check("whole", one, lambda one=one: stage.whole(one))
    for one in stage.cases:
        if one.well and (is_first or one.section == "bounds of net.h"):
            stage.check("cut in two", one, lambda one=one: stage.in_two(one))
    short = [one for one in stage.cases if 0 < len(one.wire) <= BYTEWISE_MAX]
    for at in range(0, len(short), TOGETHER):
        stage.byte_by_byte(short[at:at + TOGETHER])
    stage.random_rows(rng, seconds)
    stage.afterwards()


def main():
    parser = argparse.ArgumentParser(description="Raw HTTP cases against a real server.")
    parser.add_argument("--seconds", type=float, default=2, help="random rows, for each server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="cases whose name has this text")
    parser.add_argument("--list", action="store_true", help="name the cases and send nothing")
    asked = parser.parse_args()
    if asked.list:
        for one in all_cases(Bounds()):
            print(f"{one.section}\t{one.name}\t{' '.join(map(str, one.statuses))}\t{one.end}")
        return 0
    passed, failures, rng = 0, [], random.Random(asked.seed)
    for title, bounds in SERVERS.items():
        started, stage = time.monotonic(), Stage(title, bounds)
        try:
            stage.cases = [one for one in stage.cases if asked.only in one.name]
            play(stage, rng, asked.seconds, bounds is SERVERS["default bounds"])
        finally:
            stage.server.close()
        sections = collections.Counter(one.section for one in stage.cases)
        print(f"{title}: {len(stage.cases)} cases in {len(sections)} groups, sent {stage.sent} times, "
              f"{stage.rows} of them in random rows, in {time.monotonic() - started:.1f} s, seed {asked.seed}")
        passed, failures = passed + stage.passed, failures + stage.failures
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
