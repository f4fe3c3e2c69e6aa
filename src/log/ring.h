/* ring: where records gather while the batch before is being written.
 *
 * Positions are counts of bytes since the start and never go back; a record lies in one piece, what is left before the
 * ring's end is skipped. Between `taken` and `head` lies what the writer has not copied out; the ledger echoes from
 * here, too.
 *
 *        free            waits to be taken            gathers
 *   ───────────────┬──────────────────────────┬──────────────────┬──────────
 *             min(taken,echoed)             handed             head
 *
 * Memory   one block, touched when made. A record needs at most half of it, so that an empty ring takes any.
 * Thread   put: the ledger's. next: whoever owns the position; up to a head that was handed over.
 */
#ifndef DIBS_LOG_RING_H
#define DIBS_LOG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/time.h"

struct ring {
	uint8_t *bytes;
	uint64_t size; /* a power of two */
	uint64_t head; /* the ledger's */
};

struct ring_record {
	struct wall_ms time;
	const uint8_t *bytes;
	uint32_t size;
};

int ring_init(struct ring *ring, uint64_t size, struct error *error);
void ring_fini(struct ring *ring);
uint32_t ring_record_size_max(const struct ring *ring);
/* False when it does not fit: what lies from free_from on is in use. */
bool ring_put(struct ring *ring, uint64_t free_from, struct wall_ms time, const uint8_t *bytes, uint32_t size);
/* The record at *position, which moves behind it; *ret_start (may be NULL): where it begins. */
struct ring_record ring_next(const struct ring *ring, uint64_t *position, uint64_t *ret_start);

#endif
