#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log_line.h"
#include "base/digest.h"
#include "world.h"

int main(int argc, char **argv)
{
	static struct counts counts;
	struct plan plan;
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	uint64_t ticks = argc > 3 ? strtoull(argv[3], NULL, 10) : 10000;
	digest_init();
	log_level_set(LOG_ERROR);
	struct world *world = world_new();
	struct mono_ns start = clock_mono();
	for (uint64_t seed = first; seed < first + count; seed++) {
		plan_make(&plan, seed, ticks, 0);
		if (count == 1)
			plan_print(&plan);
		world_run(world, &plan, &counts);
	}
	double seconds = (double)(clock_mono().ns - start.ns) / 1e9;
	printf("%llu seeds, %llu steps, %.0f steps/s, %llu records, %llu told\n", (unsigned long long)counts.seeds,
	       (unsigned long long)counts.steps, (double)counts.steps / seconds, (unsigned long long)counts.records,
	       (unsigned long long)counts.told);
	for (int i = 0; i < KIND_COUNT; i++)
		printf("%-22s %llu\n", kind_names[i], (unsigned long long)counts.kinds[i]);
#define V(name, number, status, code, sentence) printf("%s %llu\n", #name, (unsigned long long)counts.verdicts[number]);
#include "core/verdict.def"
#undef V
	return 0;
}
