/* Making a failing seed smaller: fewer steps, fewer kinds of faults, fewer people, as long as it fails.
 *
 * Any failure counts as the same: what is left when nothing can be taken away is what is looked at first.
 */
#include <stdio.h>

#include "campaign.h"

#define HALVINGS 12

void print_repeat(uint64_t seed, uint64_t ticks, const struct changes_of_plan *changes)
{
	const char *comma = "";
	fprintf(stderr, "  repeat it with: make sim SEED=%llu TICKS=%llu", (unsigned long long)seed,
	        (unsigned long long)ticks);
	if (changes->without || changes->set_count)
		fprintf(stderr, " SIM=\"");
	for (uint32_t group = 1; group < GROUP_COUNT; group++) {
		if (!(changes->without >> group & 1))
			continue;
		fprintf(stderr, "%s%s", *comma ? comma : "--without ", group_names[group]);
		comma = ",";
	}
	for (uint32_t i = 0; i < changes->set_count; i++)
		fprintf(stderr, "%s--set %s=%u", i || *comma ? " " : "", changes->set[i].name, changes->set[i].value);
	fprintf(stderr, "%s\n", changes->without || changes->set_count ? "\"" : "");
}

struct case_of {
	uint64_t seed, ticks;
	struct changes_of_plan changes;
	struct counts *counts;
};

/* Takes the smaller case when it still fails. */
static bool try_smaller(struct case_of *at, const struct case_of *smaller)
{
	if (seed_runs(smaller->seed, smaller->ticks, &smaller->changes, true, at->counts))
		return false;
	*at = *smaller;
	if (at->counts->now_steps > 0 && at->counts->now_steps < at->ticks)
		at->ticks = at->counts->now_steps;
	return true;
}

static void fewer_steps(struct case_of *at)
{
	uint64_t passes = 0;
	for (int i = 0; i < HALVINGS && at->ticks > passes + 1; i++) {
		struct case_of smaller = *at;
		smaller.ticks = passes + (at->ticks - passes) / 2;
		if (!try_smaller(at, &smaller))
			passes = smaller.ticks;
	}
}

static void fewer_faults(struct case_of *at)
{
	struct plan plan;
	for (uint32_t group = 1; group < GROUP_COUNT; group++) {
		struct case_of smaller = *at;
		plan_prepare(&plan, at->seed, at->ticks, &at->changes);
		if (!plan_has(&plan, (enum group)group))
			continue;
		smaller.changes.without |= 1u << group;
		try_smaller(at, &smaller);
	}
}

static void fewer_of(struct case_of *at, const char *name, uint32_t value)
{
	struct case_of smaller = *at;
	if (smaller.changes.set_count == CHANGES_MAX)
		return;
	smaller.changes.set[smaller.changes.set_count].name = name;
	smaller.changes.set[smaller.changes.set_count++].value = value;
	try_smaller(at, &smaller);
}

void shrink(uint64_t seed, uint64_t ticks, const struct changes_of_plan *changes)
{
	struct case_of at = {.seed = seed, .ticks = ticks, .changes = *changes, .counts = counts_shared(1)};
	struct case_of same = at;
	if (!try_smaller(&at, &same)) {
		fprintf(stderr, "  by itself the seed passes: what came before it in its process matters\n");
		print_repeat(seed, ticks, changes);
		return;
	}
	fewer_steps(&at);
	fewer_faults(&at);
	fewer_of(&at, "meanwhile", 0);
	fewer_of(&at, "drops", 1);
	fewer_of(&at, "buyers", 3);
	fewer_of(&at, "clients", 3);
	fewer_of(&at, "operators", 0);
	fewer_steps(&at);
	print_repeat(seed, at.ticks, &at.changes);
}
