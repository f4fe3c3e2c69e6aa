"""A client of bytes: it sends what it is told, in the pieces it is told, and reads answers strictly.

An answer must be whole and exactly framed: a status line, header lines, Content-Length bytes of body. Whatever a server
says beyond the answers that are due is found, for after the last one a client either sees the end of the connection
or sends one more, innocent, request, whose answer it knows by its X-Request-Id, and then closes its own side.
"""

import re
import select
import socket

PATIENCE_SECONDS = 20.0  # nothing here waits for a time-out; this is for a machine that is busy
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [ -~]*\Z")
HEADER_LINE = re.compile(rb"[A-Za-z0-9-]+: [ -~]*\Z")


class Wrong(Exception):
    """The server did not do what it should; the text says what."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def closes(self):
        return self.headers.get("connection", "").lower() == "close"

    @property
    def request_id(self):
        return self.headers.get("x-request-id", "")

    def code(self):
        """The problem's code; "" when it is none."""
        found = re.search(rb'"code":"([a-z_]+)"', self.body)
        return found.group(1).decode() if found and self.status >= 400 else ""


class Wire:
    """One connection."""

    def __init__(self, port, address="127.0.0.1", source=None):
        self.socket = socket.create_connection((address, port), PATIENCE_SECONDS,
                                               source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port, self.pending = port, b""

    def send(self, data):
        """Sends it whole. A server that has refused may have closed: then the rest is nobody's, and is not sent."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send_while_reading(self, data):
        """Sends much: what is answered meanwhile is taken in, so that neither side waits for the other."""
        view = memoryview(data)
        self.socket.setblocking(False)
        try:
            while view:
                readable, writable, _ = select.select([self.socket], [self.socket], [], PATIENCE_SECONDS)
                if not readable and not writable:
                    raise Wrong("the server takes nothing and says nothing")
                if readable and not self._take():
                    return
                if writable:
                    view = view[self._push(view):]
        finally:
            self.socket.settimeout(PATIENCE_SECONDS)

    def _take(self):
        try:
            piece = self.socket.recv(1 << 18)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        self.pending += piece
        return bool(piece)

    def take_what_came(self):
        """Without waiting."""
        self.socket.setblocking(False)
        self._take()
        self.socket.settimeout(PATIENCE_SECONDS)

    def _push(self, view):
        try:
            return self.socket.send(view[:1 << 16])
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError):
            return len(view)

    def finish(self):
        """Our side is done: the server sees the end of the requests."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _more(self):
        try:
            piece = self.socket.recv(1 << 18)
        except socket.timeout:
            raise Wrong(f"nothing came for {PATIENCE_SECONDS:.0f} s, after {self.pending[:200]!r}") from None
        except ConnectionResetError:
            raise Wrong(f"the connection was reset, after {self.pending[:200]!r}") from None
        self.pending += piece
        return bool(piece)

    def answer(self, bodiless=False):
        """The next answer, interim ones included; None when the connection has ended instead."""
        while b"\r\n\r\n" not in self.pending:
            if not self._more():
                if self.pending:
                    raise Wrong(f"the connection ended within an answer: {self.pending[:200]!r}")
                return None
        head, _, rest = self.pending.partition(b"\r\n\r\n")
        status, headers = parse_head(head)
        size = 0 if bodiless or status < 200 or status in (204, 304) else int(headers["content-length"])
        while len(rest) < size:
            self.pending = b""
            if not self._more():
                raise Wrong(f"the connection ended {size - len(rest)} bytes before the end of a body")
            rest += self.pending
        self.pending = rest[size:]
        return Answer(status, headers, rest[:size])

    def expect_end(self):
        if self.pending or self._more():
            raise Wrong(f"more was said than was asked for: {self.pending[:300]!r}")

    def close(self):
        self.socket.close()


def parse_head(head):
    first, *lines = head.split(b"\r\n")
    found = STATUS_LINE.match(first)
    if not found:
        raise Wrong(f"no status line: {first[:200]!r}")
    headers = {}
    for line in lines:
        if not HEADER_LINE.match(line):
            raise Wrong(f"no header line: {line[:200]!r}")
        name, _, value = line.decode("latin-1").partition(": ")
        if name.lower() in headers:
            raise Wrong(f"a header twice: {name}")
        headers[name.lower()] = value
    status = int(found.group(1))
    if status >= 200 and status not in (204, 304) and not headers.get("content-length", "").isdigit():
        raise Wrong(f"an answer without a length: {head!r}")
    return status, headers
