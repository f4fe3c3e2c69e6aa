"""What the rows of bench/run.py are made with: servers that are started and stopped by their process id, wrk, rehearse.

Everything runs on this machine, in a throw-away folder. Nothing here knows what is measured.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 60.0  # seconds for a server to start or stop; folding ten million records is within it
CONNECTIONS = 128


class Failed(Exception):
    """A row that could not be measured; the others go on."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """One server. Ended by its own id, whatever happens to the row that uses it."""

    def __init__(self, words, messages, environment=None):
        self.log_path = messages
        self.log = open(messages, "ab")
        env = dict(os.environ, **(environment or {}))
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=env)
        self.pid = self.process.pid

    def messages(self):
        with open(self.log_path, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def must_run(self):
        if self.process.poll() is not None:
            last = self.messages().strip().splitlines()[-1:] or ["nothing"]
            raise Failed(f"{self.process.args[0]} ended with {self.process.returncode}; it said: {last[0]}")

    def wait_for_port(self, port):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            self.must_run()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise Failed(f"{self.process.args[0]} does not listen")

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # ---- what the kernel knows of it ----

    def thread_seconds(self):
        """Processor time of each thread so far, by the thread's name."""
        seconds = {}
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            base = f"/proc/{self.pid}/task/{thread}"
            try:
                with open(f"{base}/schedstat") as stat, open(f"{base}/comm") as comm:
                    name = comm.read().strip()
                    seconds[name] = seconds.get(name, 0.0) + int(stat.read().split()[0]) / 1e9
            except OSError:
                continue  # it has ended in between
        return seconds

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024


class Dibs(Process):
    def __init__(self, bench, data=None, flags=(), environment=None):
        self.port = free_port()
        self.data = data or bench.folder("data")
        self.started = time.monotonic()
        super().__init__(
            [bench.dibs, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}", *flags],
            os.path.join(bench.scratch, "dibs.log"), environment)
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        with open(os.path.join(self.data, "admin.key")) as file:
            self.key = file.readline().strip()

    def wait_until_ready(self):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            self.must_run()
            try:
                if self.ask("GET", "/readyz", patience=5)[0] == 200:
                    self.ready_after = time.monotonic() - self.started
                    return
            except OSError:
                pass
            time.sleep(0.005)
        raise Failed("dibs does not get ready")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, patience=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if getattr(self, "key", None):
            headers["Authorization"] = f"Bearer {self.key}"
        if method in ("PUT", "POST"):
            headers["Idempotency-Key"] = f"bench-{time.monotonic_ns()}"
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def must(self, method, path, body=None):
        status, text = self.ask(method, path, body)
        if not 200 <= status < 300:
            raise Failed(f"{method} {path}: {status} {text}")
        return text

    def make_drop(self, drop, stock, hold_seconds=0):
        self.must("PUT", f"/v1/drops/{drop}", {
            "title": "bench", "skus": [{"id": "unit", "stock": stock, "price": 100}], "currency": "EUR",
            "limit_per_buyer": 1, "hold_seconds": hold_seconds})
        self.must("POST", f"/v1/drops/{drop}/open")

    def metrics(self):
        values = {}
        for line in self.must("GET", "/metrics").splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def wait_for_read_model(self, patience=PATIENCE):
        """Until the store has every durable record; returns how long that took."""
        began = time.monotonic()
        while time.monotonic() < began + patience:
            values = self.metrics()
            if values["dibs_store_position"] >= values["dibs_log_durable"]:
                return time.monotonic() - began
            time.sleep(0.005)
        raise Failed("the read model does not catch up")


class Bare(Process):
    key = "dibs_shop_bare"

    def __init__(self, bench):
        self.port = free_port()
        super().__init__([bench.bare, "--listen", f"127.0.0.1:{self.port}", "--loops", "1"],
                         os.path.join(bench.scratch, "bare.log"))
        try:
            self.wait_for_port(self.port)
        except BaseException:
            self.stop()
            raise

    url = Dibs.url

    def make_drop(self, drop, stock, hold_seconds=0):
        """It answers 201 to everything."""


