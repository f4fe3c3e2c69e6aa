/* campaign: many seeds, in processes of their own, so that one that dies is one failure and not the end.
 *
 * What a seed counts lies in shared memory; so does how far it came. A seed that breaks a promise, trips over must(), or
 * does not come to its end is said with the line that repeats it, and made smaller first (shrink.h).
 */
#ifndef DIBS_SIM_CAMPAIGN_H
#define DIBS_SIM_CAMPAIGN_H

#include "world.h"

#define CHANGES_MAX 16
#define SEED_SECONDS_MAX 120 /* a seed that takes longer hangs */

/* What is asked for on the command line, beside the seed: how its plan is changed. */
struct changes_of_plan {
	uint32_t without; /* groups, a bit each */
	struct {
		const char *name;
		uint32_t value;
	} set[CHANGES_MAX];
	uint32_t set_count;
};

struct order_of_seeds {
	uint64_t first, count, ticks;
	uint32_t seconds; /* 0: as many as count says */
	uint32_t jobs;
	bool shrinks, needs_all_kinds;
	struct changes_of_plan changes;
};

/* False: there is no such number in a plan. */
bool plan_set(struct plan *plan, const char *name, uint32_t value);
void plan_prepare(struct plan *plan, uint64_t seed, uint64_t ticks, const struct changes_of_plan *changes);

/* In a process of its own. True: it ended well. *ret_counts is shared memory. */
bool seed_runs(uint64_t seed, uint64_t ticks, const struct changes_of_plan *changes, bool silent,
               struct counts *ret_counts);
struct counts *counts_shared(uint32_t how_many);

/* Prints all; returns how many failed. */
uint64_t campaign_run(const struct order_of_seeds *order);

/* shrink.c: prints the shortest way to repeat it. */
void shrink(uint64_t seed, uint64_t ticks, const struct changes_of_plan *changes);
void print_repeat(uint64_t seed, uint64_t ticks, const struct changes_of_plan *changes);

/* summary.c */
void summary_print(const struct counts *counts, double seconds);
uint64_t summary_missing(const struct counts *counts); /* kinds and verdicts that never came about: says so */

#endif
