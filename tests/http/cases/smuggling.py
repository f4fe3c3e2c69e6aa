"""RFC 9112 §11.2: two readers, one connection, and a request that only one of them sees.

Every case carries a claim on another drop, for a thief, where the reader that was led astray would begin the next
request. It must not be answered (its X-Request-Id would come back), and nobody may have sold the thief anything. The
innocent request behind it all is answered where all was well, and not where anything was in doubt."""

from case import AUTHORIZED, BODY, CHUNKED, CLAIM, END, HOST, JSON, SMUGGLED, WHOLE, Group, chunk, get, length, post, sized

GROUP = Group("RFC 9112 §11.2: request smuggling")
kept, last, refused = GROUP.kept, GROUP.last, GROUP.refused

# The thief's claim within a body: whoever knows how long it is, sees a body.
kept("within a body of its length", post(length(len(SMUGGLED)), SMUGGLED), 400)
kept("within a chunk", post(CHUNKED, chunk(SMUGGLED) + END), 400)
kept("within a body, behind JSON", post(length(27 + len(SMUGGLED)), BODY + SMUGGLED), 400)
kept("within the body of a GET", get(headers=length(len(SMUGGLED))) + SMUGGLED)
kept("within the chunks of a GET", get(headers=CHUNKED) + chunk(SMUGGLED) + END)
kept("within the body of a HEAD", b"HEAD /livez HTTP/1.1\r\n" + HOST + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
     bodiless=True)
kept("within an extension's quotes", post(CHUNKED, chunk(BODY, b';a="POST /x HTTP/1.1"') + END), 201)
last("behind a close", get(headers=b"Connection: close\r\n") + SMUGGLED)
last("behind a 1.0", get(version=b"HTTP/1.0") + SMUGGLED)

# CL.TE and TE.CL: one reader goes by the length, the other by the chunks.
FOUR = length(4)
refused("CL.TE", post(length(len(END + SMUGGLED)) + CHUNKED, END + SMUGGLED))
refused("CL.TE with a length of zero", post(length(0) + CHUNKED, END + SMUGGLED))
refused("TE.CL", post(CHUNKED + FOUR, chunk(SMUGGLED) + END))
refused("TE.CL with the length first", post(FOUR + CHUNKED, chunk(SMUGGLED) + END))
refused("CL.TE for a GET", get(headers=length(5) + CHUNKED) + END + SMUGGLED)
refused("CL.TE in 1.0", post(length(5) + CHUNKED, END + SMUGGLED, version=b"HTTP/1.0"))
refused("CL.0 by two lengths", post(length(0) + length(len(SMUGGLED)), SMUGGLED))
refused("CL.CL", post(length(len(SMUGGLED)) + length(0), SMUGGLED))
refused("CL.CL with equal lengths", post(length(27) * 2, BODY) + SMUGGLED)
refused("CL.CL in one line", post(b"Content-Length: 27, 0\r\n", BODY) + SMUGGLED)
refused("CL.CL in one line, equal", post(b"Content-Length: 27, 27\r\n", BODY) + SMUGGLED)

# TE.TE: a Transfer-Encoding that one of the two does not take for one.
HIDDEN = {
    "by a letter before": b"Transfer-Encoding: xchunked", "by a blank before the colon": b"Transfer-Encoding : chunked",
    "by a tab before the colon": b"Transfer-Encoding\t: chunked", "by a second that is none":
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "by a first that is none":
    b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked", "by a fold": b"Transfer-Encoding:\r\n chunked",
    "by a blank before the name": b" Transfer-Encoding: chunked", "by a vertical tab":
    b"Transfer-Encoding: \x0bchunked", "by a form feed": b"Transfer-Encoding: \x0cchunked", "by a NUL":
    b"Transfer-Encoding: chunked\0", "by quotes": b'Transfer-Encoding: "chunked"', "by a bare LF before":
    b"X: y\nTransfer-Encoding: chunked", "by a bare CR before": b"X: y\rTransfer-Encoding: chunked",
    "by a bare CR behind": b"Transfer-Encoding: chunked\r", "by identity": b"Transfer-Encoding: identity",
    "by a comma behind": b"Transfer-Encoding: chunked,", "by a NUL in the name": b"Transfer-\0Encoding: chunked",
    "by a high byte in the name": b"Transfer\xadEncoding: chunked", "by an empty one": b"Transfer-Encoding:",
    "by a colon before the name": b":Transfer-Encoding: chunked", "by cow": b"Transfer-Encoding: cow"}
for name, line in HIDDEN.items():
    refused(f"TE.TE hidden {name}", post(line + b"\r\n" + length(5), END + SMUGGLED))
    refused(f"TE.TE hidden {name}, without a length", post(line + b"\r\n", END + SMUGGLED))
