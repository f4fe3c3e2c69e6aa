/* arrivals: when each claim of a crowd is meant to be sent, fixed before the first one is.
 *
 * An open loop: a slow server does not slow the crowd down, and what waits because of it is counted from the intended
 * moment, so that no wait is left out of the figures.
 *
 * Units    nanoseconds since the start of the crowd; rate in claims a second.
 * Memory   the caller's array.
 */
#ifndef DIBS_CLI_ARRIVALS_H
#define DIBS_CLI_ARRIVALS_H

#include <stdint.h>

enum arrival_kind {
	ARRIVE_AT_ONCE,  /* all at 0: the doors open */
	ARRIVE_EVENLY,   /* one every 1/rate seconds */
	ARRIVE_BY_CHANCE /* a Poisson process of that rate: independent people */
};

struct arrivals {
	enum arrival_kind kind;
	double rate;      /* > 0 unless at once */
	uint64_t ramp_ns; /* the rate grows from 0 to `rate` in this time, in a straight line; 0: it is there at once */
	uint64_t seed;    /* by chance: the same seed, the same crowd */
};

/* Fills due_ns[0..count), never descending. */
void arrivals_fill(const struct arrivals *arrivals, uint64_t *due_ns, uint32_t count);

#endif
