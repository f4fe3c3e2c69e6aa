"""RFC 9112 §7.1: chunks, their sizes, extensions and trailers."""

from case import BODY, END, Group, chunk, chunked

GROUP = Group("RFC 9112 §7.1: chunked transfer coding")
kept, refused = GROUP.kept, GROUP.refused


def one(data=BODY, **more):
    return chunked(chunk(data, **more) + END)


kept("a chunk for every byte", chunked(b"".join(chunk(BODY[at:at + 1]) for at in range(len(BODY))) + END), 201)
kept("two chunks", chunked(chunk(BODY[:9]) + chunk(BODY[9:]) + END), 201)
kept("a size in capitals", one(size=b"1B"), 201)
kept("a size in small letters", one(size=b"1b"), 201)
kept("a size with leading zeros", one(size=b"00001b"), 201)
kept("an end of several zeros", chunked(chunk(BODY) + b"0000\r\n\r\n"), 201)
kept("no data at all", chunked(END, path=b"/livez"), 405)
kept("data that looks like an end", chunked(chunk(b"0\r\n\r\n") + END, path=b"/livez"), 405)
kept("data of line ends", chunked(chunk(b"\r\n\r\n") + END, path=b"/livez"), 405)
for name, extension in {"a name": b";a", "a name and a value": b";a=b", "a value in quotes": b';a="b c"'}.items():
    kept(f"an extension of {name}", one(extension=extension), 201)
# Extensions that are not known are to be passed over (§7.1.1); llhttp of Debian 12 refuses these two forms, which nobody
# sends, and to refuse is the safe side.
refused("two extensions", one(extension=b";a=b;c=d"))
refused("an extension with an escape in its quotes", one(extension=b';a="\\""'))
kept("an extension of the end", chunked(chunk(BODY) + b"0;a=b\r\n\r\n"), 201)
kept("a trailer", chunked(chunk(BODY) + b"0\r\nX: y\r\n\r\n"), 201)
kept("two trailers", chunked(chunk(BODY) + b"0\r\nX: y\r\nZ: w\r\n\r\n"), 201)
kept("an empty trailer", chunked(chunk(BODY) + b"0\r\nX:\r\n\r\n"), 201)
kept("a trailer that says Host is not one", chunked(chunk(BODY) + b"0\r\nHost: other\r\n\r\n"), 201)
kept("a trailer that says how long is not believed", chunked(chunk(BODY) + b"0\r\nContent-Length: 5\r\n\r\n"), 201)
kept("a trailer that names a key is not one", chunked(chunk(BODY) + b"0\r\nIdempotency-Key: other\r\n\r\n"), 201)

for name, size in {
        "that is none": b"xyz", "with 0x": b"0x1b", "with a minus": b"-1b", "with a plus": b"+1b", "that is empty":
        b"", "beyond 64 bits": b"1000000000000001b", "of forty digits": b"f" * 40, "with a blank before it": b" 1b",
        "with a blank behind it": b"1b ", "with a tab behind it": b"1b\t", "with a blank inside": b"1 b",
        "with a comma": b"1,b", "with a point": b"1b.0", "with an h": b"1bh", "with an underscore": b"1_b",
        "with a NUL": b"1b\0", "with a NUL before it": b"\x001b", "in quotes": b'"1b"', "with a high byte": b"1b\xff",
        "of a star": b"*", "with an equals sign": b"1b=", "of a letter g": b"g", "with a quote":
        b"1b'"}.items():
    refused(f"a chunk size {name}", one(size=size))
for name, size in {"of 2^64 - 1": b"ffffffffffffffff", "of 2^63": b"8000000000000000", "of 2^32 and the data's":
                   b"10000001b", "of 2^31": b"80000000"}.items():
    refused(f"a chunk size {name}", one(size=size), 413)
refused("a bare LF behind a size", chunked(b"1b\n" + BODY + b"\r\n" + END))
refused("a bare CR behind a size", chunked(b"1b\r" + BODY + b"\r\n" + END))
refused("CR CR LF behind a size", chunked(b"1b\r\r\n" + BODY + b"\r\n" + END))
refused("a bare LF behind an extension", chunked(b"1b;a\n" + BODY + b"\r\n" + END))
refused("a bare CR in an extension", chunked(b"1b;a\rb\r\n" + BODY + b"\r\n" + END))
refused("a bare LF in an extension's quotes", chunked(b'1b;a="\n"\r\n' + BODY + b"\r\n" + END))
refused("a NUL in an extension", one(extension=b";a\0b"))
refused("a control byte in an extension", one(extension=b";a\x01b"))
refused("an extension without a semicolon", one(extension=b" a=b"))
refused("an extension with a blank before the semicolon", one(extension=b" ;a=b"))
refused("a chunk longer than its size", chunked(b"1\r\n" + BODY + b"\r\n" + END))
refused("a chunk shorter than its size", chunked(b"1c\r\n" + BODY + b"\r\n" + END))
refused("a chunk without its end", chunked(b"1b\r\n" + BODY + END))
refused("a bare LF behind a chunk", chunked(b"1b\r\n" + BODY + b"\n" + END))
refused("a bare CR behind a chunk", chunked(b"1b\r\n" + BODY + b"\r" + END))
refused("LF CR behind a chunk", chunked(b"1b\r\n" + BODY + b"\n\r" + END))
refused("an empty line before the first chunk", chunked(b"\r\n" + chunk(BODY) + END))
refused("an empty line between chunks", chunked(chunk(BODY[:9]) + b"\r\n" + chunk(BODY[9:]) + END))
refused("a bare LF behind the end", chunked(chunk(BODY) + b"0\n\r\n"))
refused("a bare LF for the last line", chunked(chunk(BODY) + b"0\r\n\n"))
refused("a bare CR for the last line", chunked(chunk(BODY) + b"0\r\n\rX"))
for name, trailer in {"without a colon": b"X\r\n", "with a blank in its name": b"X Y: z\r\n", "with an empty name":
                      b": y\r\n", "with a blank before the colon": b"X : y\r\n", "with a NUL": b"X: \0\r\n",
                      "with a bare CR": b"X: a\rb\r\n", "with a bare LF": b"X: a\n", "that looks folded": b" X: y\r\n",
                      "that is folded": b"X: y\r\n z\r\n", "that says chunked": b"Transfer-Encoding: chunked\r\n"}.items():
    refused(f"a trailer {name}", chunked(chunk(BODY) + b"0\r\n" + trailer + b"\r\n"))
