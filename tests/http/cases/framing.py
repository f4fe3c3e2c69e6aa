"""RFC 9112 §6, RFC 9110 §8.6: how long a body is must be beyond doubt, whoever reads it."""

from case import BODY, CHUNKED, HOST, WHOLE, Group, get, length, post, sized

GROUP = Group("RFC 9112 §6.1 to §6.3, RFC 9110 §8.6: message body length")
kept, last, refused = GROUP.kept, GROUP.last, GROUP.refused


def lengths(value, body=BODY, **more):
    return post(b"Content-Length:" + value + b"\r\n", body, **more)


kept("a length", sized(), 201)
kept("a length of zero", get(headers=length(0)))
kept("no length is no body", post(b"", b"", path=b"/livez"), 405)
kept("a length with leading zeros", lengths(b" 0027"), 201)
kept("a length without a blank", lengths(b"27"), 201)
kept("a length with blanks around it", lengths(b"  27  "), 201)
kept("a length in small letters", post(b"content-length: 27\r\n", BODY), 201)
kept("a length before the Host", b"POST /livez HTTP/1.1\r\nContent-Length: 2\r\n" + HOST + b"\r\nab", 405)
kept("a body that looks like a request", post(length(len(get())), get()), 400)
kept("a body of line ends", post(length(4), b"\r\n\r\n", path=b"/livez"), 405)
kept("a body of NULs", post(length(8), bytes(8), path=b"/livez"), 405)
kept("a body that is not what the api wants", sized(b'{"hello":"world"}'), 400)
kept("chunks", post(CHUNKED, WHOLE), 201)
kept("chunks, said in capitals", post(b"TRANSFER-ENCODING: CHUNKED\r\n", WHOLE), 201)
kept("chunks, said with blanks", post(b"Transfer-Encoding:  chunked  \r\n", WHOLE), 201)

for name, value in {
        "with a plus": b" +27", "with a minus": b" -27", "of minus zero": b" -0", "in hex": b" 0x1b", "in hex digits":
        b" 1b", "with a comma": b" 27,", "twice in one": b" 27, 27", "twice in one without a blank": b" 27,27",
        "of two in one": b" 27, 28", "with a blank inside": b" 2 7", "with a word behind it": b" 27 x",
        "with a point": b" 27.0", "with an exponent": b" 27e0", "with an underscore": b" 2_7", "in quotes": b' "27"',
        "of a word": b" many", "that is empty": b"", "of blanks": b"   ", "with a semicolon": b" 27;", "of a NUL":
        b" \0", "with a NUL behind it": b" 27\0", "with a vertical tab before it": b" \x0b27", "of a letter l":
        b" l7", "in digits of another script": " ٢٧".encode(), "of a superscript": " ²".encode("latin-1"),
        "with an apostrophe": b" 1'000", "in brackets": b" (27)", "with a unit": b" 27b", "of a star": b" *"}.items():
    refused(f"a length {name}", lengths(value))
refused("a length of 2^64", lengths(b" 18446744073709551616"))
refused("a length of 2^64 and the body's", lengths(b" 18446744073709551643"))
refused("a length of forty digits", lengths(b" " + b"9" * 40))
refused("a length of 2^63", lengths(b" 9223372036854775808"), 413)
refused("a length of 2^64 - 1", lengths(b" 18446744073709551615"), 413)
refused("a length of 2^32 and the body's", lengths(b" 4294967323"), 413)
refused("a length of 2^31", lengths(b" 2147483648"), 413)
# A tab is white space too (RFC 9110 §5.6.3), but llhttp takes none behind these two; to refuse it is the safe side.
refused("a length with a tab behind it", lengths(b" 27\t"))
refused("a coding with a tab behind it", post(b"Transfer-Encoding: chunked\t\r\n", WHOLE))
refused("a length that is folded", lengths(b"\r\n 27"))
refused("a length with a blank before the colon", post(b"Content-Length : 27\r\n", BODY))
refused("two equal lengths", post(length(27) * 2, BODY))
refused("two lengths", post(length(27) + length(28), BODY))
refused("two lengths, the smaller second", post(length(27) + length(0), BODY))
refused("two lengths of zero", get(headers=length(0) * 2))
refused("two lengths, one of them empty", post(length(27) + b"Content-Length:\r\n", BODY))
refused("two lengths in letters of two sizes", post(length(27) + b"content-LENGTH: 27\r\n", BODY))

refused("a length and chunks", post(length(27) + CHUNKED, WHOLE))
refused("chunks and a length", post(CHUNKED + length(27), WHOLE))
refused("chunks and a length of zero", post(CHUNKED + length(0), WHOLE))
refused("a length and a coding that is not known", post(length(27) + b"Transfer-Encoding: x\r\n", BODY))
refused("chunks in 1.0", post(CHUNKED, WHOLE, version=b"HTTP/1.0"))
refused("chunks in 1.0 that wants to stay", post(b"Connection: keep-alive\r\n" + CHUNKED, WHOLE, version=b"HTTP/1.0"))
refused("chunks twice", post(CHUNKED * 2, WHOLE))
refused("chunks and identity", post(CHUNKED + b"Transfer-Encoding: identity\r\n", WHOLE))
refused("identity and chunks", post(b"Transfer-Encoding: identity\r\n" + CHUNKED, WHOLE))
for name, value in {
        "of another coding": b"gzip", "of identity": b"identity", "that is empty": b"", "of blanks": b"  ",
        "with another behind": b"chunked, gzip", "twice in one": b"chunked, chunked", "with a comma behind it":
        b"chunked,", "with a word before it": b"x chunked", "with a letter before it": b"xchunked", "with a letter behind it": b"chunkedx",
        "in quotes": b'"chunked"', "of half the word": b"chunk", "with a parameter": b"chunked;q=1",
        "with a NUL behind it": b"chunked\0", "with a NUL before it": b"\0chunked", "with a vertical tab before it":
        b"\x0bchunked", "with a form feed behind it": b"chunked\x0c", "in brackets": b"[chunked]",
        "of a star": b"*", "with a high byte": b"chunked\xff", "with a soft hyphen": b"chun\xadked"}.items():
    refused(f"a coding {name}", post(b"Transfer-Encoding: " + value + b"\r\n", WHOLE))
for name, value in {"of gzip before chunks": b"gzip, chunked", "of identity before chunks": b"identity, chunked",
                    "of nothing before chunks": b", chunked"}.items():
    refused(f"a coding {name}", post(b"Transfer-Encoding: " + value + b"\r\n", WHOLE), 501)
refused("a coding that is folded", post(b"Transfer-Encoding:\r\n chunked\r\n", WHOLE))
refused("a coding with a blank before the colon", post(b"Transfer-Encoding : chunked\r\n", WHOLE))
