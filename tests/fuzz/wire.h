/* wire: a connection of src/net without a network. It is the real one (connection.c, http1.c, exchange.c, chunk.c,
 * timeouts.c), on a loop that does not run; only what it asks of libuv for its socket is answered here (wire.c).
 *
 * The caller plays the client and the clock: what comes, in which pieces, how much is taken of what is sent, when an
 * answer is given, and when time passes. All of that follows from struct wire_manner, so that a run can be repeated.
 *
 * Memory   a run begins with an empty pool of chunks and gives all of it back: what is used after its time is seen, and
 *          what is lost is a leak.
 */
#ifndef DIBS_TESTS_WIRE_H
#define DIBS_TESTS_WIRE_H

#include "fuzz.h"
#include "net/net.h"

struct wire_manner {
	uint64_t seed;    /* of all that is left to chance below */
	size_t piece_max; /* bytes that come at once; 0: all of them */
	bool late;        /* answers wait, and are given in any order */
	bool slow;        /* the client takes what is sent in pieces, or not yet */
	bool rough;       /* and time jumps, connections break, the server begins to drain */
	bool small;       /* small bounds, so that small inputs come to them */
};

#define WIRE_REQUESTS_MAX 64
#define WIRE_BYTES_MAX 4096

/* What came of it. */
struct wire_run {
	struct buf requests; /* every request that reached the handler, written out */
	struct buf sent;     /* every byte that the client got */
	uint32_t request_count;
	bool is_head[WIRE_REQUESTS_MAX]; /* the method, for who reads the answers */
	bool closed;                     /* by the server, before the client had sent all */
};

/* The client sends the bytes in its manner and then no more; the run ends when the connection is closed. */
void wire_run(struct wire_run *run, const struct wire_manner *manner, const uint8_t *bytes, size_t size);
void wire_fini(struct wire_run *run);

/* What the handler answers to its n-th request (from 0): a body that says which one it is. */
#define WIRE_BIG 30000 /* bytes of the answer to a path that begins with "/b" */

extern const struct net_limits wire_small_limits;

#endif
