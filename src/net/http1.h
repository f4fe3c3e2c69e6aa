/* http1: HTTP/1.1 and 1.0 on the wire. Bytes become turns, answers become bytes; strictly (RFC 9112).
 *
 * A head is looked at twice. First line by line as it arrives, for what a parser may forgive and this server does not:
 * bare LF, folded lines, lines without a name, too many, too long. Then llhttp reads the same bytes from the turn's
 * arena, where they were copied to once: tokens, versions, lengths and codings are its judgement. When the head is whole
 * a table is made of it and what remains is checked: one Host, a target, Transfer-Encoding, Expect. The trailers behind a
 * body in chunks are lines like these, and are looked at twice as well.
 *
 * Thread   the loop's.
 */
#ifndef DIBS_NET_HTTP1_H
#define DIBS_NET_HTTP1_H

#include "net/exchange.h"

#define HTTP1_OPAQUE 176

#define HTTP1_BLANK_MAX 2      /* one CRLF before a request line: old clients send it after a body */
#define HTTP1_CHUNK_OVERHEAD 8 /* wire bytes per body byte in chunks of one ("1 CRLF x CRLF" is 6); then header_bytes */

struct connection;

struct http1 {
	_Alignas(16) unsigned char opaque[HTTP1_OPAQUE];
};

enum http1_phase { HTTP1_BETWEEN, HTTP1_HEAD, HTTP1_BODY };

enum http1_result {
	HTTP1_MORE,     /* all bytes are used */
	HTTP1_REQUEST,  /* connection->incoming is whole */
	HTTP1_REFUSED,  /* incoming->refusal says why */
	HTTP1_NO_MEMORY /* not even for saying so */
};

void http1_init(struct connection *c);
enum http1_result http1_feed(struct connection *c, const char **bytes, size_t *size);
enum http1_phase http1_phase(const struct connection *c);
uint64_t http1_body_wire_bytes(const struct connection *c); /* of the body being read */

/* Formats an answer in one piece. When memory runs out, a short 503 instead; false: not even that. */
bool http1_reply(struct turn *turn, struct output *output, int status, struct text header_lines, struct text body);
extern const struct text http1_continue, http1_starved;

#endif
