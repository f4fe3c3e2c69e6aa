"""Honest clients, in a process of their own, so that what they measure is the server and not whoever attacks it.

They ask one after another over kept connections: is it alive, how does the drop stand, and the claim that was made
before, again. Every answer is looked at; its time is noted.
"""

import json
import multiprocessing
import time

from case import CREDENTIAL, get, sized
from wire import Wire, Wrong

CONNECTIONS = 4
PAUSE_SECONDS = 0.002  # some hundreds of requests a second: a measure, not a load


class Report:
    def __init__(self, times, wrong):
        self.times, self.wrong = sorted(times), wrong

    def at(self, share):
        """The time in ms that this share of the answers took at most."""
        return self.times[min(len(self.times) - 1, int(len(self.times) * share))] * 1000 if self.times else 0.0


def _ask(wires, number, data):
    """An answer. A kept connection may have been closed for idleness meanwhile: then it is asked on a new one."""
    try:
        wires[number].send(data)
        answer = wires[number].answer()
    except Wrong:
        answer = None
    if answer is None:
        wires[number].close()
        wires[number] = Wire(wires[number].port)
        wires[number].send(data)
        answer = wires[number].answer()
    return answer


def _ask_all(port, key, order, stop, results):
    times, wrong = [], []
    claim = sized().replace(CREDENTIAL, key.encode())
    asks = [(get(), 200, b'"alive"'), (get(b"/v1/drops/wire"), 200, b'"wire"'), (claim, 201, order.encode())]
    wires = [Wire(port) for _ in range(CONNECTIONS)]
    turn = 0
    while not stop.is_set() and len(wrong) < 20:
        data, status, word = asks[turn % len(asks)]
        turn += 1
        started = time.perf_counter()
        try:
            answer = _ask(wires, turn % CONNECTIONS, data)
            times.append(time.perf_counter() - started)
            if answer is None or answer.status != status or word not in answer.body:
                wrong.append(f"{answer and (answer.status, answer.body[:200])} instead of {status}")
        except Wrong as fault:
            wrong.append(str(fault))
        time.sleep(PAUSE_SECONDS)
    results.send(json.dumps({"times": times, "wrong": wrong}))


class Honest:
    """with Honest(server, order) as honest: … ; honest.report"""

    def __init__(self, server, order):
        self._stop = multiprocessing.Event()
        self._results, end = multiprocessing.Pipe(duplex=False)
        self._process = multiprocessing.Process(target=_ask_all, daemon=True,
                                                args=(server.port, server.key, order, self._stop, end))
        self.report = None

    def __enter__(self):
        self._process.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        said = json.loads(self._results.recv()) if self._results.poll(60) else {"times": [], "wrong": ["no report"]}
        self._process.join(10)
        self.report = Report(said["times"], said["wrong"])
