"""RFC 9112 §5, RFC 9110 §5: field lines; names are tokens, values have no controls, lines are not folded and end in
CRLF."""

from case import HOST, Group, get

GROUP = Group("RFC 9112 §5, RFC 9110 §5.5, §5.6.2: field lines")
kept, refused = GROUP.kept, GROUP.refused


def field(line):
    return get(headers=line)


kept("an empty value", field(b"X:\r\nY: z\r\n"))
kept("a value of blanks", field(b"X:  \t \r\n"))
kept("blanks around a value", field(b"X: \t a \t\r\n"))
kept("a value without a blank before it", field(b"X:a\r\n"))
kept("a value of colons", field(b"X: :::\r\n"))
kept("a tab within a value", field(b"X: a\tb\r\n"))
kept("a name of one letter", field(b"x: y\r\n"))
kept("a name of all the bytes that a token has", field(b"!#$%&'*+-.^_`|~09azAZ: y\r\n"))
kept("a name of digits", field(b"123: y\r\n"))
kept("a name twice", field(b"X: a\r\nX: b\r\n"))
kept("a value of every printable byte", field(b"X: " + bytes(range(0x21, 0x7f)) + b"\r\n"))
kept("a value of every byte beyond ASCII", field(b"X: " + bytes(range(0x80, 0x100)) + b"\r\n"))
kept("a request's id comes back", field(b"X-Request-Id: a1\r\n"))
kept("a field of hop by hop that is not known", field(b"Keep-Alive: timeout=5\r\n"))
kept("a Content-Length's lookalike", field(b"Content_Length: 5\r\n"))
kept("a Transfer-Encoding's lookalike", field(b"X-Transfer-Encoding: chunked\r\n"))

refused("a blank before the colon", field(b"X : a\r\n"))
refused("a tab before the colon", field(b"X\t: a\r\n"))
refused("a blank before the name", field(b" X: a\r\n"))
refused("a folded line", field(b"X: a\r\n b\r\n"))
refused("a line folded with a tab", field(b"X: a\r\n\tb\r\n"))
refused("a folded line without a word", field(b"X: a\r\n \r\n"))
refused("a line folded before its value", field(b"X:\r\n a\r\n"))
refused("a first line that looks folded", b"GET /livez HTTP/1.1\r\n X: a\r\n" + HOST + b"\r\n")
refused("a first line that looks folded with a tab", b"GET /livez HTTP/1.1\r\n\tX: a\r\n" + HOST + b"\r\n")
refused("an empty name", field(b": a\r\n"))
refused("nothing but a colon", field(b":\r\n"))
refused("a line without a colon", field(b"X\r\n"))
refused("a line without a colon but a blank", field(b"X a\r\n"))
refused("a line with an equals sign", field(b"X=a\r\n"))
refused("a bare CR in a value", field(b"X: a\rb\r\n"))
refused("a bare CR before a value", field(b"X:\ra\r\n"))
refused("a bare CR for a line's end", field(b"X: a\rY: b\r\n"))
refused("a bare CR at the end of a name", field(b"X\r: a\r\n"))
refused("a bare LF behind a line", field(b"X: a\n"))
refused("a bare LF behind the Host", get(host=b"Host: shop\n"))
refused("a bare LF in a value", field(b"X: a\nb\r\n"))
refused("CR CR LF behind a line", field(b"X: a\r\r\n"))
refused("a bare LF for the empty line", b"GET /livez HTTP/1.1\r\n" + HOST + b"\n")
refused("a bare CR for the empty line", b"GET /livez HTTP/1.1\r\n" + HOST + b"\r" + get())
refused("CR CR LF for the empty line", b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\r\n")
refused("two bare LF for an end", b"GET /livez HTTP/1.1\r\n" + HOST + b"X: a\n\n")

for byte in (*range(0x00, 0x09), 0x0b, 0x0c, *range(0x0e, 0x20), 0x7f):
    refused(f"a value with byte {byte:02x}", field(b"X: a" + bytes([byte]) + b"b\r\n"))
    refused(f"a name with byte {byte:02x}", field(b"X" + bytes([byte]) + b"Y: a\r\n"))
for byte in b'"(),/;<=>?@[\\]{}':
    refused(f"a name with byte {byte:02x}", field(b"X" + bytes([byte]) + b"Y: a\r\n"))
for byte in (0x80, 0xa0, 0xc3, 0xff):
    refused(f"a name with byte {byte:02x}", field(b"X" + bytes([byte]) + b"Y: a\r\n"))
refused("a name that begins with a NUL", field(b"\0X: a\r\n"))
refused("a value that begins with a NUL", field(b"X:\0a\r\n"))
refused("a value that ends with a NUL", field(b"X: a\0\r\n"))
