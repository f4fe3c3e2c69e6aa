/* tap: the log that a server sees, with the world listening in.
 *
 * Over the journal: what is appended goes into the shadow, and what is echoed must be the same. Over the log in memory,
 * which may lose, double, delay and swap what is appended: the hub takes each record into the shadow as it comes back,
 * and each of the servers gets all of them, at its own pace.
 */
#ifndef DIBS_SIM_TAP_H
#define DIBS_SIM_TAP_H

#include "log/log.h"
#include "shadow.h"

struct tap {
	struct log log; /* first: what the server holds */
	struct log *inner;
	struct shadow *shadow;
	bool is_hub;
	uint64_t echoed;    /* hub: the last one this server was given */
	bool echo_differed; /* what came back is not what was appended */
};

/* over: the journal or the log in memory, which stays the caller's. echoed: the server's core is there. */
void tap_init(struct tap *tap, struct log *over, struct shadow *shadow, bool is_hub, uint64_t echoed);

#endif
