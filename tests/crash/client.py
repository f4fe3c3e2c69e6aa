"""One keep-alive HTTP/1.1 connection on asyncio streams: enough to ask fast, and to know what was answered whole."""

import asyncio
import json


class Gone(Exception):
    """The server went away before a whole answer was there: the outcome is unknown."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The problem's code, or "" for a 2xx; and for a 503 of a server that has no memory even for its reason."""
        return self.json.get("code", "") if self.status >= 300 and (self.body or self.status != 503) else ""


class Connection:
    def __init__(self, port, credential):
        self.port, self.credential = port, credential
        self.reader = self.writer = None

    async def ask(self, method, path, body=None, key=None, position=None):
        """A whole answer, or Gone."""
        try:
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.writer.write(self._request(method, path, body, key, position))
            return await self._answer()
        except (OSError, asyncio.IncompleteReadError) as fault:
            self.close()
            raise Gone(str(fault)) from None

    def _request(self, method, path, body, key, position):
        lines = [f"{method} {path} HTTP/1.1", "Host: crash", f"Authorization: Bearer {self.credential}"]
        if key:
            lines.append(f"Idempotency-Key: {key}")
        if position:
            lines.append(f"Dibs-Position: {position}")
        text = b""
        if body is not None:
            text = json.dumps(body).encode()
            lines.append("Content-Type: application/json")
        if method != "GET":
            lines.append(f"Content-Length: {len(text)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + text

    async def _answer(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(head[0].split(" ")[1]), headers, body)

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None
