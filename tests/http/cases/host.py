"""RFC 9112 §3.2, RFC 9110 §7.2: exactly one Host in 1.1, at most one in 1.0, and what it is made of."""

from case import Group, get

GROUP = Group("RFC 9112 §3.2, RFC 9110 §7.2: Host")
kept, last, refused = GROUP.kept, GROUP.last, GROUP.refused

for name, value in {"a name": b"shop", "a name with a port": b"shop:8080", "an address": b"127.0.0.1",
                    "an address of IPv6": b"[::1]", "an address of IPv6 with a port": b"[::1]:8080",
                    "nothing": b"", "capitals": b"SHOP", "a dot at the end": b"shop.", "an empty port": b"shop:",
                    "an escape": b"sh%6fp", "sub-delimiters": b"a!$&'()*+,;=b", "an underscore": b"my_shop"}.items():
    kept(f"a Host of {name}", get(host=b"Host: " + value + b"\r\n"))
kept("a Host in capitals", get(host=b"HOST: shop\r\n"))
kept("a Host without a blank", get(host=b"Host:shop\r\n"))
kept("a Host with blanks around it", get(host=b"Host: \t shop \t\r\n"))
kept("a Host that is the last header", get(host=b"Accept: */*\r\nHost: shop\r\n"))
kept("a Host other than the target's is overruled by it", get(b"http://shop/livez", host=b"Host: other\r\n"))

refused("no Host", get(host=b""))
refused("no Host but an absolute target", get(b"http://shop/livez", host=b""))
refused("two equal Hosts", get(host=b"Host: shop\r\nHost: shop\r\n"))
refused("two Hosts", get(host=b"Host: shop\r\nHost: other\r\n"))
refused("two Hosts far apart", get(host=b"Host: shop\r\n", headers=b"Accept: */*\r\nhOST: shop\r\n"))
refused("two Hosts, one of them empty", get(host=b"Host: shop\r\nHost:\r\n"))
refused("two Hosts in 1.0", get(host=b"Host: shop\r\nHost: shop\r\n", version=b"HTTP/1.0"))
refused("a Host with a blank before the colon", get(host=b"Host : shop\r\n"))
refused("a Host that is folded", get(host=b"Host:\r\n shop\r\n"))
for name, value in {"a blank inside": b"sh op", "a path": b"shop/x", "a user": b"ann@shop", "a query": b"shop?x",
                    "a fragment": b"shop#x", "a backslash": b"sh\\op", "quotes": b'"shop"', "angles": b"<shop>",
                    "a high byte": b"sh\xf6p", "a tab inside": b"sh\top", "braces": b"{shop}", "a bar": b"a|b",
                    "a caret": b"a^b", "a scheme": b"http://shop", "a second name": b"shop shop"}.items():
    refused(f"a Host with {name}", get(host=b"Host: " + value + b"\r\n"))
