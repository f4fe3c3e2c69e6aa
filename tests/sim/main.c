/* sim: the simulator.
 *
 *   sim --seed 7 [--ticks 10000]         one seed, and what it was like
 *   sim --seeds 1500 [--first 1]         so many
 *   sim --seconds 60 [--first 1]         as many as there is time for
 *
 *   --without crashes,lies   without these groups of faults    --set clients=3   with another number in the plan
 *   --jobs 2                 processes at once                 --any             kinds that never came about are no failure
 *   --no-shrink              failing seeds are told as they are
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log_line.h"
#include "campaign.h"

#define LARGE_BYTES (300 * 1024)
#define TICKS_DEFAULT 10000
#define TICKS_MAX 100000 /* of one seed: what its books hold */

_Noreturn static void misused(const char *what)
{
	fprintf(stderr, "sim: %s\n", what);
	exit(2);
}

static uint64_t number_of(const char *text, uint64_t low, uint64_t high)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);
	if (*end || end == text || value < low || value > high)
		misused("a number is none, or out of bounds");
	return value;
}

static void leave_out(struct changes_of_plan *changes, char *list)
{
	for (char *save = NULL, *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		int group = 1;
		while (group < GROUP_COUNT && strcmp(group_names[group], name) != 0)
			group++;
		if (group == GROUP_COUNT)
			misused("--without: there is no such group");
		changes->without |= 1u << group;
	}
}

static void set_number(struct changes_of_plan *changes, char *setting)
{
	struct plan plan = {0};
	char *value = strchr(setting, '=');
	if (!value || changes->set_count == CHANGES_MAX)
		misused("--set name=number");
	*value++ = '\0';
	changes->set[changes->set_count].name = setting;
	changes->set[changes->set_count].value = (uint32_t)number_of(value, 0, UINT32_MAX);
	if (!plan_set(&plan, setting, 1))
		misused("--set: a plan has no such number");
	changes->set_count++;
}

static void read_options(int argc, char **argv, struct order_of_seeds *order, bool *ret_one)
{
	static const struct option options[] = {
	    {"seed", 1, NULL, 's'},  {"ticks", 1, NULL, 't'},     {"seeds", 1, NULL, 'n'}, {"seconds", 1, NULL, 'c'},
	    {"first", 1, NULL, 'f'}, {"without", 1, NULL, 'w'},   {"set", 1, NULL, 'x'},   {"jobs", 1, NULL, 'j'},
	    {"any", 0, NULL, 'a'},   {"no-shrink", 0, NULL, 'k'}, {NULL, 0, NULL, 0},
	};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 's':
			*ret_one = true;
			order->first = number_of(optarg, 0, UINT64_MAX);
			break;
		case 'f':
			order->first = number_of(optarg, 0, UINT64_MAX);
			break;
		case 't':
			order->ticks = number_of(optarg, 1, TICKS_MAX);
			break;
		case 'n':
			order->count = number_of(optarg, 1, UINT64_MAX);
			break;
		case 'c':
			order->seconds = (uint32_t)number_of(optarg, 1, 1000000);
			break;
		case 'w':
			leave_out(&order->changes, optarg);
			break;
		case 'x':
			set_number(&order->changes, optarg);
			break;
		case 'j':
			order->jobs = (uint32_t)number_of(optarg, 1, 64);
			break;
		case 'a':
			order->needs_all_kinds = false;
			break;
		case 'k':
			order->shrinks = false;
			break;
		default:
			misused("see the head of tests/sim/main.c");
		}
	}
}

static int run_one(const struct order_of_seeds *order)
{
	struct counts *counts = counts_shared(1);
	struct plan plan;
	struct mono_ns began = clock_mono();
	plan_prepare(&plan, order->first, order->ticks, &order->changes);
	plan_print(&plan);
	bool passed = seed_runs(order->first, order->ticks, &order->changes, false, counts);
	if (passed)
		summary_print(counts, (double)(clock_mono().ns - began.ns) / 1e9);
	else if (order->shrinks)
		shrink(order->first, order->ticks, &order->changes);
	printf("%d passed, %d failed\n", passed, !passed);
	return !passed;
}

/* What is large is zeros from the system, of which a short life touches little; what is small is used again. */
static void tune_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

int main(int argc, char **argv)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct order_of_seeds order = {.first = 1,
	                               .count = 1000,
	                               .ticks = TICKS_DEFAULT,
	                               .jobs = processors > 0 && processors <= 64 ? (uint32_t)processors : 1,
	                               .shrinks = true,
	                               .needs_all_kinds = true};
	bool one = false;
	read_options(argc, argv, &order, &one);
	tune_memory();
	digest_init();
	log_level_set(LOG_ERROR);
	if (one)
		return run_one(&order);
	return campaign_run(&order) != 0;
}
