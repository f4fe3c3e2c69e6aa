#include "cli/crowd_watch.h"

#include <stdio.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/report.h"

#define REWRITE_NS UINT64_C(100000000)
#define LINE_NS UINT64_C(1000000000)
#define BAR 24

void crowd_watch_init(struct crowd_watch *watch, bool quiet)
{
	*watch = (struct crowd_watch){.terminal = isatty(STDERR_FILENO) != 0, .quiet = quiet};
	watch->last_ns = clock_mono().ns;
}

static void put_bar(char out[BAR + 1], uint32_t part, uint32_t whole)
{
	uint32_t full = whole ? (uint32_t)((uint64_t)part * BAR / whole) : 0;
	for (uint32_t i = 0; i < BAR; i++)
		out[i] = i < full ? '=' : ' ';
	out[BAR] = '\0';
}

static void put_line(const struct crowd_progress *now, double rate)
{
	char a[FIGURE_SIZE], b[FIGURE_SIZE], c[FIGURE_SIZE], d[FIGURE_SIZE], e[FIGURE_SIZE], bar[BAR + 1];
	if (now->elapsed_ns == 0) {
		fprintf(stderr, "  %s buyers are at the door", figure_count(now->connections, a));
		return;
	}
	put_bar(bar, now->told, now->claims);
	fprintf(stderr, "  [%s] %s told: %s got one, %s did not, %s failed (%s/s)", bar, figure_count(now->told, a),
	        figure_count(now->granted, b), figure_count(now->refused, c), figure_count(now->failed, d),
	        figure_count((uint64_t)rate, e));
}

void crowd_watch_show(void *context, const struct crowd_progress *now)
{
	struct crowd_watch *watch = context;
	uint64_t time_ns = clock_mono().ns, gap_ns = time_ns - watch->last_ns;
	if (watch->quiet || gap_ns < (watch->terminal ? REWRITE_NS : LINE_NS))
		return;
	if (watch->terminal)
		fputs("\r\033[K", stderr);
	put_line(now, (double)(now->told - watch->last_told) * 1e9 / (double)gap_ns);
	if (!watch->terminal)
		fputs("\n", stderr);
	fflush(stderr);
	watch->line_open = watch->terminal;
	watch->last_ns = time_ns;
	watch->last_told = now->told;
}

void crowd_watch_end(struct crowd_watch *watch)
{
	if (watch->line_open)
		fputs("\r\033[K", stderr);
	watch->line_open = false;
}
