"""What every story stands on: a real server, on a throw-away data directory and a free port.

    server        one server for this test alone
    shared        one server for all tests of a file; each test makes drops of its own
    make_server   a function: make_server("--eligibility", "simulated", …) starts another one

The program is DIBS_BIN (default build/src/cli/dibs). Everything that is started is stopped, by its process id.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIBS = os.environ.get("DIBS_BIN", str(ROOT / "build" / "src" / "cli" / "dibs"))
START_SECONDS = 60.0  # a sanitized server on a busy machine is slow to start
SETTINGS = ["--listen", "127.0.0.1:0", "--segment-size", "4MiB"]  # small segments: a start need not fill 64 MiB

_numbers = itertools.count(1)


def environment(**more):
    """This process's environment without any DIBS_ setting in it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DIBS_")}
    return {**clean, **more}


def run_dibs(*args, stdin=None, env=None, timeout=60, cwd=None):
    """Runs the program to its end; returns the CompletedProcess with text output."""
    return subprocess.run([DIBS, *map(str, args)], input=stdin, capture_output=True, text=True,
                          env=environment(**(env or {})), timeout=timeout, cwd=cwd,
                          **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))


def unique(prefix):
    """An id that no other test of this run uses: "drop-1", "drop-2", …"""
    return f"{prefix}-{next(_numbers)}"


