/* chunk: the pieces of memory that requests and answers are made of; one pool a loop.
 *
 * A chunk goes from the pool to an exchange's arena or to a connection's output and comes back when the answer is
 * handed over or sent, so that in steady state no request calls malloc. What is larger than a chunk gets one of its
 * own size, which is given back to the system.
 *
 * Memory   CHUNK_POOL_START chunks are taken before the first request; more when needed; CHUNK_POOL_KEEP are kept.
 * Faults   none: NULL or false when the system gives no memory.
 * Thread   the loop's.
 */
#ifndef DIBS_NET_CHUNK_H
#define DIBS_NET_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define CHUNK_BYTES 2032 /* a claim's head, header table, body and what the api notes about it; with its head 2 KiB */
#define CHUNK_POOL_START 512  /* 128 busy connections: request and answer, twice over */
#define CHUNK_POOL_KEEP 16384 /* 32 MiB: what 10,000 claims at once need stays for the next 10,000 */

#define CHUNK_POOL_RESERVE 64 /* kept for answers: without memory, fewer requests are taken, but those get theirs */

struct chunk {
	struct chunk *next;
	uint32_t used, capacity;
	_Alignas(16) char bytes[];
};

struct chunk_pool {
	struct chunk *free;
	uint32_t free_count;
};

bool chunk_pool_init(struct chunk_pool *pool);
void chunk_pool_fini(struct chunk_pool *pool);
/* Of at least this capacity; NULL: no memory. For a request, the reserve is left alone. */
struct chunk *chunk_take(struct chunk_pool *pool, size_t size);
struct chunk *chunk_take_for_request(struct chunk_pool *pool, size_t size);
void chunk_give(struct chunk_pool *pool, struct chunk *chunk);
void chunk_give_all(struct chunk_pool *pool, struct chunk *first);

/* Bytes that wait to be sent, in order. */
struct output {
	struct chunk *first, *last;
	size_t size;
	uint32_t sent; /* of the first chunk */
};

/* Room for so many bytes in one piece; NULL: no memory. output_commit() says how many were written there. */
char *output_reserve(struct chunk_pool *pool, struct output *output, size_t size);
void output_commit(struct output *output, size_t size);
bool output_put(struct chunk_pool *pool, struct output *output, struct text text);
void output_splice(struct output *output, struct output *behind); /* empties `behind` */
void output_sent(struct chunk_pool *pool, struct output *output, size_t size);
void output_fini(struct chunk_pool *pool, struct output *output);

#endif
