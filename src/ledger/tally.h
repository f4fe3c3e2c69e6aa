/* tally: refusals counted between two COUNTS records (DESIGN §5.7).
 *
 *   tally_add ──► due a second later ──► tally_next ──► COUNTS record
 *
 * A drop's first refusal starts its second, so that a drop writes at most one record a second and the list is in the
 * order of what is due. A crash loses at most that second.
 *
 * Memory   one row a drop, taken in tally_init().
 */
#ifndef DIBS_LEDGER_TALLY_H
#define DIBS_LEDGER_TALLY_H

#include "core/command.h"

#define TALLY_EVERY_MS 1000 /* a series per second is what statistics show */

struct tally_row {
	uint64_t counts[COUNTS_MAX];
	struct wall_ms due;
	uint32_t next; /* in the list; NO_DROP: the last */
	bool listed;
};

struct tally {
	struct tally_row *rows;
	uint32_t drops_max, first, last;
	uint8_t place[VERDICT_COUNT]; /* of a verdict in `counts`; COUNTS_MAX: not counted */
	uint8_t verdict[COUNTS_MAX];
};

bool tally_init(struct tally *tally, uint32_t drops_max);
void tally_fini(struct tally *tally);
/* Ignores what is no refusal of the sale, and refusals of no drop. */
void tally_add(struct tally *tally, uint32_t drop, enum verdict verdict, uint64_t count, struct wall_ms now);
/* Takes the counts of the drop that is due first: into a COUNTS command, and true. all: due or not. */
bool tally_next(struct tally *tally, struct wall_ms now, bool all, struct command *ret);
struct wall_ms tally_due(const struct tally *tally); /* WALL_NEVER: nothing is counted */

#endif
