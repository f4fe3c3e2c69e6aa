"""RFC 9112 §3, RFC 9110 §5.4, §15.5.14, §15.5.15, RFC 6585 §5: what this server bounds, at the edge and one past it.

The bounds are those of net.h: a request line without its CRLF; all header lines together, each with its CRLF; their
count; a body; what chunks may carry beside their data."""

from case import AUTHORIZED, BODY, CHUNKED, CLAIM, END, HOST, JSON, KEY, WHOLE, Group, chunk, get, length, post

READ = 1 << 16  # what the server reads at once; what stands behind it is read before the bound is looked at
CHUNK_OVERHEAD = 8  # HTTP1_CHUNK_OVERHEAD: bytes on the wire for each byte of a body


# Byte by byte on a busy machine takes its time; slow.py is about that.
PATIENT = ["--header-timeout", "10m", "--body-timeout", "10m", "--idle-timeout", "10m", "--body-rate", "0"]


class Bounds:
    def __init__(self, line=8192, headers=16384, count=64, body=1 << 20, pipeline=64):
        self.line, self.headers, self.count, self.body, self.pipeline = line, headers, count, body, pipeline

    def flags(self):
        return ["--line-bytes", self.line, "--header-bytes", self.headers, "--header-count", self.count, "--body-bytes",
                self.body, "--pipeline", self.pipeline, *PATIENT]


def target(size):
    """A request whose line is so long."""
    return get(b"/livez?" + b"a" * (size - len("GET /livez? HTTP/1.1")))


def one_field(size):
    """A request whose headers are so long, most of it one value."""
    return get(headers=b"X: " + b"a" * (size - len(HOST) - 5) + b"\r\n")


def name_of(size):
    """A request whose headers are so long, most of it one name."""
    return get(headers=b"X" * (size - len(HOST) - 3) + b":\r\n")


def many_fields(count, line=b"X: y\r\n"):
    """A request with so many headers, the Host among them."""
    return get(headers=line * (count - 1))


def padded(size):
    """The claim in a body of this size: JSON takes blanks anywhere between its words."""
    return BODY[:-1] + b" " * (size - len(BODY)) + BODY[-1:]


def lines_group(group, bounds):
    group.kept("a request line at its bound", target(bounds.line))
    group.refused("a request line one past it", target(bounds.line + 1), 414)
    group.refused("a request line of twice the bound", target(bounds.line * 2), 414)
    group.refused("a request line without an end", b"GET /" + b"a" * (bounds.line * 3), 414)
    group.kept("an absolute target at the line's bound",
               get(b"http://shop/livez?" + b"a" * (bounds.line - len("GET http://shop/livez? HTTP/1.1"))))


def headers_group(group, bounds):
    group.kept("headers at their bound, one value", one_field(bounds.headers))
    group.refused("headers one past it, one value", one_field(bounds.headers + 1), 431)
    group.kept("headers at their bound, one name", name_of(bounds.headers))
    group.refused("headers one past it, one name", name_of(bounds.headers + 1), 431)
    group.refused("a header without an end", b"GET /livez HTTP/1.1\r\nX: " + b"a" * (bounds.headers * 2), 431)
    group.refused("a name without an end", b"GET /livez HTTP/1.1\r\n" + b"X" * (bounds.headers * 2), 431)
    group.refused("a value of blanks without an end", b"GET /livez HTTP/1.1\r\nX:" + b" " * (bounds.headers * 2), 431)
    group.kept("as many headers as are taken", many_fields(bounds.count))
    group.refused("one header more", many_fields(bounds.count + 1), 431)
    group.kept("as many empty headers as are taken", many_fields(bounds.count, b"X:\r\n"))
    group.refused("a flood of headers", many_fields(bounds.count * 20), 431)
    group.refused("a flood of headers without an end", b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * bounds.count * 20, 431)
    long = b"a" * (bounds.headers // 8 - 5)
    group.kept("headers at both bounds", get(headers=(b"X: " + long + b"\r\n") * 7 +
                                             b"X: " + b"a" * (bounds.headers // 8 - 5 - len(HOST)) + b"\r\n"
                                             ) if bounds.count >= 9 else many_fields(bounds.count))


def bodies_group(group, bounds):
    group.kept("a body at its bound", post(length(bounds.body), padded(bounds.body)), 201)
    group.refused("a body one past it", post(length(bounds.body + 1), padded(bounds.body + 1)), 413)
    group.refused("a body one past it that never comes", post(length(bounds.body + 1), b""), 413)
    group.kept("a chunk at the body's bound", post(CHUNKED, chunk(padded(bounds.body)) + END), 201)
    group.refused("a chunk one past the body's bound", post(CHUNKED, chunk(padded(bounds.body + 1)) + END), 413)
    group.refused("a chunk past the body's bound by its size alone", post(CHUNKED, b"%x\r\n" % (bounds.body + 1)), 413)
    whole = padded(bounds.body)
    halves = chunk(whole[:bounds.body // 2]) + chunk(whole[bounds.body // 2:])
    group.kept("chunks together at the body's bound", post(CHUNKED, halves + END), 201)
    group.refused("chunks together one past it", post(CHUNKED, halves + chunk(b" ") + END), 413)
    # body_wire counts what stands behind the headers: all chunks, extensions, trailers and the end
    most = CHUNK_OVERHEAD * len(BODY) + bounds.headers
    rest = most - len(WHOLE) - 1
    group.kept("an extension at what chunks may carry", post(CHUNKED, chunk(BODY) + b"0;" + b"a" * rest + END[1:]), 201)
    group.refused("an extension one past it", post(CHUNKED, chunk(BODY) + b"0;" + b"a" * (rest + 1) + END[1:]), 413)
    group.refused("an extension without an end", post(CHUNKED, b"1;" + b"a" * (bounds.headers * 3 + READ)), 413)
    # trailers are lines as in a head, and held to its bounds
    rest = bounds.headers - len(b"X: \r\n")
    group.kept("trailers at the bound of headers", post(CHUNKED, WHOLE[:-2] + b"X: " + b"a" * rest + b"\r\n\r\n"), 201)
    group.refused("trailers one past it", post(CHUNKED, WHOLE[:-2] + b"X: " + b"a" * (rest + 1) + b"\r\n\r\n"), 431)
    group.refused("a trailer without an end", post(CHUNKED, WHOLE[:-2] + b"X: " + b"a" * (most * 2 + READ)), 431)
    group.refused("a flood of trailers", post(CHUNKED, WHOLE[:-2] + b"X: y\r\n" * (most + READ)), 431)
    group.refused("a chunk size of zeros without an end", post(CHUNKED, b"0" * (bounds.headers * 2 + READ)), 413)


def pipeline_group(group, bounds):
    for count in (bounds.pipeline, bounds.pipeline + 1, 1000):
        group.kept(f"{count} requests at once", get() * count, (200,) * count)
    claim = (b"POST " + CLAIM + b" HTTP/1.1\r\n" + HOST + AUTHORIZED + JSON + b"Idempotency-Key: " + KEY + b"\r\n" +
             length(len(BODY)) + b"\r\n" + BODY)
    group.kept(f"{bounds.pipeline + 1} claims at once", claim * (bounds.pipeline + 1), (201,) * (bounds.pipeline + 1))
    group.kept("1000 claims at once", claim * 1000, (201,) * 1000)
    group.refused("1000 requests and one that is none", get() * 1000 + b"\0", before=(200,) * 1000)


def group(bounds):
    made = Group("bounds of net.h")
    for part in (lines_group, headers_group, bodies_group, pipeline_group):
        part(made, bounds)
    return made
