"""The rows of the table that `make bench` prints: how each is measured.

Every function yields (row's name, sample) pairs; a row's figure is the median of its samples. Where two sides are
compared they take turns, so that what the machine does meanwhile falls on both.
"""
import json
import os
import signal
import socket
import statistics
import time

from machinery import Bare, Dibs, Failed, Peer, say

PLENTY = 100_000_000  # units: nobody is refused
ROOM = ("--orders-max", "4000000")  # one run's orders, and twice that
SLOW_CONNECTIONS = 1000
IDLE_CONNECTIONS = 10_000


def median(values):
    return statistics.median(values)


def spent(server, *apart):
    return sum(seconds for name, seconds in server.thread_seconds().items() if name not in apart)


def won_on_fresh_dibs(bench, flags=(), environment=None, **how):
    with Dibs(bench, flags=(*ROOM, *flags), environment=environment) as dibs:
        dibs.make_drop("bench", PLENTY)
        before = spent(dibs, "follower")
        result = bench.won(dibs, **how)
        result["cpu"] = (spent(dibs, "follower") - before) / result["requests"]
        bench.greatest = max(bench.greatest, result["rate"])
        return result


def on_bare(bench, **how):
    with Bare(bench) as bare:
        before = spent(bare)
        result = bench.wrk(bare, **how)
        result["cpu"] = (spent(bare) - before) / result["requests"]
        return result


def durable(bench):
    for turn in range(bench.times):
        bare, dibs = on_bare(bench), won_on_fresh_dibs(bench)
        say(f"    {turn + 1}: dibs {dibs['rate']:,.0f}/s, {dibs['cpu'] * 1e6:.2f} us of processor each;"
            f" bare {bare['rate']:,.0f}/s, {bare['cpu'] * 1e6:.2f} us")
        yield "durable", dibs["rate"] / bare["rate"]
        yield "processor", dibs["cpu"] / bare["cpu"]


def sold_out(bench):
    with Dibs(bench) as dibs:
        dibs.make_drop("bench", 1)
        bench.wrk(dibs, seconds=1)  # somebody gets the one
        for turn in range(bench.times):
            bare = on_bare(bench)
            ours = bench.wrk(dibs)
            if ours["not_2xx"] != ours["requests"]:
                raise Failed("somebody got what was sold out")
            say(f"    {turn + 1}: dibs {ours['rate']:,.0f}/s, bare {bare['rate']:,.0f}/s")
            yield "sold-out", ours["rate"] / bare["rate"]


def peer(bench):
    bench.build_peer()
    for turn in range(bench.times):
        with Peer(bench, PLENTY) as server:
            theirs = bench.won(server)
        ours = won_on_fresh_dibs(bench)
        say(f"    {turn + 1}: dibs {ours['rate']:,.0f}/s, Go and Redis {theirs['rate']:,.0f}/s")
        yield "peer", ours["rate"] / theirs["rate"]


# ---- the read model ----

def burst_of_orders(bench, dibs, orders):
    """So many orders as fast as they are granted."""
    dibs.make_drop("burst", PLENTY)
    report = bench.rehearse(dibs, "burst", ["--buyers", str(orders), "--rate", str(max(bench.greatest, 200_000)),
                                            "--connections", "512"])
    if report["granted"] != orders:
        raise Failed(f"{report['granted']} of {orders} claims were granted")


def follower(bench):
    orders = 100_000
    for turn in range(bench.times):
        with Dibs(bench, flags=ROOM) as dibs:
            burst_of_orders(bench, dibs, orders)
            lag = dibs.wait_for_read_model()
            data = dibs.data
        for name in os.listdir(data):
            if name.startswith("store"):
                os.remove(os.path.join(data, name))
        with Dibs(bench, data=data, flags=ROOM) as dibs:
            began = time.monotonic()
            dibs.wait_for_read_model()
            took = time.monotonic() - began + dibs.ready_after
            rows = dibs.metrics()["dibs_store_orders_total"]
        say(f"    {turn + 1}: lag {lag:.2f} s; {rows:,.0f} rows written again in {took:.2f} s, the start included")
        yield "follower-lag", lag
        yield "follower-rate", rows / took


# ---- open loops ----

def burst(bench):
    own = []
    with Bare(bench) as bare:
        for _ in range(bench.times):
            own.append(bench.rehearse(bare, "bench", ["--buyers", "10000", "--burst"])["elapsed_s"])
    say(f"    the crowd's own limits, against bare: all answered within {median(own):.3f} s")
    with Dibs(bench) as dibs:
        for turn in range(bench.times):
            drop = f"burst-{turn}"
            dibs.make_drop(drop, 100)
            report = bench.rehearse(dibs, drop, ["--buyers", "10000", "--burst"])
            if report["failed"] or report["granted"] != 100 or report["refused"] != 9900:
                raise Failed(f"granted {report['granted']}, refused {report['refused']}, failed {report['failed']}")
            say(f"    {turn + 1}: all answered within {report['elapsed_s']:.3f} s; slowest, from its sending,"
                f" {report['service_s']['max'] * 1e3:.0f} ms")
            yield "burst-all", report["elapsed_s"]
            yield "burst-slowest", report["service_s"]["max"] * 1e3


