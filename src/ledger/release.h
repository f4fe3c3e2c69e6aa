/* release: answers that wait until the log is durable up to their basis (P3).
 *
 *   release_put ──► bucket[basis mod size] ──► release_until(durable) ──► out, in the order of their basis
 *
 * A bucket is visited when durable passes its number. An answer whose basis lies a whole round ahead shares the bucket
 * and stays in it until its own turn, so that no size is too small; it only costs another look.
 *
 * Memory   the buckets, taken in release_init().
 */
#ifndef DIBS_LEDGER_RELEASE_H
#define DIBS_LEDGER_RELEASE_H

#include "ledger/ask_list.h"

struct release {
	struct ask_list *buckets;
	uint64_t mask;
	uint64_t until; /* everything up to here has left */
	uint32_t count; /* answers that wait */
};

/* False: no memory. */
bool release_init(struct release *release, uint32_t waiting_max);
void release_fini(struct release *release);
/* Takes the ask; it goes straight to `out` when its basis is durable already. */
void release_put(struct release *release, struct ask *ask, struct ask_list *out);
void release_until(struct release *release, uint64_t durable, struct ask_list *out);

#endif
