/* HTTP/1.1 on the wire: what is understood, what is refused, and what becomes of the connection. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#define BYTES(literal) literal, sizeof(literal) - 1

struct wire_case {
	const char *name;
	const char *bytes;
	size_t size;
	int status;
	const char *body; /* of a 200; NULL: anything */
	bool closes;
};

#define GOOD(name_, bytes_, body_) \
	{ \
		name_, BYTES(bytes_), 200, body_, false \
	}
#define GOOD_LAST(name_, bytes_, body_) \
	{ \
		name_, BYTES(bytes_), 200, body_, true \
	}
#define BAD(name_, bytes_, status_) \
	{ \
		name_, BYTES(bytes_), status_, NULL, true \
	}

#define HOST "Host: a\r\n"

static const struct wire_case good_cases[] = {
    GOOD("a GET", "GET /echo HTTP/1.1\r\n" HOST "\r\n", "GET /echo []"),
    GOOD("a query", "GET /echo?a=b&c HTTP/1.1\r\n" HOST "\r\n", "GET /echo ?a=b&c []"),
    GOOD("an empty query", "GET /echo? HTTP/1.1\r\n" HOST "\r\n", "GET /echo []"),
    GOOD("a POST with a length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "POST /echo [hello]"),
    GOOD("a length of zero", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "POST /echo []"),
    GOOD("a POST without a body", "POST /echo HTTP/1.1\r\n" HOST "\r\n", "POST /echo []"),
    GOOD("a PUT", "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", "PUT /echo [x]"),
    GOOD("a DELETE", "DELETE /echo HTTP/1.1\r\n" HOST "\r\n", "DELETE /echo []"),
    GOOD("a method that the handler may refuse", "PATCH /echo HTTP/1.1\r\n" HOST "\r\n", "PATCH /echo []"),
    GOOD("chunks", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
         "POST /echo [hello]"),
    GOOD("chunks, said in capitals",
         "POST /echo HTTP/1.1\r\n" HOST "TRANSFER-ENCODING: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "POST /echo [x]"),
    GOOD("a chunk extension",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n", "POST /echo [x]"),
    GOOD("a trailer", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
         "POST /echo [x]"),
    GOOD("an absolute target", "GET http://a/echo?q HTTP/1.1\r\n" HOST "\r\n", "GET /echo ?q []"),
    GOOD("an absolute target without a path", "GET http://a HTTP/1.1\r\n" HOST "\r\n", "GET / []"),
    GOOD("an absolute target with only a query", "GET http://a?q HTTP/1.1\r\n" HOST "\r\n", "GET / ?q []"),
    GOOD("HTTPS in capitals", "GET HTTPS://a:1/echo HTTP/1.1\r\n" HOST "\r\n", "GET /echo []"),
    GOOD("a Host with a port", "GET /echo HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET /echo []"),
    GOOD("one empty line before", "\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n", "GET /echo []"),
    GOOD("an empty header value", "GET /echo HTTP/1.1\r\n" HOST "X:\r\nY: z\r\n\r\n", "GET /echo []"),
    GOOD("blanks around a value", "GET /echo HTTP/1.1\r\nHost: \t a \t\r\n\r\n", "GET /echo []"),
    GOOD("an Upgrade that is not asked for", "GET /echo HTTP/1.1\r\n" HOST "Upgrade: h2c\r\n\r\n", "GET /echo []"),
    GOOD("HTTP/1.0 that wants to stay", "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /echo []"),
    GOOD_LAST("HTTP/1.0", "GET /echo HTTP/1.0\r\n\r\n", "GET /echo []"),
    GOOD_LAST("Connection: close", "GET /echo HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "GET /echo []"),
    GOOD_LAST("close among others", "GET /echo HTTP/1.1\r\n" HOST "Connection: foo, CLOSE\r\n\r\n", "GET /echo []"),
    GOOD_LAST("nothing behind the last request is parsed",
              "GET /echo HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n",
              "GET /echo []"),
};

static const struct wire_case bad_cases[] = {
    BAD("two lengths", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    BAD("two equal lengths", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    BAD("two lengths in one header", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello", 400),
    BAD("a length with transfer-encoding",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("transfer-encoding with a length",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    BAD("transfer-encoding in 1.0", "POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("two transfer-encodings",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400),
    BAD("another coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", 400),
    BAD("another coding before", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501),
    BAD("another coding behind", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        400),
    BAD("chunked twice", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("an obscured coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    BAD("identity", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 400),
    BAD("an empty coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", 400),
    BAD("a length with a sign", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nhello", 400),
    BAD("a negative length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400),
    BAD("a length in hex", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\nhello", 400),
    BAD("a length with a blank", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5 5\r\n\r\nhello", 400),
    BAD("an empty length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400),
    BAD("a length beyond 64 bits", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551621\r\n\r\nhello",
        400),
    BAD("a length of 2^63", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\nhello", 413),
    BAD("a chunk size that is none",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\nhel\r\n0\r\n\r\n", 400),
    BAD("a chunk size with 0x",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n", 400),
    BAD("a negative chunk size",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", 400),
    BAD("an empty chunk size", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\nx\r\n0\r\n\r\n",
        400),
    BAD("a chunk size beyond 64 bits",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\nx\r\n0\r\n\r\n", 400),
    BAD("a blank before a chunk size",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n 1\r\nx\r\n0\r\n\r\n", 400),
    BAD("a blank behind a chunk size",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n", 400),
    BAD("a bare LF behind a chunk size",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", 400),
    BAD("a bare CR behind a chunk size",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\rx\r\n0\r\n\r\n", 400),
    BAD("a bare LF behind a chunk extension",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;a\nx\r\n0\r\n\r\n", 400),
    BAD("a chunk longer than it says",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n", 400),
    BAD("a bare LF behind a chunk",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n", 400),
    /* Found by the fuzz target of chunked bodies: the parser takes these, and whoever stands before it may see them end
     * elsewhere, and so another next request. */
    BAD("a bare LF for the trailers' end",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\n", 400),
    BAD("a bare LF behind a trailer",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\n\r\n", 400),
    BAD("a bare CR in a trailer",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\rc\r\n\r\n", 400),
    BAD("a folded trailer",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n c\r\n\r\n", 400),
    BAD("a trailer that is none",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA B: c\r\n\r\n", 400),
    /* llhttp takes all of these; a gateway that does not would see the next request begin elsewhere */
    BAD("a bare LF at the end of the trailers",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\n", 400),
    BAD("a bare LF behind a trailer",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\n\r\n", 400),
    BAD("a folded trailer",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n c\r\n\r\n", 400),
    BAD("a trailer without a name",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n: b\r\n\r\n", 400),
    BAD("a blank before the colon", "GET /echo HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    BAD("a tab before the colon", "GET /echo HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n", 400),
    BAD("a folded header", "GET /echo HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400),
    BAD("a header folded with a tab", "GET /echo HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400),
    BAD("a first header with a blank before it", "GET /echo HTTP/1.1\r\n Content-Length: 5\r\n" HOST "\r\n", 400),
    BAD("a line of blanks", "GET /echo HTTP/1.1\r\n" HOST " \r\n\r\n", 400),
    BAD("a NUL in a value", "GET /echo HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", 400),
    BAD("a NUL in a name", "GET /echo HTTP/1.1\r\n" HOST "X\0: ab\r\n\r\n", 400),
    BAD("a NUL in the target", "GET /ec\0ho HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a control byte in a value",
        "GET /echo HTTP/1.1\r\n" HOST "X: a\x01"
        "b\r\n\r\n",
        400),
    BAD("a DEL in a value",
        "GET /echo HTTP/1.1\r\n" HOST "X: a\x7f"
        "b\r\n\r\n",
        400),
    BAD("a control byte in a name", "GET /echo HTTP/1.1\r\n" HOST "X\x02: b\r\n\r\n", 400),
    BAD("a control byte in the target", "GET /ec\x03ho HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a high byte in the target", "GET /ec\xc3\xa4ho HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a high byte in a name", "GET /echo HTTP/1.1\r\n" HOST "X\xc3: b\r\n\r\n", 400),
    BAD("a bare CR in a value", "GET /echo HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400),
    BAD("a bare CR instead of a line's end", "GET /echo HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n", 400),
    BAD("a bare CR behind the request line", "GET /echo HTTP/1.1\r" HOST "\r\n\r\n", 400),
    BAD("a bare CR before the end", "GET /echo HTTP/1.1\r\n" HOST "\r\r\n\r\n", 400),
    BAD("a bare LF behind the request line", "GET /echo HTTP/1.1\n" HOST "\r\n", 400),
    BAD("a bare LF behind a header", "GET /echo HTTP/1.1\r\nHost: a\n\r\n", 400),
    BAD("a bare LF at the end", "GET /echo HTTP/1.1\r\n" HOST "\n", 400),
    BAD("nothing but LF", "GET /echo HTTP/1.1\nHost: a\n\n", 400),
    BAD("no Host", "GET /echo HTTP/1.1\r\n\r\n", 400),
    BAD("two Hosts", "GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    BAD("two Hosts in 1.0", "GET /echo HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    BAD("a Host with a blank", "GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    BAD("a Host with a path", "GET /echo HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    BAD("version 0.9", "GET /echo HTTP/0.9\r\n" HOST "\r\n", 505),
    BAD("no version, as in 0.9", "GET /echo\r\n\r\n", 505),
    BAD("version 1.9", "GET /echo HTTP/1.9\r\n" HOST "\r\n", 505),
    BAD("version 1.2", "GET /echo HTTP/1.2\r\n" HOST "\r\n", 505),
    BAD("version 2.0", "GET /echo HTTP/2.0\r\n" HOST "\r\n", 505),
    BAD("HTTP/2's own greeting", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    BAD("a version of three parts", "GET /echo HTTP/1.1.1\r\n" HOST "\r\n", 400),
    BAD("a version in small letters", "GET /echo http/1.1\r\n" HOST "\r\n", 400),
    BAD("another protocol", "GET /echo RTSP/1.0\r\n" HOST "\r\n", 400),
    BAD("a blank behind the version", "GET /echo HTTP/1.1 \r\n" HOST "\r\n", 400),
    BAD("two blanks before the target", "GET  /echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("two blanks behind the target", "GET /echo  HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a tab behind the method", "GET\t/echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an empty header name", "GET /echo HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400),
    BAD("a header without a colon", "GET /echo HTTP/1.1\r\n" HOST "X\r\n\r\n", 400),
    BAD("a header name with a slash", "GET /echo HTTP/1.1\r\n" HOST "a/b: c\r\n\r\n", 400),
    BAD("an unknown method", "FOO /echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a method in small letters", "get /echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("no target", "GET HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a target that is a word", "GET echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a target with a fragment", "GET /echo#a HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("another scheme", "GET ftp://a/echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an absolute target without a host", "GET http:///echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an absolute target with a user", "GET http://u@a/echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("CONNECT", "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 501),
    BAD("an upgrade to WebSocket", "GET /echo HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        501),
    BAD("an upgrade with a body",
        "POST /echo HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx", 501),
    BAD("an unknown expectation", "POST /echo HTTP/1.1\r\n" HOST "Expect: tea\r\nContent-Length: 1\r\n\r\nx", 417),
    BAD("three empty lines", "\r\n\r\n\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a bare LF before", "\nGET /echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a bare CR before", "\rGET /echo HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a greeting in TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    BAD("a greeting in nothing", "hello\r\n", 400),
};

static const char again[] = "GET /echo HTTP/1.1\r\nHost: again\r\n\r\n";

static void check_case(struct stage *stage, const struct wire_case *wire, size_t split)
{
	struct client *client = client_new(stage);
	client_send(client, wire->bytes, split);
	if (split < wire->size) {
		sleep_ms(1);
		client_send(client, wire->bytes + split, wire->size - split);
	}
	int status = client_answer(client);
	if (status != wire->status)
		fail_msg("%s, split at %zu: %d, not %d: %s", wire->name, split, status, wire->status, client->body);
	if (wire->body && strcmp(wire->body, client->body) != 0)
		fail_msg("%s, split at %zu: %s, not %s", wire->name, split, client->body, wire->body);
	const char *connection = client_header(client, "Connection");
	if (wire->closes != (connection && strcmp(connection, "close") == 0))
		fail_msg("%s: says Connection: %s", wire->name, connection ? connection : "nothing");
	if (wire->closes && !client_is_closed(client))
		fail_msg("%s: is not closed, or more is said: %s", wire->name, client->bytes);
	if (!wire->closes) {
		client_send(client, BYTES(again));
		if (client_answer(client) != 200)
			fail_msg("%s: the connection is not usable behind it", wire->name);
	}
	client_free(client);
}

static void what_is_well_formed_is_understood(void **state)
{
	struct stage *stage = stage_open(NULL);
	(void)state;
	for (size_t i = 0; i < sizeof good_cases / sizeof good_cases[0]; i++)
		check_case(stage, &good_cases[i], good_cases[i].size);
	assert_int_equal(stage_statistics(stage).bad_requests, 0);
	stage_close(stage);
}

static void what_is_malformed_is_refused_and_closed(void **state)
{
	struct stage *stage = stage_open(NULL);
	size_t count = sizeof bad_cases / sizeof bad_cases[0];
	(void)state;
	for (size_t i = 0; i < count; i++)
		check_case(stage, &bad_cases[i], bad_cases[i].size);
	assert_int_equal(stage_statistics(stage).bad_requests, count);
	assert_int_equal(stage_statistics(stage).requests, 0);
	stage_close(stage);
}

/* The bytes of a request come in two pieces, cut at every place there is. */
static void a_cut_changes_nothing(void **state)
{
	static const struct wire_case requests[] = {
	    GOOD("a length", "POST /echo?q=1 HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 5\r\n\r\nhello",
	         "POST /echo ?q=1 [hello]"),
	    GOOD("chunks",
	         "\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	         "3;e=f\r\nhel\r\n2\r\nlo\r\n0\r\nT: u\r\n\r\n",
	         "POST /echo [hello]"),
	    BAD("a folded header", "GET /echo HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
	    BAD("a bare CR", "GET /echo HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
	    BAD("a bare LF", "GET /echo HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
	    BAD("an empty name", "GET /echo HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
	};
	struct stage *stage = stage_open(NULL);
	(void)state;
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
		for (size_t split = 1; split < requests[i].size; split++)
			check_case(stage, &requests[i], split);
	stage_close(stage);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	static const char request[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	for (size_t i = 0; i < sizeof request - 1; i++) {
		client_send(client, request + i, 1);
		sleep_ms(1);
	}
	assert_int_equal(client_answer(client), 200);
	assert_string_equal(client->body, "POST /echo [hello]");
	client_free(client);
	stage_close(stage);
}

static void head_counts_its_body_and_does_not_send_it(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	client_send(client, BYTES(again));
	assert_int_equal(client_answer_to(client, "HEAD"), 200);
	assert_string_equal(client_header(client, "Content-Length"), "13"); /* "HEAD /echo []" */
	assert_int_equal(client_answer(client), 200);
	client_free(client);
	stage_close(stage);
}

static void answers_have_a_date_and_http_1_0_is_told_that_it_stays(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(client_answer(client), 200);
	assert_string_equal(client_header(client, "Connection"), "keep-alive");
	const char *date = client_header(client, "Date");
	assert_non_null(date);
	assert_int_equal(strlen(date), strlen("Sat, 21 Nov 2026 02:15:40 GMT"));
	client_free(client);
	stage_close(stage);
}

static void refusals_say_why(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "GET /echo HTTP/1.1\r\n\r\n");
	assert_int_equal(client_answer(client), 400);
	assert_string_equal(client_header(client, "Content-Type"), "application/problem+json");
	assert_string_equal(client->body, "{\"status\":400,\"code\":\"malformed\",\"detail\":\"no Host\"}");
	client_free(client);
	stage_close(stage);
}

/* Expect: 100-continue. */

static void who_asks_before_sending_is_told_to_go_on(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n");
	assert_int_equal(client_answer(client), 100);
	assert_true(client_hears_nothing(client, 20));
	client_say(client, "hi");
	assert_int_equal(client_answer(client), 200);
	assert_string_equal(client->body, "POST /echo [hi]");
	client_free(client);
	stage_close(stage);
}

static void who_sends_at_once_needs_no_go_on(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
	assert_int_equal(client_answer(client), 200);
	client_free(client);
	stage_close(stage);
}

static void go_on_is_said_in_its_turn(void **state)
{
	struct stage *stage = stage_open(NULL);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n"
	                   "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	stage_wait_held(stage, 1);
	assert_true(client_hears_nothing(client, 50));
	stage_release(stage);
	assert_int_equal(client_answer(client), 200);
	assert_int_equal(client_answer(client), 100);
	client_say(client, "hi");
	assert_int_equal(client_answer(client), 200);
	client_free(client);
	stage_close(stage);
}

static void a_body_too_large_is_refused_instead_of_going_on(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.body_bytes = 10;
	struct stage *stage = stage_open(&limits);
	struct client *client = client_new(stage);
	(void)state;
	client_say(client, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
	assert_int_equal(client_answer(client), 413);
	assert_true(client_is_closed(client));
	client_free(client);
	stage_close(stage);
}

/* Limits, at their edge and one past it. Every text is made so that just the one thing grows. */

static char *repeat(char *at, char byte, size_t count)
{
	memset(at, byte, count);
	return at + count;
}

static int status_of(struct stage *stage, const char *text, size_t size)
{
	struct client *client = client_new(stage);
	client_send(client, text, size);
	int status = client_answer(client);
	client_free(client);
	return status;
}

static int status_with_line(struct stage *stage, size_t line_bytes)
{
	static char text[65536];
	char *at = text + sprintf(text, "GET /");
	at = repeat(at, 'a', line_bytes - strlen("GET / HTTP/1.1"));
	at += sprintf(at, " HTTP/1.1\r\nHost: a\r\n\r\n");
	return status_of(stage, text, (size_t)(at - text));
}

/* header_bytes: of all header lines with their ends */
static int status_with_headers(struct stage *stage, size_t header_bytes)
{
	static char text[65536];
	char *at = text + sprintf(text, "GET /echo HTTP/1.1\r\nHost: a\r\nX: ");
	at = repeat(at, 'a', header_bytes - strlen("Host: a\r\nX: \r\n"));
	at += sprintf(at, "\r\n\r\n");
	return status_of(stage, text, (size_t)(at - text));
}

static int status_with_header_count(struct stage *stage, int count)
{
	static char text[65536];
	char *at = text + sprintf(text, "GET /echo HTTP/1.1\r\nHost: a\r\n");
	for (int i = 1; i < count; i++)
		at += sprintf(at, "X: %d\r\n", i);
	at += sprintf(at, "\r\n");
	return status_of(stage, text, (size_t)(at - text));
}

static int status_with_body(struct stage *stage, size_t size)
{
	static char text[65536];
	char *at = text + sprintf(text, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", size);
	at = repeat(at, 'a', size);
	return status_of(stage, text, (size_t)(at - text));
}

static int status_with_chunks(struct stage *stage, size_t size)
{
	static char text[65536];
	char *at = text + sprintf(text, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	at += sprintf(at, "%zx\r\n", size - 1);
	at = repeat(at, 'a', size - 1);
	at += sprintf(at, "\r\n1\r\na\r\n0\r\n\r\n");
	return status_of(stage, text, (size_t)(at - text));
}

/* wire_bytes: of a body of one byte with its chunk's head, a long extension and the end */
static int status_with_extension(struct stage *stage, size_t wire_bytes)
{
	static char text[65536];
	char *at = text + sprintf(text, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;");
	at = repeat(at, 'e', wire_bytes - strlen("1;\r\nx\r\n0\r\n\r\n"));
	at += sprintf(at, "\r\nx\r\n0\r\n\r\n");
	return status_of(stage, text, (size_t)(at - text));
}

static struct net_limits small_limits(void)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	limits.line_bytes = 100;
	limits.header_bytes = 300;
	limits.header_count = 5;
	limits.body_bytes = 1000;
	return limits;
}

static void limits_hold_at_their_edge(void **state)
{
	struct net_limits limits = small_limits();
	struct stage *stage = stage_open(&limits);
	(void)state;
	assert_int_equal(status_with_line(stage, 100), 200);
	assert_int_equal(status_with_line(stage, 101), 414);
	assert_int_equal(status_with_line(stage, 5000), 414);
	assert_int_equal(status_with_headers(stage, 300), 200);
	assert_int_equal(status_with_headers(stage, 301), 431);
	assert_int_equal(status_with_headers(stage, 5000), 431);
	assert_int_equal(status_with_header_count(stage, 5), 200);
	assert_int_equal(status_with_header_count(stage, 6), 431);
	assert_int_equal(status_with_body(stage, 1000), 200);
	assert_int_equal(status_with_body(stage, 1001), 413);
	assert_int_equal(status_with_chunks(stage, 1000), 200);
	assert_int_equal(status_with_chunks(stage, 1001), 413);
	assert_int_equal(status_with_extension(stage, 308), 200); /* header_bytes, and 8 for the one byte of body */
	assert_int_equal(status_with_extension(stage, 309), 413);
	stage_close(stage);
}

/* A line without an end, a body that is only announced: refused as soon as it is too much, not at its end. */
static void what_is_too_long_is_refused_before_it_ends(void **state)
{
	static const struct wire_case unfinished[] = {
	    BAD("a chunk", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413),
	    BAD("a second chunk",
	        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n3e8\r\n", 413),
	    BAD("a length", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
	};
	struct net_limits limits = small_limits();
	struct stage *stage = stage_open(&limits);
	char text[1000];
	(void)state;
	for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++)
		check_case(stage, &unfinished[i], unfinished[i].size);
	char *at = repeat(text + sprintf(text, "GET /"), 'a', 97);
	assert_int_equal(status_of(stage, text, (size_t)(at - text)), 414);
	at = repeat(text + sprintf(text, "GET / HTTP/1.1\r\nX: "), 'a', 300);
	assert_int_equal(status_of(stage, text, (size_t)(at - text)), 431);
	stage_close(stage);
}

/* A body of the greatest size, in many reads, as length and as chunks of one byte. */
static void long_bodies_arrive_whole(void **state)
{
	struct net_limits limits = NET_LIMITS_DEFAULT;
	struct stage *stage = stage_open(&limits);
	struct client *client = client_new(stage);
	enum { SIZE = 40000 };
	char *text = malloc(SIZE * 6 + 200), *at = text;
	(void)state;
	at += sprintf(at, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < SIZE; i++)
		at += sprintf(at, "1\r\n%c\r\n", 'a' + i % 26);
	at += sprintf(at, "0\r\n\r\n");
	client_send(client, text, (size_t)(at - text));
	assert_int_equal(client_answer(client), 200);
	assert_int_equal(client->body_size, SIZE + strlen("POST /echo []"));
	for (int i = 0; i < SIZE; i++)
		assert_int_equal(client->body[strlen("POST /echo [") + (size_t)i], 'a' + i % 26);
	free(text);
	client_free(client);
	stage_close(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_well_formed_is_understood),
	    cmocka_unit_test(what_is_malformed_is_refused_and_closed),
	    cmocka_unit_test(a_cut_changes_nothing),
	    cmocka_unit_test(a_request_may_come_byte_by_byte),
	    cmocka_unit_test(head_counts_its_body_and_does_not_send_it),
	    cmocka_unit_test(answers_have_a_date_and_http_1_0_is_told_that_it_stays),
	    cmocka_unit_test(refusals_say_why),
	    cmocka_unit_test(who_asks_before_sending_is_told_to_go_on),
	    cmocka_unit_test(who_sends_at_once_needs_no_go_on),
	    cmocka_unit_test(go_on_is_said_in_its_turn),
	    cmocka_unit_test(a_body_too_large_is_refused_instead_of_going_on),
	    cmocka_unit_test(limits_hold_at_their_edge),
	    cmocka_unit_test(what_is_too_long_is_refused_before_it_ends),
	    cmocka_unit_test(long_bodies_arrive_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
