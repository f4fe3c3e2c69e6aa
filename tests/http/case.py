"""What a raw case is: bytes in; statuses, a problem's code and the fate of the connection out.

    kept      every request is answered with its status and the connection stays: an innocent request behind it, sent in
              the same segment, is answered as if nothing had been before it
    last      answered, and then closed, because the request said so: the innocent one behind it is not answered
    cut       the client ends its side behind the bytes; it gets the answers that are due, and the connection ends
    refused   one 4xx or 5xx of net's own, with its code, then closed: nothing behind the first doubt is looked at

A case is a `well` one when all of its requests are well formed (kept and last): such ones must mean the same in any
pieces. Bytes of requests are put together by get(), post(), chunked(); BODY is a claim that has been made before under
KEY, so that it answers 201 with that very order exactly when its body arrived byte for byte, and changes nothing.
"""

HOST = b"Host: shop\r\n"
DROP = b"wire"
KEY = b"wire-key"
BODY = b'{"sku":"unit","quantity":3}'
CLAIM = b"/v1/drops/wire/buyers/ann/orders"


class Case:
    def __init__(self, name, section, wire, statuses, end, code=None, bodiless=False):
        self.name, self.section, self.wire, self.end = name, section, wire, end
        self.statuses = statuses if isinstance(statuses, tuple) else (statuses,)
        self.code, self.bodiless = code, bodiless

    @property
    def well(self):
        return self.end in ("kept", "last")


class Group:
    """Cases of one part of an RFC; the names of all groups together are unique."""

    def __init__(self, section):
        self.section, self.cases = section, []

    def kept(self, name, wire, statuses=200, **more):
        self.cases.append(Case(name, self.section, wire, statuses, "kept", **more))

    def last(self, name, wire, statuses=200, **more):
        self.cases.append(Case(name, self.section, wire, statuses, "last", **more))

    def cut(self, name, wire, statuses=(), **more):
        self.cases.append(Case(name, self.section, wire, statuses, "cut", **more))

    def refused(self, name, wire, status=400, code=None, before=(), **more):
        """before: statuses of well-formed requests that stand before the one that is refused."""
        code = code or CODES[status]
        self.cases.append(Case(name, self.section, wire, (*before, status), "refused", code=code, **more))


CODES = {400: "malformed", 413: "too_large", 414: "uri_too_long", 417: "expectation_failed",
         431: "headers_too_large", 501: "not_supported", 505: "version_not_supported"}

CREDENTIAL = b"@" * 51  # becomes the admin key, which is as long, when it is sent
AUTHORIZED = b"Authorization: Bearer " + CREDENTIAL + b"\r\n"
JSON = b"Content-Type: application/json\r\n"


def get(path=b"/livez", headers=b"", host=HOST, version=b"HTTP/1.1"):
    return b"GET " + path + b" " + version + b"\r\n" + host + headers + b"\r\n"


def post(framing, body, path=CLAIM, headers=b"", key=KEY, version=b"HTTP/1.1", host=HOST):
    """A claim as it stands; framing is the header lines that say how long body is."""
    return (b"POST " + path + b" " + version + b"\r\n" + host + AUTHORIZED + JSON + b"Idempotency-Key: " + key +
            b"\r\n" + headers + framing + b"\r\n" + body)


def length(size):
    return b"Content-Length: %d\r\n" % size


def sized(body=BODY, **more):
    return post(length(len(body)), body, **more)


CHUNKED = b"Transfer-Encoding: chunked\r\n"


def chunked(wire, **more):
    """wire: chunks as they stand."""
    return post(CHUNKED, wire, **more)


def chunk(data, extension=b"", size=None):
    return (size if size is not None else b"%x" % len(data)) + extension + b"\r\n" + data + b"\r\n"


END = b"0\r\n\r\n"
WHOLE = chunk(BODY) + END  # the claim in one chunk
# What a server that was led astray would take for a request of its own.
SMUGGLED = (b"POST /v1/drops/canary/buyers/thief/orders HTTP/1.1\r\n" + HOST + AUTHORIZED + JSON +
            b"X-Request-Id: smuggled\r\nContent-Length: 0\r\n\r\n")