def _base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Server:
    """A running `dibs serve`, and the credentials to talk to it."""

    def __init__(self, data, *flags):
        self.data = pathlib.Path(data)
        self.flags = list(flags)
        self.process = None
        self.lines = []  # the log lines of stderr, parsed; what is no JSON stands as {"text": …}
        self._keys = {}
        self._clients = []
        self._http = httpx.Client(verify=False, timeout=30)  # kept: making one costs more than a request
        self.start()

    # ---- its life ----

    def start(self, *more, port=0):
        """Starts and waits until it is ready; raises with its stderr when it ends instead."""
        settings = list(SETTINGS)
        if port:
            settings[1] = f"127.0.0.1:{port}"
        self.lines = []
        self.process = subprocess.Popen([DIBS, "serve", "--data", str(self.data), *settings, *self.flags, *more],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env=environment(), text=True)
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr, self.lines), daemon=True)
        self._reader.start()
        self.port = self.wait_for("listening")["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self._wait_ready()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            try:
                parsed = json.loads(line)
                lines.append(parsed if isinstance(parsed, dict) else {"text": line})
            except ValueError:
                lines.append({"text": line.rstrip("\n")})

    def wait_for(self, event, seconds=START_SECONDS):
        """The first log line of this event since the start."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in list(self.lines):
                if line.get("event") == event:
                    return line
            if self.process.poll() is not None and not self._reader.is_alive():
                break
            time.sleep(0.005)
        raise RuntimeError(f"no {event!r} line; exit {self.process.poll()}; stderr: {self.lines}")

    def _wait_ready(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self._reader.join(5)
                raise RuntimeError(f"exit {self.process.returncode} before it was ready: {self.lines}")
            try:
                if self._http.get(self.url + "/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.01)
        raise RuntimeError(f"not ready after {START_SECONDS} s: {self.lines}")

    def kill9(self):
        """kill -9, and waits until it is gone."""
        self.process.kill()
        self.process.wait()
        self._reader.join(10)

    def stop(self, seconds=30):
        """A graceful stop; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise
        self._reader.join(10)
        return self.process.returncode

    def restart(self, *more):
        """Starts again (after kill9() or stop(); a running one is stopped first). The port may be another."""
        if self.process.poll() is None:
            self.stop()
        self.start(*more)

    def close(self):
        for client in [self._http, *self._clients]:
            client.close()
        if self.process.poll() is None:
            self.stop()

    # ---- who asks ----

    @property
    def admin_key(self):
        return (self.data / "admin.key").read_text().strip()

    def key(self, role):
        """The text of an API key of this role, made once."""
        if role not in self._keys:
            answer = self.client().post("/v1/keys", json={"name": f"story {role}", "role": role},
                                        headers={"Idempotency-Key": f"story-{role}"})
            assert answer.status_code == 201, answer.text
            self._keys[role] = answer.json()["key"]
        return self._keys[role]

    def shop_key(self):
        return self.key("shop")

    def viewer_key(self):
        return self.key("viewer")

    def token(self, buyer, ttl=3600, kid=None, secret=None, header=None, **claims):
        """A buyer token, signed here and not by the program, so that the two can disagree."""
        if kid is None:
            kid = sorted((self.data / "tokens").glob("*.key"))[0].stem
        if secret is None:
            secret = (self.data / "tokens" / f"{kid}.key").read_bytes().rstrip(b"\r\n")
        head = {"alg": "HS256", "typ": "JWT", "kid": kid} if header is None else header
        body = {"sub": buyer, "aud": "dibs", "exp": int(time.time()) + ttl, **claims}
        body = {name: value for name, value in body.items() if value is not None}
        signed = _base64url(json.dumps(head).encode()) + "." + _base64url(json.dumps(body).encode())
        return signed + "." + _base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())

    def client(self, credential=None, **more):
        """An httpx client with this credential (default: the admin key); credential="" is nobody."""
        credential = self.admin_key if credential is None else credential
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        client = httpx.Client(base_url=self.url, headers={**headers, **more.pop("headers", {})}, timeout=30,
                              verify=False, **more)
        self._clients.append(client)
        return client

    def buyer(self, name):
        """A client that asks as this buyer."""
        return self.client(self.token(name))

    # ---- what stories do again and again ----

    def drop(self, id=None, stock=1, skus=None, open=True, **spec):
        """Makes a drop (and opens it); returns its id."""
        id = id or unique("drop")
        skus = skus or [{"id": "unit", "stock": stock, "price": 1000}]
        body = {"title": f"Story {id}", "currency": "EUR", "skus": skus, "hold_seconds": 600, "limit_per_buyer": 1,
                **spec}
        admin = {"Authorization": f"Bearer {self.admin_key}"}
        answer = self._http.put(f"{self.url}/v1/drops/{id}", json=body, headers=admin)
        assert answer.status_code == 201, answer.text
        if open and "opens_at" not in spec:
            answer = self._http.post(f"{self.url}/v1/drops/{id}/open", headers=admin)
            assert answer.status_code == 200, answer.text
        return id

    def claim(self, drop, buyer, key=None, client=None, **body):
        """Claims for this buyer with a shop key; returns the answer."""
        headers = {"Idempotency-Key": key} if key else {}
        content = {"json": body} if body else {}
        url = f"{self.url}/v1/drops/{drop}/buyers/{buyer}/orders"
        headers["Authorization"] = f"Bearer {self.shop_key()}"
        return (client or self._http).post(url, headers=headers, timeout=30, **content)

    def dibs(self, *args, **more):
        """Runs a command of the program against this server and data directory."""
        return run_dibs(*args, env={"DIBS_SERVER": self.url, "DIBS_DATA": str(self.data), **more.pop("env", {})},
                        **more)

    def audit(self):
        """`dibs audit --json`, parsed; fails unless every promise holds."""
        done = run_dibs("audit", "--data", self.data, "--json", timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def _folder():
    return tempfile.mkdtemp(prefix="dibs-story-")


def _servers():
    running = []

    def make(*flags, data=None):
        folder = data or _folder()
        if data is None:
            running.append((None, folder))
        one = Server(folder, *map(str, flags))
        running.append((one, None))
        return one

    return make, running


def _end(running):
    for one, _ in running:
        if one is not None:
            one.close()
    for _, folder in running:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_server():
    make, running = _servers()
    try:
        yield make
    finally:
        _end(running)


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture(scope="module")
def shared():
    make, running = _servers()
    try:
        yield make()
    finally:
        _end(running)
