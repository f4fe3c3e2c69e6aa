/* walk: going along the batches of a segment as recovery and verification do, and judging where they end.
 *
 * A segment that is not the last is whole up to the next one's first sequence, else it is damaged. In the last one the
 * walk stops at the first batch that is not sound. What stands behind decides what that was: a batch is written only
 * after the one before is synced, so a sound header further on proves that the unsound place had been durable, and may
 * have been told to somebody: damage, refuse. If none is there, it is a write that was never finished and that nobody
 * was told about: torn, left out, said.
 *
 * Faults   FAULT_DAMAGED with segment, offset and sequence; FAULT_VERSION; FAULT_IO, FAULT_MEMORY.
 * Thread   one, while the journal opens.
 */
#ifndef DIBS_LOG_WALK_H
#define DIBS_LOG_WALK_H

#include "log/journal_inside.h"
#include "log/window.h"

/* A place between two batches: what stands before it. */
struct place {
	uint64_t offset;
	uint64_t next; /* the sequence that comes */
	struct wall_ms time;
	uint8_t hash[BLAKE_SIZE];
};

struct walk {
	struct journal *journal;
	struct segment *segment;
	char name[SEGMENT_NAME_SIZE];
	struct window window; /* open after walk_segments(), if there is a segment at all */
	struct place at;
	struct place known; /* up to here all is known durable */
	uint64_t batches;
	bool torn;
};

/* Opens a file of the journal for reading; one larger than a segment can be is damaged. */
int walk_open(struct journal *journal, const char *name, enum disk_open how, struct window *ret, struct error *error);
/* Walks the journal's segments from the one that has `from`; is left at the end of the last one. */
int walk_segments(struct walk *walk, struct journal *journal, uint64_t from, struct error *error);
/* The batch at walk->at.offset. 1: it is sound; 0: it is not; or a fault. */
int walk_batch(struct walk *walk, struct batch_header *ret, const uint8_t **ret_bytes, struct wall_ms *ret_time,
               struct error *error);

#endif
