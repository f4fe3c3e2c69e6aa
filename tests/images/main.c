/* images: what a disk may hold when the power goes, at every call, and what recovery makes of it.
 *
 *   images [--seconds N] [--seed N] [--only SEED.LIFE.CALLS.IMAGE[.CALLS.IMAGE]]
 *
 * Lives of a small shop on a recorded disk (world.h), every place of them (timeline.h), many images of each (select.h),
 * each recovered by the program's own code and held against the truth (examine.h), some of them damaged (damage.h).
 * The last line is `N passed, N failed`: a kind of thing that came about, and was right every time, is one that passed.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/digest.h"
#include "base/log_line.h"
#include "explore.h"

#define SLOW 4 /* so much longer on a busy machine, until each kind has come about */
#define ONLY_SECONDS_MAX 600

static int usage(void)
{
	fprintf(stderr, "usage: images [--seconds N] [--seed N] [--only SEED.LIFE.CALLS.IMAGE[.CALLS.IMAGE]]\n");
	return 2;
}

static bool read_spot(const char *text, struct spot *ret)
{
	int got = sscanf(text, "%" SCNd64 ".%" SCNd64 ".%" SCNd64 ".%" SCNd64 ".%" SCNd64 ".%" SCNd64, &ret->seed,
	                 &ret->life, &ret->boundary, &ret->image, &ret->second_boundary, &ret->second_image);
	return got == 4 || got == 6;
}

static double cpu_seconds(void)
{
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Small pieces by the hundred thousand: from the heap, not from the system each time, and no huge pages for small
 * cores. */
static void settle_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	mallopt(M_TOP_PAD, 16 << 20);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

static int tell(const struct explorer *explorer, double cpu, double wall)
{
	int missing = explorer->only.seed < 0 ? kinds_print(&explorer->kinds) : 0;
	uint64_t failed = explorer->failed + (uint64_t)missing;
	uint64_t passed = explorer->only.seed < 0 ? (uint64_t)(KIND_COUNT - missing) : explorer->failed == 0;
	printf("%" PRIu64 " images recovered and checked in %.1f s of one core (%.1f s in all): %.0f images/s\n",
	       explorer->images, cpu, wall, (double)explorer->images / cpu);
	printf("%" PRIu64 " worlds, %" PRIu64 " lives, %" PRIu64 " boundaries\n", explorer->worlds, explorer->lives,
	       explorer->boundaries);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, failed);
	return failed ? 1 : 0;
}

int main(int count, char **arguments)
{
	double seconds = 20;
	uint64_t seed = 1;
	struct spot only = {-1, -1, -1, -1, -1, -1};
	for (int i = 1; i < count; i += 2) {
		if (i + 1 == count)
			return usage();
		if (strcmp(arguments[i], "--seconds") == 0)
			seconds = atof(arguments[i + 1]);
		else if (strcmp(arguments[i], "--seed") == 0)
			seed = strtoull(arguments[i + 1], NULL, 10);
		else if (strcmp(arguments[i], "--only") != 0 || !read_spot(arguments[i + 1], &only))
			return usage();
	}
	settle_memory();
	digest_init();
	log_level_set(LOG_ERROR);
	struct explorer *explorer = explorer_new();
	double began = seconds_now(), cpu = cpu_seconds();
	explorer->only = only;
	explorer->until = began + (only.seed < 0 ? seconds : ONLY_SECONDS_MAX);
	explorer->until_at_most = began + (only.seed < 0 ? SLOW * seconds : ONLY_SECONDS_MAX);
	if (only.seed >= 0)
		explore_world(explorer, (uint64_t)only.seed);
	for (; only.seed < 0 && explore_goes_on(explorer); seed++)
		explore_world(explorer, seed);
	int status = tell(explorer, cpu_seconds() - cpu, seconds_now() - began);
	explorer_free(explorer);
	return status;
}
