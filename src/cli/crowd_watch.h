/* crowd_watch: a crowd watched while it runs, on stderr.
 *
 * On a terminal it is one line that is rewritten ten times a second, elsewhere a line a second, so that a file or a
 * journal keeps the course of it and no more.
 */
#ifndef DIBS_CLI_CROWD_WATCH_H
#define DIBS_CLI_CROWD_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/crowd.h"

struct crowd_watch {
	bool terminal, quiet;
	bool line_open; /* on a terminal: something stands in the line */
	uint64_t last_ns;
	uint32_t last_told;
};

void crowd_watch_init(struct crowd_watch *watch, bool quiet);
/* Fits crowd_plan.progress, with the struct as context. */
void crowd_watch_show(void *watch, const struct crowd_progress *now);
/* Leaves the terminal's line clean for what comes next. */
void crowd_watch_end(struct crowd_watch *watch);

#endif
