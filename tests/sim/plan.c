#include "plan.h"

#include <stdio.h>

#include "dice.h"

#define HALF 50

const char *const kind_names[KIND_COUNT] = {
#define K(name, group, sentence) [KIND_##name] = #name,
#include "kinds.def"
#undef K
};
const char *const kind_sentences[KIND_COUNT] = {
#define K(name, group, sentence) [KIND_##name] = sentence,
#include "kinds.def"
#undef K
};
const enum group kind_groups[KIND_COUNT] = {
#define K(name, group, sentence) [KIND_##name] = GROUP_##group,
#include "kinds.def"
#undef K
};
const char *const group_names[GROUP_COUNT] = {
    "none",   "stops", "crashes",  "snapshots", "spoils", "syncs",
    "writes", "lies",  "fullness", "slowness",  "clocks", "log_faults",
};

static void draw(struct plan *plan, struct dice *dice, enum group group, uint32_t percent)
{
	if (dice_percent(dice, percent))
		plan->groups |= 1u << group;
}

/* Half of the seeds have crashes, a quarter faults of the disk, of which each has one or more kinds. */
static void draw_groups(struct plan *plan, struct dice *dice)
{
	draw(plan, dice, GROUP_stops, HALF);
	draw(plan, dice, GROUP_crashes, HALF);
	draw(plan, dice, GROUP_snapshots, 60);
	draw(plan, dice, GROUP_clocks, 30);
	draw(plan, dice, GROUP_slowness, 20);
	bool faulty = dice_percent(dice, 34); /* a quarter of all: worlds without a disk have none */
	uint32_t first = dice_below(dice, 5);
	static const enum group of_disk[5] = {GROUP_spoils, GROUP_syncs, GROUP_writes, GROUP_lies, GROUP_fullness};
	for (uint32_t i = 0; i < 5; i++) {
		bool also = dice_percent(dice, 25);
		if (faulty && (i == first || also))
			plan->groups |= 1u << of_disk[i];
	}
	bool on_log = dice_percent(dice, 85);
	if (plan->memory_log && on_log)
		plan->groups |= 1u << GROUP_log_faults;
}

static void draw_weights(struct plan *plan, struct dice *dice)
{
	static const uint32_t low[EVENT_COUNT] = {30, 15, 1, 1, 1, 1, 6}, high[EVENT_COUNT] = {90, 40, 12, 3, 3, 4, 20};
	for (int i = 0; i < EVENT_COUNT; i++)
		plan->weight[i] = dice_from(dice, low[i], high[i]);
}

static void draw_sizes(struct plan *plan, struct dice *dice)
{
	plan->drops = dice_from(dice, 2, DROPS_MAX);
	plan->drops_first = dice_from(dice, 1, plan->drops);
	plan->buyers = dice_from(dice, 3, BUYERS_MAX);
	plan->clients = dice_from(dice, 4, CLIENTS_MAX);
	plan->segment_bytes = 65536u << dice_below(dice, 3);
	plan->batch_bytes = dice_percent(dice, 20) ? 4096 : 16384;
	plan->echoes_max = dice_percent(dice, 60) ? 1 : dice_from(dice, 2, 64);
	plan->waiting_max = dice_percent(dice, 15) ? dice_from(dice, 2, 8) : 256;
	plan->claim_timeout_ms = dice_from(dice, 200, 5000);
	plan->orders_max = dice_percent(dice, 10) && plan->servers == 1 ? dice_from(dice, 20, 200) : 8192;
	plan->hold_max_s = dice_from(dice, 1, 40);
	/* Where echoes come late, an order that left before its server heard of it cannot be found by its key: whoever
	 * runs several servers keeps ended orders for longer than an echo can take. */
	plan->keep_min_s = plan->memory_log ? 120 : 1;
	plan->keep_max_s = dice_percent(dice, 70) ? plan->keep_min_s + dice_below(dice, 60) : 31536000;
	plan->stock_max = dice_percent(dice, 50) ? dice_from(dice, 1, 20) : dice_from(dice, 20, 2000);
}

/* More than expire before one record (DESIGN §5.2). */
static void make_crowd(struct plan *plan)
{
	plan->crowd = true;
	plan->drops = plan->drops_first = 1 + plan->drops % 2;
	plan->buyers = BUYERS_MAX;
	plan->clients = CLIENTS_MAX;
	plan->stock_max = 5000;
	plan->hold_max_s = 40;
	plan->slow_percent = 100;
	plan->waiting_max = 256;
	plan->orders_max = 8192;
	plan->weight[EVENT_REQUEST] = 60;
	plan->weight[EVENT_LEDGER] = 15;
	plan->weight[EVENT_WRITE] = 12;
	plan->weight[EVENT_TIME] = 1;
	plan->operator_percent = 1;
}

void plan_make(struct plan *plan, uint64_t seed, uint64_t ticks, uint32_t without)
{
	struct dice dice = dice_for(seed, 1);
	*plan = (struct plan){.seed = seed, .ticks = ticks};
	plan->memory_log = dice_percent(&dice, 25);
	bool two = dice_percent(&dice, HALF);
	plan->servers = plan->memory_log && two ? 2 : 1;
	draw_groups(plan, &dice);
	draw_weights(plan, &dice);
	draw_sizes(plan, &dice);
	plan->rare_in = 1u << dice_from(&dice, 6, 9);
	plan->key_percent = dice_from(&dice, 20, 100);
	plan->cancel_percent = dice_from(&dice, 0, 60);
	plan->operator_percent = dice_from(&dice, 1, 8);
	plan->slow_percent = dice_from(&dice, 20, 90);
	plan->meanwhile_percent = dice_percent(&dice, 70) ? dice_from(&dice, 1, 40) : 0;
	plan->eligibility = dice_percent(&dice, 20);
	plan->deletes_archived = dice_percent(&dice, HALF);
	if (dice_percent(&dice, 6))
		make_crowd(plan);
	for (int i = 0; i < EVENT_COUNT; i++)
		plan->weight_sum += plan->weight[i];
	plan->groups &= ~without;
}

void plan_print(const struct plan *plan)
{
	printf("seed %llu: %s, %u server%s, %u drops, %u buyers, %u clients, segments of %u KiB;",
	       (unsigned long long)plan->seed, plan->memory_log ? "a log in memory" : "the journal", plan->servers,
	       plan->servers > 1 ? "s" : "", plan->drops, plan->buyers, plan->clients, plan->segment_bytes / 1024);
	for (int group = 1; group < GROUP_COUNT; group++)
		if (plan_has(plan, (enum group)group))
			printf(" %s", group_names[group]);
	printf("%s\n", plan->crowd ? " (a crowd)" : "");
}
