/* eligibility: may this buyer have this, beyond what the ledger knows? Asked only for a claim that would be granted.
 *
 *   CHECK_FIRST ──► eligibility_ask ──► … ──► check->done ──► the claim again, eligible or not_eligible
 *
 * `simulated` refuses a share at random, as in "no balance", from a seed, after a delay if one is set. A call to the
 * shop's own service will stand beside it: done may come at once or later, on the same loop.
 *
 * Memory   the asker owns the check until its done was called.
 * Thread   a loop's, with its own list; the source is shared and does not change but for its counter.
 */
#ifndef DIBS_API_ELIGIBILITY_H
#define DIBS_API_ELIGIBILITY_H

#include <stdatomic.h>

#include "api/api.h"

enum check_answer { CHECK_PASSED, CHECK_REFUSED, CHECK_UNFINISHED };

struct check {
	void (*done)(struct check *check, enum check_answer answer);
	void *context;
	struct text drop, buyer; /* what is asked about */
	/* the source's */
	struct mono_ns due;
	bool refused;
	struct check *next;
};

struct check_list {
	struct check *first, *last; /* in the order of their due times */
};

struct eligibility_source {
	enum eligibility kind;
	uint32_t percent, delay_ms;
	uint64_t seed;
	_Atomic uint64_t asked, passed, refused;
};

void eligibility_ask(struct eligibility_source *source, struct check_list *list, struct check *check);
/* Calls done of those that are due; of all of them, UNFINISHED, when draining. */
void eligibility_tick(struct check_list *list, struct mono_ns now, bool draining);

#endif
