/* pace: for work that is in nobody's way, a moment of rest every so often.
 *
 * A thread at idle priority gives its processor up at once to a thread that wakes there. But one that is ready to run on
 * another, busy processor is only brought over when this one has nothing to do at all; without a rest it can wait for
 * tens of milliseconds beside a processor that does nothing urgent. A short sleep several times a millisecond lets it come.
 */
#ifndef DIBS_BASE_PACE_H
#define DIBS_BASE_PACE_H

#include <stdint.h>
#include <time.h>

#define PACE_REST_NS 30000 /* long enough for the system to look for somebody else */

/* Counts one piece of work, and rests after every `every` of them. */
static inline void pace(uint32_t *done, uint32_t every)
{
	struct timespec rest = {.tv_nsec = PACE_REST_NS};
	if (++*done % every == 0)
		nanosleep(&rest, NULL);
}

#endif
