#include <stdio.h>

#include "net/connection.h"
#include "net/http1.h"
#include "net/loop.h"

#define REPLY_FIXED_MAX 256 /* status line, Content-Length, Connection and the empty line; Date is a constant */

const struct text http1_continue = {"HTTP/1.1 100 Continue\r\n\r\n", 25};

static const char starved[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
			      "Connection: close\r\n\r\n";
const struct text http1_starved = {starved, sizeof starved - 1};

static struct text status_line(int status)
{
	switch (status) {
#define STATUS(number, reason) \
	case number: \
		return TEXT("HTTP/1.1 " #number " " reason "\r\n")
		STATUS(200, "OK");
		STATUS(201, "Created");
		STATUS(202, "Accepted");
		STATUS(204, "No Content");
		STATUS(303, "See Other");
		STATUS(304, "Not Modified");
		STATUS(400, "Bad Request");
		STATUS(401, "Unauthorized");
		STATUS(403, "Forbidden");
		STATUS(404, "Not Found");
		STATUS(405, "Method Not Allowed");
		STATUS(406, "Not Acceptable");
		STATUS(408, "Request Timeout");
		STATUS(409, "Conflict");
		STATUS(410, "Gone");
		STATUS(412, "Precondition Failed");
		STATUS(413, "Content Too Large");
		STATUS(414, "URI Too Long");
		STATUS(415, "Unsupported Media Type");
		STATUS(417, "Expectation Failed");
		STATUS(422, "Unprocessable Content");
		STATUS(428, "Precondition Required");
		STATUS(429, "Too Many Requests");
		STATUS(431, "Request Header Fields Too Large");
		STATUS(500, "Internal Server Error");
		STATUS(501, "Not Implemented");
		STATUS(503, "Service Unavailable");
		STATUS(504, "Gateway Timeout");
		STATUS(505, "HTTP Version Not Supported");
#undef STATUS
	default:
		return TEXT_NONE;
	}
}

static char *put(char *at, struct text text)
{
	if (text.size)
		memcpy(at, text.at, text.size);
	return at + text.size;
}

static char *put_status(char *at, int status)
{
	struct text line = status_line(status);
	if (line.size)
		return put(at, line);
	return at + snprintf(at, REPLY_FIXED_MAX / 2, "HTTP/1.1 %03d \r\n", status % 1000);
}

static char *put_length(char *at, size_t length)
{
	char digits[20];
	size_t first = sizeof digits;
	do {
		digits[--first] = (char)('0' + length % 10);
		length /= 10;
	} while (length);
	at = put(at, TEXT("Content-Length: "));
	at = put(at, (struct text){digits + first, sizeof digits - first});
	return put(at, TEXT("\r\n"));
}

/* 204 and 304 have no body by definition (RFC 9110, 15.3.5 and 15.4.5). */
static bool status_has_body(int status)
{
	return status != 204 && status != 304;
}

static char *put_reply(char *at, const struct turn *turn, int status, struct text header_lines, struct text body)
{
	at = put_status(at, status);
	at = put(at, header_lines);
	if (status_has_body(status))
		at = put_length(at, body.size);
	at = put(at, (struct text){turn->connection->loop->date, turn->connection->loop->date_size});
	if (turn->last)
		at = put(at, TEXT("Connection: close\r\n"));
	else if (turn->keep_alive_told)
		at = put(at, TEXT("Connection: keep-alive\r\n"));
	at = put(at, TEXT("\r\n"));
	if (status_has_body(status) && turn->exchange.method != METHOD_HEAD)
		at = put(at, body);
	return at;
}

bool http1_reply(struct turn *turn, struct output *output, int status, struct text header_lines, struct text body)
{
	struct net_loop *loop = turn->connection->loop;
	char *from =
	    output_reserve(&loop->pool, output, REPLY_FIXED_MAX + LOOP_DATE_SIZE + header_lines.size + body.size);
	if (!from) {
		turn->last = turn->connection->closing = true;
		return output_put(&loop->pool, output, http1_starved);
	}
	output_commit(output, (size_t)(put_reply(from, turn, status, header_lines, body) - from));
	return true;
}
