"""A `dibs serve` on a throw-away data directory: started, asked whether it is ready, and ended in any way."""

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import time

from book import Violation, require
from client import Connection, Gone

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
DIBS = os.environ.get("DIBS_BIN", str(BUILD / "src" / "cli" / "dibs"))
FAULTS = os.environ.get("DIBS_FAULTS_LIB", str(pathlib.Path(DIBS).resolve().parents[2] / "tests" / "crash" / "faults.so"))
# Small segments and frequent snapshots: what is rare elsewhere comes about all the time here.
SETTINGS = ["--listen", "127.0.0.1:0", "--segment-size", "1MiB", "--snapshot-records", "300",
            "--snapshot-interval", "0s"]
START_SECONDS = 60.0  # a sanitized server on a busy machine
AUDIT_SECONDS = 300.0


class Server:
    """page: the one shared with the preloaded library (page.py), or None for a server without it."""

    def __init__(self, data, page=None, errors=None):
        self.data, self.page, self.process, self.port, self.starts = data, page, None, None, 0
        self.key = None
        require(not page or os.path.exists(FAULTS), f"{FAULTS} is not there: build it, or name it in DIBS_FAULTS_LIB")
        self.errors = errors or data.parent / "stderr"

    def launch(self):
        self.starts += 1
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DIBS_")}
        if self.page:
            self.page.forget_marks()
            environment |= {"LD_PRELOAD": FAULTS, "FAULTS_PAGE": str(self.page.path)}
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen([DIBS, "serve", "--data", str(self.data), *SETTINGS], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)

    def stderr(self):
        return self.errors.read_text(errors="replace")

    async def ready(self):
        """Waits until /readyz says so: then whatever fell due while it was down has had its turn."""
        end = time.monotonic() + START_SECONDS
        self.port = None
        while time.monotonic() < end:
            require(self.process.poll() is None, f"it does not start: exit {self.process.returncode}: {self.stderr()}")
            if self.port is None:
                self.port = self._listening()
            elif await self._says_ready():
                return
            await asyncio.sleep(0.003)
        raise Violation(f"not ready after {START_SECONDS} s: {self.stderr()}")

    def _listening(self):
        for line in self.stderr().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n") and json.loads(line).get("event") == "listening":
                return json.loads(line)["port"]
        return None

    async def _says_ready(self):
        connection = Connection(self.port, "nobody")
        try:
            return (await connection.ask("GET", "/readyz")).status == 200
        except Gone:
            return False
        finally:
            connection.close()

    async def ready_or_ended(self):
        """True: it serves. False: it has ended by itself before."""
        try:
            await self.ready()
        except Violation:
            if self.process.poll() is None:
                raise
            return False
        return True

    def kill9(self, may_have_stopped=False):
        """Whoever is killed was alive: it has not ended for a reason of its own."""
        self.process.kill()
        status = self.process.wait()
        require(status == -signal.SIGKILL or (may_have_stopped and status == 0),
                f"it ended by itself with {status}: {self.stderr()}")

    def end(self):
        """Whatever it is doing; for the way out."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, seconds=60.0):
        """Its exit status after SIGTERM; a server that does not stop is a violation."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Violation(f"it does not stop within {seconds} s: {self.stderr()}") from None

    def audit(self):
        done = subprocess.run([DIBS, "audit", "--data", str(self.data)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=AUDIT_SECONDS)
        require(done.returncode == 0, f"audit: exit {done.returncode}\n{done.stdout}{done.stderr}")

    def is_refused_twice(self):
        """A second process on the same directory is refused, and changes nothing."""
        done = subprocess.run([DIBS, "serve", "--data", str(self.data), *SETTINGS], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=START_SECONDS)
        require(done.returncode == 1, f"a second process on the directory ended with {done.returncode}: {done.stderr}")

    def credential(self):
        """Read once: the disk may be gone later on."""
        self.key = self.key or (self.data / "admin.key").read_text().strip()
        return self.key
