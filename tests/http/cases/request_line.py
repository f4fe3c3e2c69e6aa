"""RFC 9112 §2.2, §2.3 and §3: where a request line begins, how it is divided, and which versions there are."""

from case import HOST, Group, get, post, length

GROUP = Group("RFC 9112 §3, §2.2, §2.3: request line and version")
kept, last, refused = GROUP.kept, GROUP.last, GROUP.refused

kept("a GET", get())
kept("an empty line before the request line", b"\r\n" + get())  # §2.2: at least one is passed over
kept("empty lines between requests", get() + b"\r\n" + get(), (200, 200))
last("HTTP/1.0 without a Host", get(version=b"HTTP/1.0", host=b""))
last("HTTP/1.0 with a Host", get(version=b"HTTP/1.0"))
kept("HTTP/1.0 that wants to stay", get(version=b"HTTP/1.0", headers=b"Connection: keep-alive\r\n"))
last("HTTP/1.0 with a body", post(length(27), b'{"sku":"unit","quantity":3}', version=b"HTTP/1.0"), 201)

for name, version in {"0.9": b"HTTP/0.9", "1.2": b"HTTP/1.2", "1.9": b"HTTP/1.9", "2.0": b"HTTP/2.0",
                      "3.0": b"HTTP/3.0", "9.9": b"HTTP/9.9", "0.0": b"HTTP/0.0", "2.1": b"HTTP/2.1"}.items():
    refused(f"version {name}", get(version=version), 505)
# What has no major number of one digit is told that it is another version, not that it is nonsense.
for name, version in {"with a leading zero": b"HTTP/01.1", "without a major": b"HTTP/.1", "with a blank inside":
                      b"HTTP/ 1.1", "with a sign": b"HTTP/+1.1", "in letters": b"HTTP/a.b"}.items():
    refused(f"a version {name}", get(version=version), 505)
refused("no version, as in 0.9", b"GET /livez\r\n" + HOST + b"\r\n", 505)
refused("HTTP/2's own greeting", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)

for name, version in {
        "of three parts": b"HTTP/1.1.1", "in small letters": b"http/1.1", "with a small letter": b"HTTp/1.1",
        "of two digits": b"HTTP/11.1", "with a minor of two digits": b"HTTP/1.10",
        "without a minor": b"HTTP/1", "without a minor but a dot": b"HTTP/1.", "with a comma": b"HTTP/1,1", "with a blank before the dot": b"HTTP/1 .1",
        "without a slash": b"HTTP1.1", "with a minus": b"HTTP/1.-1",
        "of another protocol": b"RTSP/1.0", "of yet another": b"ICE/1.0",
        "of nothing known": b"FTTP/1.1", "said twice": b"HTTP/1.1HTTP/1.1", "said twice with a blank":
        b"HTTP/1.1 HTTP/1.1", "with a blank behind it": b"HTTP/1.1 ", "with a tab behind it": b"HTTP/1.1\t",
        "with a word behind it": b"HTTP/1.1 x", "with a NUL behind it": b"HTTP/1.1\0", "of HTTPS": b"HTTPS/1.1",
}.items():
    refused(f"a version {name}", get(version=version))

refused("two blanks before the target", b"GET  /livez HTTP/1.1\r\n" + HOST + b"\r\n")
refused("two blanks behind the target", b"GET /livez  HTTP/1.1\r\n" + HOST + b"\r\n")
refused("a tab behind the method", b"GET\t/livez HTTP/1.1\r\n" + HOST + b"\r\n")
refused("a tab behind the target", b"GET /livez\tHTTP/1.1\r\n" + HOST + b"\r\n")
refused("a vertical tab behind the target", b"GET /livez\x0bHTTP/1.1\r\n" + HOST + b"\r\n")
refused("a form feed behind the method", b"GET\x0c/livez HTTP/1.1\r\n" + HOST + b"\r\n")
refused("a CR behind the method", b"GET\r/livez HTTP/1.1\r\n" + HOST + b"\r\n")
refused("a blank before the method", b" GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
refused("a tab before the method", b"\tGET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
refused("a NUL before the method", b"\0GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
refused("a byte order mark before the method", b"\xef\xbb\xbfGET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
refused("no target", b"GET HTTP/1.1\r\n" + HOST + b"\r\n")
refused("nothing but a method", b"GET\r\n" + HOST + b"\r\n")
refused("a blank instead of a target", b"GET   HTTP/1.1\r\n" + HOST + b"\r\n")
refused("a line of one blank", b" \r\n" + get())
refused("two empty lines before", b"\r\n\r\n" + get())
refused("three empty lines before", b"\r\n\r\n\r\n" + get())
refused("a bare LF before", b"\n" + get())
refused("a bare CR before", b"\r" + get())
refused("a bare LF behind the request line", b"GET /livez HTTP/1.1\n" + HOST + b"\r\n")
refused("a bare CR behind the request line", b"GET /livez HTTP/1.1\r" + HOST + b"\r\n")
refused("CR CR LF behind the request line", b"GET /livez HTTP/1.1\r\r\n" + HOST + b"\r\n")
refused("LF CR behind the request line", b"GET /livez HTTP/1.1\n\r" + HOST + b"\r\n")
refused("nothing but LF", b"GET /livez HTTP/1.1\nHost: shop\n\n")
refused("a greeting in TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32))
refused("a greeting in TLS of version 2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(32))
refused("a greeting of SSH", b"SSH-2.0-client\r\n")
refused("a greeting of a proxy", b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + get())
refused("a greeting of a proxy in binary", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12))
refused("an answer instead of a request", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
refused("a word", b"hello\r\n")
refused("a NUL", b"\0")
refused("sixty-four bytes of 0xff", b"\xff" * 64)
