"""RFC 9110 §9, RFC 9112 §3.1: methods; those that no route has are the api's 405, those that are none are refused."""

from case import HOST, Group, get

GROUP = Group("RFC 9110 §9: methods")
kept, refused = GROUP.kept, GROUP.refused


def ask(method, path=b"/livez", headers=b""):
    return method + b" " + path + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n"


kept("a HEAD", ask(b"HEAD"), bodiless=True)
kept("a HEAD of what is not there", ask(b"HEAD", b"/nothing"), 404, bodiless=True)
kept("a HEAD with a query", ask(b"HEAD", b"/livez?x"), bodiless=True)
for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"PROPFIND", b"REPORT", b"M-SEARCH",
               b"PURGE", b"LINK", b"UNLOCK"):
    kept(f"a {method.decode()} of what can only be read", ask(method), 405)
    kept(f"a {method.decode()} of what is not there", ask(method, b"/nothing"), 404)
kept("a GET with a body", get(headers=b"Content-Length: 3\r\n") + b"abc")
kept("a GET with chunks", get(headers=b"Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n0\r\n\r\n")
kept("a HEAD with a body", ask(b"HEAD", headers=b"Content-Length: 3\r\n") + b"abc", bodiless=True)
kept("a DELETE with a body", ask(b"DELETE", headers=b"Content-Length: 3\r\n") + b"abc", 405)

refused("CONNECT", b"CONNECT shop:443 HTTP/1.1\r\n" + HOST + b"\r\n", 501)
refused("CONNECT with a path", b"CONNECT /livez HTTP/1.1\r\n" + HOST + b"\r\n", 501)
for method in (b"FOO", b"get", b"Get", b"GETT", b"GE", b"G", b"GET,POST", b"GET/", b"GET:", b"G\0ET", b"G\x01ET",
               b"GE\xc3", b"(GET)", b"POSTS", b"HEADER", b"X" * 100):
    refused(f"the method {method!r}", ask(method))
refused("a method in quotes", ask(b'"GET"'))
