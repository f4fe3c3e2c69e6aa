"""RFC 9112 §3.2, RFC 3986: the request target in its four forms, and the bytes that it is made of.

Bytes that a URI has no room for but browsers send unescaped (§3.2 lets a recipient refuse them, and does not ask for it)
are taken as they are: here they only ever lead to a 404, for no route has them. Controls, blanks and bytes beyond ASCII
are refused."""

from case import HOST, Group, get

GROUP = Group("RFC 9112 §3.2: request target")
kept, refused = GROUP.kept, GROUP.refused

kept("a query", get(b"/livez?a=b&c"))
kept("an empty query", get(b"/livez?"))
kept("a query of question marks", get(b"/livez???"))
kept("a query with a slash", get(b"/livez?/../x"))
kept("a path that nobody knows", get(b"/nothing"), 404)
kept("the root", get(b"/"), 404)
kept("a slash at the end is another path", get(b"/livez/"), 404)
kept("two slashes are another path", get(b"//livez"), 404)
kept("dots are not walked", get(b"/v1/../livez"), 404)
kept("one dot is not walked", get(b"/./livez"), 404)
kept("capitals are another path", get(b"/LIVEZ"), 404)
kept("an escaped letter is that letter", get(b"/live%7a"), 200)
kept("an escaped slash is no slash", get(b"/v1%2fdrops"), 404)
kept("parameters of a segment are part of it", get(b"/livez;a=b"), 404)
kept("a path of sixty segments", get(b"/a" * 60), 404)
kept("an absolute target", get(b"http://shop/livez"))
kept("an absolute target with a port", get(b"http://shop:8080/livez?x"))
kept("an absolute target of HTTPS in capitals", get(b"HTTPS://shop/livez"))
kept("an absolute target without a path", get(b"http://shop"), 404)
kept("an absolute target with only a query", get(b"http://shop?x"), 404)
kept("an absolute target of IPv6", get(b"http://[::1]:1/livez"))

for name, path in {"ends within an escape": b"/livez%", "has half an escape": b"/livez%4", "has an escape of none":
                   b"/livez%zz", "has an escaped NUL": b"/livez%00"}.items():
    kept(f"a path that {name} is the api's to refuse", get(path), 400)

for byte in (*range(0x00, 0x09), 0x0b, 0x0c, *range(0x0e, 0x20), 0x7f):
    refused(f"a target with byte {byte:02x}", get(b"/livez?" + bytes([byte]) + b"x"))
for byte in (0x80, 0xa0, 0xc3, 0xff):
    refused(f"a target with byte {byte:02x}", get(b"/livez?" + bytes([byte]) + b"x"))
    refused(f"a path with byte {byte:02x}", get(b"/live" + bytes([byte]) + b"z"))
for byte in b'"<>\\^`{|}':
    kept(f"a target with byte {byte:02x}, as browsers send it", get(b"/livez?" + bytes([byte])))

refused("a target that is a word", get(b"livez"))
refused("a target that begins with a question mark", get(b"?livez"))
refused("a target with a fragment", get(b"/livez#a"))
refused("a target that is a fragment", get(b"#"))
refused("a target with a blank", get(b"/live z"))
refused("a star for a GET", get(b"*"))
refused("a star for OPTIONS, which this server does not answer", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n")
refused("an authority for a GET", get(b"shop:80"))
refused("another scheme", get(b"ftp://shop/livez"))
refused("a scheme without slashes", get(b"http:/livez"))
refused("a scheme with one slash", get(b"http:/shop/livez"))
refused("a scheme alone", get(b"http://"))
refused("an absolute target without a host", get(b"http:///livez"))
refused("an absolute target with a user", get(b"http://ann@shop/livez"))
refused("an absolute target with a fragment", get(b"http://shop/livez#a"))
refused("an absolute target with a backslash in its host", get(b"http://sh\\op/livez"))
refused("a script for a target", get(b"javascript:alert(1)"))
