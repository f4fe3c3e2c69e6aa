/* progress: a crowd watched while it runs, on stderr.
 *
 * On a terminal it is one line that is rewritten ten times a second, elsewhere a line a second, so that a file or a
 * journal keeps the course of it and no more.
 */
#ifndef DIBS_CLI_PROGRESS_H
#define DIBS_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/crowd.h"

struct progress {
	bool terminal, quiet;
	bool line_open; /* on a terminal: something stands in the line */
	uint64_t last_ns;
	uint32_t last_told;
};

void progress_init(struct progress *progress, bool quiet);
/* Fits crowd_plan.progress, with the struct as context. */
void progress_show(void *progress, const struct crowd_progress *now);
/* Leaves the terminal's line clean for what comes next. */
void progress_end(struct progress *progress);

#endif
