/* tiny_server: a server of a few lines for tests of what asks one. A script says what becomes of each request.
 *
 * One thread of its own; the script is called there. Requests without a body, or with a Content-Length; one answer at a
 * time for each connection, nothing pipelined.
 */
#ifndef DIBS_TEST_TINY_SERVER_H
#define DIBS_TEST_TINY_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define TINY_ANSWER_MAX 8192

enum tiny_way {
	TINY_ANSWER,       /* the bytes */
	TINY_ANSWER_CLOSE, /* the bytes, then the end of the connection */
	TINY_CLOSE,        /* no word */
	TINY_RESET,        /* RST */
	TINY_SILENCE,      /* nothing, ever */
	TINY_BYTE_BY_BYTE  /* the bytes, each in a write of its own */
};

struct tiny_answer {
	enum tiny_way way;
	unsigned delay_ms;
	bool alone; /* one after the other: the next request of any connection waits until this delay is over */
	size_t size;
	char bytes[TINY_ANSWER_MAX];
};

typedef void tiny_script(void *context, struct text request, struct tiny_answer *ret);

struct tiny_server;
struct tiny_server *tiny_server_start(tiny_script *script, void *context);
uint16_t tiny_server_port(const struct tiny_server *server);
void tiny_server_stop(struct tiny_server *server);

/* A whole answer with this status, these header lines and this JSON. */
void tiny_say(struct tiny_answer *answer, int status, const char *header_lines, const char *body);

#endif
