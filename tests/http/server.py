"""A real `dibs serve` on a throw-away data directory, for whoever attacks it, and what can be known about it from outside.

The program is DIBS_BIN (default build/src/cli/dibs). It listens on any address of this machine's loopback network, so
that clients can come from many addresses at once. What it says on stderr is kept: a client that misbehaves is no
reason for a line there.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIBS = os.environ.get("DIBS_BIN", str(ROOT / "build" / "src" / "cli" / "dibs"))
START_SECONDS = 60.0  # a busy machine

# Who is told to stop still stops its server, by way of close().
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Server:
    def __init__(self, *flags):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dibs-http-"))
        self.data = self.folder / "data"
        self.lines = []
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DIBS_")}
        self.process = subprocess.Popen(
            [DIBS, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", "--loops", "1", "--segment-size",
             "4MiB", *map(str, flags)], env=clean, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.port = self._wait_for("listening")["port"]
            self._wait_for("serving")
        except BaseException:
            self.close()
            raise
        self.key = (self.data / "admin.key").read_text().strip()
        self.lines_at_start = len(self.lines)

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def _wait_for(self, event):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and (self.process.poll() is None or self._reader.is_alive()):
            for line in list(self.lines):
                if f'"event":"{event}"' in line:
                    return json.loads(line)
            time.sleep(0.005)
        raise RuntimeError(f"no {event!r} line; exit {self.process.poll()}; stderr: {self.lines}")

    def said_since_start(self):
        """What stood on stderr after it began to serve."""
        return self.lines[self.lines_at_start:]

    def ask(self, method, path, body=None, credential=None, **headers):
        """(status, parsed body) of one honest request on a connection of its own."""
        credential = self.key if credential is None else credential
        content = json.dumps(body).encode() if body is not None else None
        lines = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json",
                 **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content, lines, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            status, text = refusal.code, refusal.read()
        return status, json.loads(text) if text[:1] in (b"{", b"[") else text

    def drop(self, name, stock, **spec):
        """Makes a drop and opens it."""
        body = {"title": name, "currency": "EUR", "skus": [{"id": "unit", "stock": stock, "price": 1}],
                "hold_seconds": 0, **spec}
        for status, said in (self.ask("PUT", f"/v1/drops/{name}", body), self.ask("POST", f"/v1/drops/{name}/open")):
            if status not in (200, 201):
                raise RuntimeError(f"no drop {name}: {status} {said}")

    def metric(self, name):
        text = self.ask("GET", "/metrics")[1].decode()
        return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def audit(self):
        """`dibs audit --json` of a server that has stopped: (exit status, what it said)."""
        done = subprocess.run([DIBS, "audit", "--data", str(self.data), "--json"], capture_output=True, text=True,
                              timeout=300, check=False)
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        """A graceful stop; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self._reader.join(10)
        return self.process.returncode

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
