/* reply: reads HTTP/1.1 answers, on the client's side.
 *
 * Of an answer it keeps what a crowd needs: the status, a few headers, and the beginning of the body (or all of it,
 * where the owner hands in a growing buffer). reply.c is the only file of the room that sees llhttp.
 *
 * Memory   the reader is the owner's and must not move between reply_init() and its last use; nothing allocates unless
 *          `whole` is set.
 * Faults   reply_feed() says -1 for bytes that are no HTTP answer, or that come when none is awaited.
 * Thread   its owner's.
 */
#ifndef DIBS_CLI_REPLY_H
#define DIBS_CLI_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define REPLY_BODY_KEPT 1024        /* an order's or a problem's JSON without its lists is below 700 bytes */
#define REPLY_HEADER_KEPT 256       /* Link with an opaque cursor is the longest that is read */
#define REPLY_PARSER_SIZE 128       /* llhttp's state; reply.c asserts that it fits */
#define REPLY_WHOLE_MAX (64u << 20) /* a page of 1,000 orders is below 1 MiB; more is not ours */

enum reply_header { REPLY_POSITION, REPLY_LINK, REPLY_REPLAYED, REPLY_RETRY_AFTER, REPLY_HEADERS };

struct reply {
	/* the answer, whole once reply_feed() said 1 */
	int status;
	bool keep_alive;   /* the connection may be used again */
	struct buf *whole; /* the owner's: NULL, or gets all of the body */
	uint16_t body_size, header_size[REPLY_HEADERS];
	char body[REPLY_BODY_KEPT];
	char header[REPLY_HEADERS][REPLY_HEADER_KEPT];

	/* the parser's */
	_Alignas(16) unsigned char parser[REPLY_PARSER_SIZE];
	uint8_t name_size;
	char name[24];
	int8_t at; /* which header the next value bytes belong to; -1: none that is kept */
	bool awaited, is_whole;
};

void reply_init(struct reply *reply, struct buf *whole);
/* A request is on its way: forget the last answer, expect one. */
void reply_await(struct reply *reply);
/* 1: an answer is whole; 0: more bytes are needed; -1: this is no answer. */
int reply_feed(struct reply *reply, const char *bytes, size_t size);
/* The peer closed: 1 when that was the end of an answer without a length, -1 when something is missing. */
int reply_end(struct reply *reply);

struct text reply_header(const struct reply *reply, enum reply_header which);
/* The text of a member `"name": "…"` of the kept beginning of the body, as written; empty when it is not there. Enough
 * for ids and codes, which need no escapes. */
struct text reply_member(const struct reply *reply, const char *name);

#endif
