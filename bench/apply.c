/* apply: how fast one thread folds, and what a buyer costs in memory.
 *
 * Prints "name value unit" lines for bench/run. Every claim is by another buyer, with a key of its own, of one unit.
 * Commands are made in batches outside the time that is taken; what is timed is what a fold does with a decoded
 * record: core_prefetch() (which works out the digests) and core_apply().
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "core/core.h"

#define BATCH 128 /* fits the cache, as what comes from the log does */
#define START_MS INT64_C(1800000000000)

struct bench {
	struct core *core;
	uint64_t sequence, counter;
	struct command *commands;
	char (*buyers)[24], (*keys)[24];
	uint64_t busy_ns;
};

static void apply_one(struct bench *bench, struct command *command)
{
	struct outcome outcome;
	struct error error;
	command->incarnation = command->kind == COMMAND_HELLO ? 0 : 1;
	command->counter = ++bench->counter;
	uint64_t sequence = ++bench->sequence;
	if (core_apply(bench->core, sequence, (struct wall_ms){START_MS + (int64_t)(sequence / 1000)}, command,
	               &outcome, &error) != 0) {
		fprintf(stderr, "apply: %s\n", error.text);
		exit(1);
	}
	must(outcome.verdict == VERDICT_GRANTED || outcome.verdict == VERDICT_DONE);
}

static void create_drops(struct bench *bench, uint32_t drops, uint32_t hold_seconds)
{
	struct command hello = {.kind = COMMAND_HELLO, .hello = {.digest_key = {7}, .program = TEXT("bench")}};
	apply_one(bench, &hello);
	for (uint32_t i = 0; i < drops; i++) {
		char id[16];
		struct sku_spec sku = {TEXT("one"), QUANTITY_MAX, 1000};
		snprintf(id, sizeof id, "d%u", i);
		struct command create = {.kind = COMMAND_DROP_CREATE,
		                         .create = {.id = text_of(id),
		                                    .limit_per_buyer = 1,
		                                    .hold_seconds = hold_seconds,
		                                    .keep_seconds = KEEP_SECONDS_DEFAULT,
		                                    .opens_at = {START_MS},
		                                    .closes_at = WALL_NEVER,
		                                    .sku_count = 1,
		                                    .skus = &sku}};
		apply_one(bench, &create);
	}
}

static void make_batch(struct bench *bench, uint64_t from, uint32_t count, uint32_t drops)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t buyer = from + i;
		int buyer_size =
		    snprintf(bench->buyers[i], sizeof bench->buyers[i], "buyer-%llu", (unsigned long long)buyer);
		int key_size = snprintf(bench->keys[i], sizeof bench->keys[i], "key-%llu", (unsigned long long)buyer);
		struct command *command = &bench->commands[i];
		command->kind = COMMAND_CLAIM;
		command->key = (struct text){bench->keys[i], (size_t)key_size};
		command->claim.drop = (uint32_t)(buyer * 2654435761u % drops);
		command->claim.buyer = (struct text){bench->buyers[i], (size_t)buyer_size};
		command->claim.latest = WALL_NEVER;
		command->claim.line_count = 1;
		command->claim.line[0] = (struct claim_line){0, 1};
		command->claim.digested = false;
	}
}

static void apply_batch(struct bench *bench, uint32_t count)
{
	struct mono_ns from = clock_mono();
	for (uint32_t i = 0; i < PREFETCH_AHEAD && i < count; i++)
		core_prefetch(bench->core, &bench->commands[i]);
	for (uint32_t i = 0; i < count; i++) {
		if (i + PREFETCH_AHEAD < count)
			core_prefetch(bench->core, &bench->commands[i + PREFETCH_AHEAD]);
		apply_one(bench, &bench->commands[i]);
	}
	bench->busy_ns += clock_mono().ns - from.ns;
}

static size_t resident_bytes(void)
{
	unsigned long size = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	must(file && fscanf(file, "%lu %lu", &size, &resident) == 2);
	fclose(file);
	return resident * 4096;
}

static struct core *new_core(uint32_t buyers, uint32_t drops)
{
	struct core *core;
	struct error error;
	struct core_limits limits = {.drops = drops, .skus = drops, .orders = buyers, .lines = 16, .api_keys = 1};
	if (core_new(&limits, &core, &error) != 0) {
		fprintf(stderr, "apply: %s\n", error.text);
		exit(1);
	}
	return core;
}

/* ns per claim while `buyers` buyers claim; the last tenth of them counts, when the tables are as full as they get. */
static double run(uint32_t buyers, uint32_t drops, uint32_t hold_seconds, double *ret_bytes)
{
	struct bench bench = {.commands = calloc(BATCH, sizeof(struct command)),
	                      .buyers = calloc(BATCH, sizeof *bench.buyers),
	                      .keys = calloc(BATCH, sizeof *bench.keys)};
	uint64_t measured = 0, from = buyers - buyers / 10;
	size_t before = resident_bytes();
	bench.core = new_core(buyers, drops);
	core_prefault(bench.core); /* as a server does before it is ready */
	create_drops(&bench, drops, hold_seconds);
	for (uint64_t at = 0; at < buyers; at += BATCH) {
		uint32_t count = (uint32_t)(buyers - at < BATCH ? buyers - at : BATCH);
		make_batch(&bench, at, count, drops);
		uint64_t busy = bench.busy_ns;
		apply_batch(&bench, count);
		if (at + count <= from)
			bench.busy_ns = busy;
		else
			measured += count;
	}
	*ret_bytes = (double)(resident_bytes() - before) / buyers;
	core_free(bench.core);
	free(bench.commands);
	free(bench.buyers);
	free(bench.keys);
	return (double)bench.busy_ns / (double)measured;
}

/* Small numbers are over in no time: their best of many runs. */
static double run_best(uint32_t buyers, uint32_t drops, uint32_t hold_seconds, double *ret_bytes)
{
	double best = 1e9;
	int times = buyers <= 1000 ? 200 : buyers <= 100000 ? 20 : 1;
	for (int i = 0; i < times; i++) {
		double ns = run(buyers, drops, hold_seconds, ret_bytes);
		best = ns < best ? ns : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	uint32_t most = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000000;
	double bytes;
	digest_init();
	for (uint32_t buyers = argc > 2 ? most : 1000; buyers <= most; buyers *= 10) {
		double ns = run_best(buyers, 1, 0, &bytes);
		printf("apply-%u %.3f million/s\n", buyers, 1000 / ns);
		printf("cost-%u %.1f ns\n", buyers, ns);
		printf("memory-%u %.1f bytes/buyer\n", buyers, bytes);
	}
	double held = run_best(most < 1000000 ? most : 1000000, 1, 600, &bytes);
	printf("apply-held-%u %.3f million/s\n", most < 1000000 ? most : 1000000, 1000 / held);
	for (uint32_t drops = 1; drops <= 5000; drops = drops == 1 ? 100 : drops * 50)
		printf("cost-drops-%u %.1f ns\n", drops, run_best(most < 1000000 ? most : 1000000, drops, 0, &bytes));
	return 0;
}
