#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BAR_CELLS 30
#define SHOW_EVERY_NS UINT64_C(100000000) /* ten times a second looks smooth */

static bool write_whole(const char *at, size_t size)
{
	while (size) {
		ssize_t written = write(STDOUT_FILENO, at, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		at += written;
		size -= (size_t)written;
	}
	return true;
}

bool output_write(struct buf *out)
{
	bool whole = !out->failed && write_whole(out->at, out->size);
	if (!whole && out->failed)
		fprintf(stderr, "dibs: no memory for the answer\n");
	else if (!whole && errno != EPIPE)
		fprintf(stderr, "dibs: stdout cannot be written\n");
	buf_clear(out);
	return whole;
}

int output_end(struct buf *out)
{
	bool whole = output_write(out);
	buf_fini(out);
	return whole ? 0 : 1;
}

bool output_has_color(int fd)
{
	const char *no = getenv("NO_COLOR");
	return isatty(fd) && !(no && *no);
}

void progress_init(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){
	    .what = what, .total = total, .shown = clock_mono(), .terminal = isatty(STDERR_FILENO) == 1};
}

void progress_at(struct progress *progress, uint64_t done)
{
	struct mono_ns now = clock_mono();
	if (!progress->terminal || now.ns - progress->shown.ns < SHOW_EVERY_NS)
		return;
	progress->shown = now;
	progress->visible = true;
	if (progress->total == 0) {
		fprintf(stderr, "\r%s %llu", progress->what, (unsigned long long)done);
		return;
	}
	double share = done < progress->total ? (double)done / (double)progress->total : 1.0;
	int cells = (int)(share * BAR_CELLS);
	fprintf(stderr, "\r%s [%.*s%*s] %3d%% %llu", progress->what, cells, "##############################",
	        BAR_CELLS - cells, "", (int)(share * 100), (unsigned long long)done);
}

void progress_end(struct progress *progress)
{
	if (progress->visible)
		fprintf(stderr, "\r%*s\r", BAR_CELLS + 60, "");
	progress->visible = false;
}
