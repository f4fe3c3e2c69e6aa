"""RFC 9112 §9.3 to §9.6: who stays, who goes, and answers in the order of their requests."""

from case import BODY, CHUNKED, WHOLE, Group, get, length, post, sized

GROUP = Group("RFC 9112 §9.3 to §9.6: persistence, pipelining and closing")
kept, last, refused = GROUP.kept, GROUP.last, GROUP.refused


def connection(value, version=b"HTTP/1.1"):
    return get(headers=b"Connection: " + value + b"\r\n", version=version)


kept("keep-alive", connection(b"keep-alive"))
kept("keep-alive in capitals, in 1.0", connection(b"KEEP-ALIVE", b"HTTP/1.0"))
kept("a word that nobody knows", connection(b"tea"))
kept("words that only look like close", connection(b"closed, xclose, clos"))
kept("an empty Connection", connection(b""))
last("close", connection(b"close"))
last("close in capitals", connection(b"CLOSE"))
last("close among others", connection(b"tea, close"))
last("close before others", connection(b"close, tea"))
last("close among others without blanks", connection(b"a,close,b"))
last("close in a second Connection", get(headers=b"Connection: tea\r\nConnection: close\r\n"))
last("close in a first Connection", get(headers=b"Connection: close\r\nConnection: tea\r\n"))
last("close in 1.0", connection(b"close", b"HTTP/1.0"))
last("close in a Proxy-Connection, as llhttp takes it", get(headers=b"Proxy-Connection: close\r\n"))
last("a claim and close", sized(headers=b"Connection: close\r\n"), 201)
last("chunks and close", post(b"Connection: close\r\n" + CHUNKED, WHOLE), 201)
last("what stands behind a close is not looked at", connection(b"close") + get() * 3)
last("not even when it is no HTTP", connection(b"close") + b"\0\0\0\0")
last("close behind others", get() + get() + connection(b"close"), (200, 200, 200))

kept("two requests", get() + get(b"/nothing"), (200, 404))
kept("ten requests", get() * 5 + get(b"/nothing") * 5, (200,) * 5 + (404,) * 5)
kept("claims and readings in turn", (sized() + get()) * 4, (201, 200) * 4)
kept("chunks, then a length, then none", post(CHUNKED, WHOLE) + sized() + get(), (201, 201, 200))
kept("a refusal of the api, then another request", get(b"/nothing") + sized(), (404, 201))
kept("a body between two requests without one", get() + sized() + get(), (200, 201, 200))
kept("1.1, then 1.0 that stays, then 1.1",
     get() + connection(b"keep-alive", b"HTTP/1.0") + get(), (200, 200, 200))
last("1.1, then 1.0", get() + get(version=b"HTTP/1.0"), (200, 200))
refused("one, then one without a Host", get() + get(host=b""), before=(200,))
refused("two, then one with two lengths", get() + sized() + post(length(27) * 2, BODY), before=(200, 201))
refused("a claim, then HTTP/2", sized() + get(version=b"HTTP/2.0"), 505, before=(201,))
refused("a body one byte longer than it says", sized() + b"}" + get(), before=(201,))
refused("a chunked body with a byte behind it", post(CHUNKED, WHOLE) + b"}" + get(), before=(201,))
refused("a refusal is the last, whatever stands behind", get(host=b"") + get() * 3)
refused("two refusals are one", get(host=b"") * 2)
