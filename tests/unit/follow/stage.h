/* stage: a log with a small shop in it, a disk for snapshots, and a follower that is started and stopped by hand. */
#ifndef TESTS_UNIT_FOLLOW_STAGE_H
#define TESTS_UNIT_FOLLOW_STAGE_H

#include "play.h"

#include <unistd.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/journal.h"
#include "log/snapshot_file.h"

#define WAIT_MS 10000

struct stage {
	struct log *log;
	struct disk *disk;
	struct shop shop;
};

static inline struct stage stage_of(struct log *log, struct disk *disk)
{
	struct stage stage = {.log = log, .disk = disk, .shop = shop_open(log)};
	shop_create(&stage.shop, "tickets", 1000, 5);
	shop_create(&stage.shop, "coupons", 1000, 0);
	return stage;
}

static inline struct stage stage_open(void)
{
	return stage_of(memory_log_new(), disk_memory_new());
}

static inline void stage_close(struct stage *stage)
{
	log_close(stage->log);
	stage->disk->ops->done(stage->disk);
}

static inline struct core *fold_up_to(const struct stage *stage, uint64_t until)
{
	struct core *core = NULL;
	struct error error;
	assert_int_equal(core_new(&SHOP_LIMITS, &core, &error), 0);
	if (follow_fold(stage->log, core, until, NULL, NULL, &error) < 0)
		fail_msg("%s", error.text);
	return core;
}

static inline void save_at(const struct stage *stage, uint64_t sequence)
{
	struct core *core = fold_up_to(stage, sequence);
	struct error error;
	assert_int_equal(core_sequence(core), sequence);
	if (follow_save_snapshot(stage->disk, core, &error) < 0)
		fail_msg("%s", error.text);
	core_free(core);
}

static inline struct core *load(const struct stage *stage, uint64_t at_most, uint64_t expected)
{
	struct core *core = NULL;
	struct error error;
	uint64_t sequence = 77;
	if (follow_load_snapshot(stage->disk, &SHOP_LIMITS, at_most, &core, &sequence, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(sequence, expected);
	assert_int_equal(core_sequence(core), expected);
	return core;
}

static inline void assert_same_state(const struct core *a, const struct core *b)
{
	uint8_t x[BLAKE_SIZE], y[BLAKE_SIZE];
	core_state_hash(a, x);
	core_state_hash(b, y);
	assert_memory_equal(x, y, BLAKE_SIZE);
}

static inline void spoil(const struct stage *stage, uint64_t sequence)
{
	char name[64];
	snprintf(name, sizeof name, "snapshots/%020llu.snap", (unsigned long long)sequence);
	assert_true(disk_memory_corrupt(stage->disk, name, 5000, 0x40));
}

static inline void say_fault(void *context, const struct error *error)
{
	print_error("the follower failed: %s\n", error->text);
}

static inline struct follower_options options_for(const struct stage *stage, struct store *store)
{
	return (struct follower_options){.disk = stage->disk,
	                                 .log = stage->log,
	                                 .store = store,
	                                 .limits = SHOP_LIMITS,
	                                 .batch_orders_max = 16,
	                                 .snapshot_records = 100,
	                                 .failed = say_fault,
	                                 .keep_priority = true};
}

static inline struct follower *start(const struct follower_options *options)
{
	struct follower *follower = NULL;
	struct error error;
	if (follower_start(options, &follower, &error) < 0)
		fail_msg("%s", error.text);
	return follower;
}

static inline struct follower_statistics follow_all(const struct stage *stage, const struct follower_options *options,
                                                    bool final_snapshot)
{
	struct follower_statistics statistics;
	struct follower *follower = start(options);
	assert_true(follower_wait(follower, log_durable(stage->log), WAIT_MS));
	follower_statistics(follower, &statistics);
	follower_stop(follower, final_snapshot);
	return statistics;
}

#endif
