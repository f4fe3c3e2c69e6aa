"""RFC 9110 §10.1.1 and §7.8, RFC 9112 §8: expectations, upgrades, and requests that end too early."""

from case import BODY, CHUNKED, WHOLE, Group, get, length, post, sized

GROUP = Group("RFC 9110 §10.1.1, §7.8, RFC 9112 §8: Expect, Upgrade, incomplete messages")
kept, last, refused, cut = GROUP.kept, GROUP.last, GROUP.refused, GROUP.cut

EXPECT = b"Expect: 100-continue\r\n"
kept("an expectation with its body behind it", post(EXPECT + length(27), BODY), 201)
kept("an expectation in capitals", post(b"EXPECT: 100-CONTINUE\r\n" + length(27), BODY), 201)
kept("an expectation with chunks", post(EXPECT + CHUNKED, WHOLE), 201)
kept("an expectation without a body", get(headers=EXPECT))
kept("an expectation of a body of zero", get(headers=EXPECT + length(0)))
last("an expectation in 1.0 is passed over", post(EXPECT + length(27), BODY, version=b"HTTP/1.0"), 201)
for name, value in {"of tea": b"tea", "of two things": b"100-continue, tea", "that is empty": b"", "twice in one":
                    b"100-continue, 100-continue", "with a parameter": b"100-continue;q=1", "of 200":
                    b"200-ok"}.items():
    refused(f"an expectation {name}", post(b"Expect: " + value + b"\r\n" + length(27), BODY), 417)
refused("two expectations", post(EXPECT * 2 + length(27), BODY), 417)
refused("an expectation of a body that is too long", post(EXPECT + length(1 << 40), b""), 413)

kept("an Upgrade that Connection does not name", get(headers=b"Upgrade: h2c\r\n"))
for protocol in (b"websocket", b"h2c", b"TLS/1.3", b"x"):
    refused(f"an upgrade to {protocol.decode()}",
            get(headers=b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"), 501)
refused("an upgrade with a body", sized(headers=b"Connection: upgrade\r\nUpgrade: h2c\r\n"), 501)
refused("an upgrade among other words",
        get(headers=b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"), 501)
refused("an upgrade to HTTP/2 with its settings",
        get(headers=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), 501)

cut("nothing at all", b"")
cut("an empty line and nothing more", b"\r\n")
cut("a CR and nothing more", b"\r")
cut("half a method", b"GE")
cut("half a request line", b"GET /livez HT")
cut("a request line and nothing more", b"GET /livez HTTP/1.1\r\n")
cut("half a header", b"GET /livez HTTP/1.1\r\nHost: sh")
cut("headers without their end", b"GET /livez HTTP/1.1\r\nHost: shop\r\n")
cut("headers and half of their end", b"GET /livez HTTP/1.1\r\nHost: shop\r\n\r")
cut("headers without the body", post(length(27), b""))
cut("a body that lacks a byte", post(length(27), BODY[:-1]))
cut("chunks without an end", post(CHUNKED, b"1b\r\n" + BODY + b"\r\n"))
cut("half a chunk size", post(CHUNKED, b"1"))
cut("half a chunk", post(CHUNKED, b"1b\r\n" + BODY[:9]))
cut("an end without its last line", post(CHUNKED, b"1b\r\n" + BODY + b"\r\n0\r\n"))
cut("a trailer without its end", post(CHUNKED, b"1b\r\n" + BODY + b"\r\n0\r\nX: y\r\n"))
cut("a request and half of another", get() + b"GET /liv", 200)
cut("a whole request and then the end", get(), 200)
cut("a whole claim and then the end", sized(), 201)
cut("three requests and then the end", get() * 3, (200, 200, 200))