class Peer:
    """Redis, synced on every write, and the Go server before it."""
    key = "unused"

    def __init__(self, bench, stock):
        self.port = free_port()
        folder = bench.folder("redis")
        socket_path = os.path.join(folder, "redis.sock")
        self.redis = Process(
            ["redis-server", "--port", "0", "--unixsocket", socket_path, "--dir", folder, "--appendonly", "yes",
             "--appendfsync", "always", "--save", "", "--auto-aof-rewrite-percentage", "0"],
            os.path.join(bench.scratch, "redis.log"))
        self.front = None
        try:
            self.wait_for_socket(socket_path)
            self.front = Process([bench.peer, "-listen", f"127.0.0.1:{self.port}", "-redis", socket_path, "-drop",
                                  "bench", "-stock", str(stock)], os.path.join(bench.scratch, "peer.log"))
            self.front.wait_for_port(self.port)
        except BaseException:
            self.stop()
            raise

    url = Dibs.url

    def wait_for_socket(self, path):
        until = time.monotonic() + PATIENCE
        while not os.path.exists(path):
            self.redis.must_run()
            if time.monotonic() > until:
                raise Failed("redis-server does not start")
            time.sleep(0.01)

    def stop(self):
        if self.front:
            self.front.stop()
        self.redis.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Bench:
    """The build, the throw-away folder, and the tools."""

    def __init__(self, build, quick):
        here = os.path.dirname(os.path.abspath(__file__))
        self.here, self.quick = here, quick
        self.dibs = os.path.join(build, "src", "cli", "dibs")
        self.bare = os.path.join(build, "bench", "bare")
        self.apply = os.path.join(build, "bench", "apply_bench")
        self.store_rate = os.path.join(build, "bench", "store_rate")
        self.slow_sync = os.path.join(build, "bench", "slow_sync.so")
        self.peer = os.path.join(build, "bench", "peer-redis")
        self.scratch = tempfile.mkdtemp(prefix="dibs-bench-")
        self.seconds = 2 if quick else 5
        self.times = 3 if quick else 5
        self.runs = 0
        self.greatest = 0.0  # durable claims a second, best seen

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def folder(self, name):
        return tempfile.mkdtemp(prefix=name + "-", dir=self.scratch)

    def run_name(self):
        self.runs += 1
        return f"b{os.getpid() % 100000}x{self.runs}"

    def build_peer(self):
        """By Debian's Go, whose version the peer's modules are chosen for."""
        go = shutil.which("go", path="/usr/lib/go-1.19/bin:/usr/bin") or shutil.which("go")
        if not go:
            raise Failed("no Go: scripts/deps.sh bench")
        done = subprocess.run([go, "build", "-o", self.peer, "."], cwd=os.path.join(self.here, "peer-redis"),
                              capture_output=True, text=True, env=dict(os.environ, GOTOOLCHAIN="local"))
        if done.returncode:
            raise Failed("go build: " + (done.stderr.strip().splitlines() or ["?"])[-1])

    def wrk(self, server, drop="bench", connections=CONNECTIONS, seconds=None):
        done = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds or self.seconds}s", "--timeout", "30s", "-s",
             os.path.join(self.here, "claims.lua"), server.url, "--", drop, self.run_name(), server.key],
            capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise Failed("wrk: " + (done.stderr or done.stdout).strip())
        result = json.loads(lines[-1])
        result["rate"] = result["requests"] / result["seconds"]
        if result["lost"]:
            raise Failed(f"wrk lost {result['lost']} requests")
        return result

    def won(self, server, **how):
        """A closed loop in which everybody gets one."""
        result = self.wrk(server, **how)
        if result["not_2xx"]:
            raise Failed(f"{result['not_2xx']} of {result['requests']} claims were not granted")
        return result

    def rehearse(self, server, drop, words):
        key = os.path.join(self.scratch, "key")
        with open(key, "w") as file:
            file.write(server.key + "\n")
        done = subprocess.run(
            [self.dibs, "rehearse", "--server", server.url, "--drop", drop, "--key-file", key, "--quiet", "--json",
             "--no-check", "--run", self.run_name(), *words], capture_output=True, text=True)
        if done.returncode:
            raise Failed("dibs rehearse: " + done.stderr.strip())
        return json.loads(done.stdout)["report"]

    def lines_of(self, words):
        """Of a program that prints `name value unit`."""
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"{words[0]}: {done.stderr.strip()}")
        values = {}
        for line in done.stdout.splitlines():
            match = re.match(r"(\S+)\s+([0-9.]+)\s", line)
            if match:
                values[match.group(1)] = float(match.group(2))
        return values
