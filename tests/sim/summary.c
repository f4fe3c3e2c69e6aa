/* What a campaign came to: how often each kind of fault and each verdict really came about. */
#include <stdio.h>

#include "campaign.h"

#define NUMBER(x) ((unsigned long long)(x))

static const struct {
	const char *name;
	uint32_t number;
} verdicts[] = {
#define V(name, number, status, code, sentence) {#name, number},
#include "core/verdict.def"
#undef V
};
#define VERDICTS (sizeof verdicts / sizeof verdicts[0])

void summary_print(const struct counts *counts, double seconds)
{
	printf("%llu seeds (%llu with crashes, %llu with faults of the disk), %llu steps in %.1f s, %.0f for each "
	       "second of a "
	       "processor\n",
	       NUMBER(counts->seeds), NUMBER(counts->seeds_crash), NUMBER(counts->seeds_disk), NUMBER(counts->steps),
	       seconds, (double)counts->steps * 1e9 / (double)(counts->cpu_ns ? counts->cpu_ns : 1));
	printf("%llu records, %llu answers told and judged, %llu grants, %llu recoveries, %llu looks at everything\n",
	       NUMBER(counts->records), NUMBER(counts->told), NUMBER(counts->grants), NUMBER(counts->recoveries),
	       NUMBER(counts->checks));
	for (int kind = 0; kind < KIND_COUNT; kind++)
		printf("%12llu  %-20s %s\n", NUMBER(counts->kinds[kind]), kind_names[kind], kind_sentences[kind]);
	for (size_t i = 0; i < VERDICTS; i++)
		printf("%12llu  %-16s%s", NUMBER(counts->verdicts[verdicts[i].number]), verdicts[i].name,
		       i % 3 == 2 || i + 1 == VERDICTS ? "\n" : "");
}

uint64_t summary_missing(const struct counts *counts)
{
	uint64_t missing = 0;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		if (counts->kinds[kind])
			continue;
		printf("never came about: %s (%s)\n", kind_names[kind], kind_sentences[kind]);
		missing++;
	}
	for (size_t i = 0; i < VERDICTS; i++) {
		/* Nothing that is asked here is as large as a record may be. */
		if (counts->verdicts[verdicts[i].number] || verdicts[i].number == VERDICT_TOO_LARGE)
			continue;
		printf("nobody was answered: %s\n", verdicts[i].name);
		missing++;
	}
	return missing;
}