kept("TE hidden by an underscore is no header of ours", post(b"Transfer_Encoding: chunked\r\n" + length(27), BODY), 201)

# A length that one of the two does not take for one.
for name, line in {
        "by a plus": b"Content-Length: +27", "by a blank before the colon": b"Content-Length : 27", "by a NUL":
        b"Content-Length: 27\0", "by a fold": b"Content-Length:\r\n 27", "by a vertical tab":
        b"Content-Length: \x0b27", "by a bare LF before": b"X: y\nContent-Length: 27", "by a bare CR before":
        b"X: y\rContent-Length: 27", "by a blank before the name": b" Content-Length: 27", "by hex":
        b"Content-Length: 0x1b", "by an exponent": b"Content-Length: 27e0", "by a comma": b"Content-Length: 27,",
        "by a tab before the colon": b"Content-Length\t: 27", "by a huge number":
        b"Content-Length: 18446744073709551643", "by an empty one": b"Content-Length:"}.items():
    refused(f"CL hidden {name}", post(line + b"\r\n", BODY) + SMUGGLED)

# Chunks that one of the two reads otherwise.
refused("a chunk size that wraps 64 bits", post(CHUNKED, chunk(BODY, size=b"1000000000000001b") + END) + SMUGGLED)
refused("a chunk size that wraps 32 bits", post(CHUNKED, chunk(BODY, size=b"10000001b") + END) + SMUGGLED, 413)
refused("a chunk size with a blank", post(CHUNKED, chunk(BODY, size=b"1b ") + END) + SMUGGLED)
refused("a chunk size in 0x", post(CHUNKED, chunk(BODY, size=b"0x1b") + END) + SMUGGLED)
refused("a chunk's end by a bare LF", post(CHUNKED, b"1b\n" + BODY + b"\n0\n\n") + SMUGGLED)
refused("an extension that ends by a bare LF", post(CHUNKED, b"1b;\n" + BODY + b"\r\n" + END) + SMUGGLED)
refused("an extension with a request behind a bare LF", post(CHUNKED, b"2;\nxx\r\n1b\r\n" + BODY + b"\r\n" + END) + SMUGGLED)
refused("a chunk with bytes behind its data", post(CHUNKED, b"1b\r\n" + BODY + b"xx" + END) + SMUGGLED)
refused("a minus zero for an end", post(CHUNKED, chunk(BODY) + b"-0\r\n\r\n") + SMUGGLED)
kept("a trailer that says how long the next is", post(CHUNKED, chunk(BODY) + b"0\r\nContent-Length: 999\r\n\r\n"), 201)

# Lines that one of the two ends elsewhere.
refused("a bare CR hides a line end", get(headers=b"X: y\r\n\r" + SMUGGLED))
refused("a bare LF hides the end of headers", get(headers=b"X: y\n\n" + SMUGGLED))
refused("CR CR LF hides the end of headers", get(headers=b"X: y\r\n\r\r\n" + SMUGGLED))
refused("a NUL hides the end of headers", get(headers=b"X: y\r\n\0\r\n" + SMUGGLED))
refused("a folded request", get(headers=b"X: y\r\n " + SMUGGLED))
refused("a request within a target", b"GET /livez\r\n\r\n" + SMUGGLED + b" HTTP/1.1\r\n" + HOST + b"\r\n", 505)
refused("a target with a bare CR and LF", b"GET /livez HTTP/1.1\rX: y\n" + HOST + b"\r\n" + SMUGGLED)
refused("two Hosts, one for each reader", get(host=b"Host: shop\r\nHost: thief\r\n") + SMUGGLED)
refused("CONNECT opens no tunnel", b"CONNECT shop:80 HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, 501)
refused("an upgrade opens no tunnel",
        get(headers=b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n") + SMUGGLED, 501)
refused("an upgrade to h2c opens no tunnel",
        get(headers=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n") + SMUGGLED,
        501)
refused("an expectation that is not known", post(b"Expect: 100-continue, x\r\n" + length(27), BODY) + SMUGGLED, 417)
refused("an expectation and too long a body", post(b"Expect: 100-continue\r\n" + length(1 << 40), SMUGGLED), 413)
refused("CL.CL without a blank in the second", b"POST " + CLAIM + b" HTTP/1.1\r\n" + HOST + AUTHORIZED + JSON +
        b"Content-Length: 27\r\nContent-Length:27\r\n\r\n" + BODY + SMUGGLED)
refused("a byte too many behind a claim", sized() + b"x" + SMUGGLED, before=(201,))
refused("a byte too many behind chunks", post(CHUNKED, WHOLE) + b"x" + SMUGGLED, before=(201,))
refused("an end said twice", post(CHUNKED, WHOLE) + END + SMUGGLED, before=(201,))