def open_loop(bench):
    if not bench.greatest:
        won_on_fresh_dibs(bench)
    rate = bench.greatest / 2
    words = ["--buyers", str(int(rate * bench.seconds)), "--rate", f"{rate:.0f}", "--connections", "256"]
    with Bare(bench) as bare:
        own = bench.rehearse(bare, "bench", words)
    say(f"    {rate:,.0f} claims/s, half of the greatest rate. The crowd's own limits, against bare:"
        f" p99 {own['latency_s']['p99'] * 1e3:.2f} ms, sent late by p99 {own['own_limits']['late_s']['p99'] * 1e3:.2f} ms")
    for turn in range(bench.times):
        with Dibs(bench, flags=ROOM) as dibs:
            dibs.make_drop("open", PLENTY)
            report = bench.rehearse(dibs, "open", words)
        if report["granted"] != report["claims"]:
            raise Failed(f"{report['granted']} of {report['claims']} claims were granted")
        say(f"    {turn + 1}: p50 {report['latency_s']['p50'] * 1e3:.2f} ms, p99"
            f" {report['latency_s']['p99'] * 1e3:.2f} ms, sent late by p99"
            f" {report['own_limits']['late_s']['p99'] * 1e3:.2f} ms")
        yield "open-loop", report["latency_s"]["p99"] * 1e3


def slow_disk(bench):
    slow = {"LD_PRELOAD": bench.slow_sync}
    for turn in range(bench.times):
        fast = won_on_fresh_dibs(bench, connections=SLOW_CONNECTIONS)
        late = won_on_fresh_dibs(bench, connections=SLOW_CONNECTIONS, environment=slow)
        say(f"    {turn + 1}: fast disk {fast['rate']:,.0f}/s, slow disk {late['rate']:,.0f}/s, p50 {late['p50_ms']:.1f} ms")
        yield "slow-disk", late["rate"] / fast["rate"]
        yield "slow-disk-p50", late["p50_ms"]


# ---- the core, by its own program ----

def core(bench):
    most = 1_000_000 if bench.quick else 10_000_000
    for turn in range(bench.times):
        values = bench.lines_of([bench.apply, str(most)])
        say(f"    {turn + 1}: " + ", ".join(f"{name} {value:g}" for name, value in values.items()))
        yield "apply-6", values["apply-1000000"]
        if not bench.quick:
            yield "apply-7", values["apply-10000000"]
        yield "cost", max(values[f"cost-{most}"] / values["cost-1000"],
                          values["cost-drops-5000"] / values["cost-drops-1"])
        yield "memory-buyer", values["memory-1000000"]


# ---- memory of a connection ----

def open_idle(dibs, count):
    """Connections that have asked once and are kept."""
    request = b"GET /livez HTTP/1.1\r\nHost: bench\r\n\r\n"
    idle = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", dibs.port), 10)
        one.sendall(request)
        idle.append(one)
    for one in idle:
        if not one.recv(4096).startswith(b"HTTP/1.1 200"):
            raise Failed("an idle connection was refused")
    return idle


def idle(bench):
    for turn in range(bench.times):
        with Dibs(bench) as dibs:
            warm = open_idle(dibs, 100)  # what is taken once, for all
            before = dibs.resident_bytes()
            held = open_idle(dibs, IDLE_CONNECTIONS)
            each = (dibs.resident_bytes() - before) / IDLE_CONNECTIONS
            said = dibs.metrics()["dibs_connection_bytes"]
            for one in warm + held:
                one.close()
        say(f"    {turn + 1}: the process grew by {each:,.0f} B for each; it says {said:,.0f} B")
        yield "memory-idle", each


# ---- starting again ----

def fill(bench, dibs, records):
    dibs.make_drop("fill", PLENTY)
    rate = bench.greatest or 50_000
    while (have := dibs.metrics()["dibs_log_durable"]) < records:
        say(f"    filling: {have:,.0f} of {records:,} records")
        seconds = min(20, int((records - have) / rate) + 1)
        rate = bench.won(dibs, drop="fill", seconds=seconds)["rate"]


def said_when_starting(dibs, event):
    """The last line of that event that the server wrote."""
    found = None
    for line in dibs.messages().splitlines():
        if f'"event":"{event}"' in line:
            found = json.loads(line)
    if not found:
        raise Failed(f"the server did not say {event}")
    return found


def start_again(bench):
    records = 1_000_000 if bench.quick else 10_000_000
    flags = ("--orders-max", str(records * 2))
    none = (*flags, "--snapshot-records", "0")
    dibs = Dibs(bench, flags=none)
    data = dibs.data
    try:
        fill(bench, dibs, records)
    finally:
        dibs.stop(signal.SIGKILL)
    for turn in range(bench.times):
        dibs = Dibs(bench, data=data, flags=none)
        dibs.stop(signal.SIGKILL)
        folded = said_when_starting(dibs, "folded")
        rate = (folded["sequence"] - folded["snapshot"]) / folded["ms"] / 1e3
        say(f"    {turn + 1}: {folded['sequence'] - folded['snapshot']:,} records folded in {folded['ms']} ms")
        yield "fold", rate
    often = (*flags, "--snapshot-records", "500000", "--snapshot-interval", "1s")
    with Dibs(bench, data=data, flags=often) as dibs:
        say("    waiting for the read model and a snapshot")
        dibs.wait_for_read_model(patience=900)
        time.sleep(1)
    for turn in range(bench.times):
        dibs = Dibs(bench, data=data, flags=often)
        bench.won(dibs, drop="fill", seconds=1)  # so that there is something to fold behind the snapshot
        dibs.stop(signal.SIGKILL)
        dibs = Dibs(bench, data=data, flags=often)
        dibs.stop(signal.SIGKILL)
        folded = said_when_starting(dibs, "folded")
        if not folded["snapshot"]:
            raise Failed("there was no snapshot to start from")
        say(f"    {turn + 1}: ready after {dibs.ready_after:.2f} s, from the snapshot of record {folded['snapshot']:,},"
            f" {folded['orders']:,} orders")
        yield "ready", dibs.ready_after


MEASUREMENTS = [durable, sold_out, follower, peer, burst, open_loop, slow_disk, core, idle, start_again]
