/* output: data on stdout, in whole; messages and a progress bar on stderr. */
#ifndef DIBS_CLI_OUTPUT_H
#define DIBS_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "base/time.h"

/* Writes it to stdout and empties it. False when that failed (said once on stderr): stop, exit 1. */
bool output_write(struct buf *out);
/* The same at the end: frees it, returns the exit status. */
int output_end(struct buf *out);

bool output_has_color(int fd); /* a terminal, and NO_COLOR is not set */

/* A bar on stderr while something long runs, if stderr is a terminal; nothing otherwise. */
struct progress {
	const char *what;
	uint64_t total; /* 0: not known */
	struct mono_ns shown;
	bool terminal, visible;
};
void progress_init(struct progress *progress, const char *what, uint64_t total);
void progress_at(struct progress *progress, uint64_t done); /* cheap: shows at most ten times a second */
void progress_end(struct progress *progress);

#endif
