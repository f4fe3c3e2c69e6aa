/* exchange (inside): an exchange and its turn in its connection's order of answers.
 *
 *   turn_new ─ (head, body) ─ connection queues it ─ handler ─ exchange_reply ─ its turn comes ─ output, freed
 *
 * The turn is the first thing in its own arena: its chunks hold the head as it was sent, the header table, the body
 * and what the handler asks for with exchange_alloc(). An answer that comes before its turn waits in `answer`.
 *
 * Thread   the loop's.
 */
#ifndef DIBS_NET_EXCHANGE_H
#define DIBS_NET_EXCHANGE_H

#include "net/chunk.h"
#include "net/net.h"

struct connection;

/* Why a request is refused before it becomes an exchange for the handler. */
struct refusal {
	int status; /* 0: it is not */
	const char *code, *detail;
};

struct turn {
	struct exchange exchange; /* first: a handler's exchange is a turn */
	struct connection *connection;
	struct turn *next; /* in its connection's order */
	struct chunk *chunks, *own;
	struct output answer;
	char *head, *body;
	uint32_t head_size, head_capacity;
	size_t body_size, body_capacity;
	struct refusal refusal;
	bool answered;
	bool last;            /* the connection closes after it */
	bool keep_alive_told; /* HTTP/1.0: say that the connection stays */
	bool expects;         /* 100-continue */
};

/* NULL: no memory. */
struct turn *turn_new(struct connection *connection);
void turn_free(struct turn *turn);
void *turn_alloc(struct turn *turn, size_t size); /* not zeroed */
/* Makes room for `more` bytes behind the first `size` of *at, up to `max` in all; what is there moves along. */
bool turn_grow(struct turn *turn, char **at, size_t size, size_t more, size_t *capacity, size_t max);

#endif
