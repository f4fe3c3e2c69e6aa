/* thread_stage: a ledger with its thread on the memory log, and loops that are played by the test. */
#ifndef TESTS_UNIT_LEDGER_THREAD_STAGE_H
#define TESTS_UNIT_LEDGER_THREAD_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "log/memory.h"

#define LOOPS 3

struct stage {
	struct core_limits limits;
	struct core *core;
	struct log *log;
	struct ledger_thread *ledger;
	struct ledger_thread_options options;
	_Atomic uint32_t woken[LOOPS];
	_Atomic uint32_t failures;
	struct error failure;
};

static inline void wake_loop(void *context, uint32_t loop)
{
	atomic_fetch_add(&((struct stage *)context)->woken[loop], 1);
}

static inline void failed(void *context, const struct error *error)
{
	struct stage *stage = context;
	stage->failure = *error;
	atomic_fetch_add(&stage->failures, 1);
}

static inline struct stage *stage_prepare(void)
{
	struct stage *stage = calloc(1, sizeof *stage);
	assert_non_null(stage);
	stage->limits = (struct core_limits){.drops = 4, .skus = 4, .orders = 65536, .lines = 64, .api_keys = 4};
	stage->log = memory_log_new();
	stage->options = (struct ledger_thread_options){.limits = stage->limits,
	                                                .loops = LOOPS,
	                                                .ring_size = 256,
	                                                .waiting_max = 65536,
	                                                .claim_timeout_ms = 60000,
	                                                .wake_loop = wake_loop,
	                                                .wake_context = stage,
	                                                .failed = failed,
	                                                .failed_context = stage};
	assert_int_equal(core_new(&stage->limits, &stage->core, NULL), 0);
	return stage;
}

static inline void stage_start(struct stage *stage)
{
	struct error error;
	assert_int_equal(ledger_start(stage->core, stage->log, &stage->options, &stage->ledger, &error), 0);
}

static inline void wait_until_ready(const struct stage *stage)
{
	while (!ledger_ready(stage->ledger))
		usleep(100);
}

static inline void stage_free(struct stage *stage)
{
	core_free(stage->core);
	log_close(stage->log);
	free(stage);
}

static inline void nothing(struct ask *ask)
{
}

static inline struct ask *asks_new(uint32_t count)
{
	struct ask *asks = calloc(count, sizeof *asks);
	assert_non_null(asks);
	for (uint32_t i = 0; i < count; i++) {
		asks[i].done = nothing;
		asks[i].actor = TEXT("test");
		asks[i].next = i + 1 < count ? &asks[i + 1] : NULL;
	}
	return asks;
}

static inline struct ask *fetch(struct stage *stage, uint32_t loop)
{
	struct ask *got;
	while (!(got = ledger_collect(stage->ledger, loop)))
		usleep(50);
	return got;
}

static inline enum verdict ask_one(struct stage *stage, uint32_t loop, struct ask *ask)
{
	ask->next = NULL;
	assert_int_equal(ledger_submit(stage->ledger, loop, ask, 1), 1);
	assert_ptr_equal(fetch(stage, loop), ask);
	return ask->answer.verdict;
}

static inline void open_drop(struct stage *stage, uint32_t stock)
{
	struct sku_spec sku = {.id = TEXT("one"), .stock = stock};
	struct drop_spec spec = {.id = TEXT("shoes"),
	                         .hold_seconds = 600,
	                         .limit_per_buyer = 1,
	                         .keep_seconds = 600,
	                         .opens_at = {0},
	                         .closes_at = {WALL_MAX_MS},
	                         .sku_count = 1,
	                         .skus = &sku};
	struct ask *ask = asks_new(1);
	ask->kind = ASK_DROP_CREATE;
	ask->spec = &spec;
	assert_int_equal(ask_one(stage, 0, ask), VERDICT_DONE);
	free(ask);
}

static inline struct ledger_statistics statistics_of(const struct stage *stage)
{
	struct ledger_statistics statistics;
	ledger_statistics(stage->ledger, &statistics);
	return statistics;
}

/* A record of somebody before: in the log, and folded. */
static inline void put(struct stage *stage, struct wall_ms time, const struct command *command)
{
	uint8_t bytes[512];
	struct log_record record;
	struct outcome outcome;
	int size = command_encode(command, bytes, sizeof bytes);
	assert_true(size > 0);
	assert_int_equal(log_append(stage->log, time, bytes, (size_t)size, NULL), 0);
	assert_int_equal(log_echo(stage->log, &record, NULL), 1);
	assert_int_equal(core_apply(stage->core, record.sequence, record.time, command, &outcome, NULL), 0);
}

/* ---- several loops ---- */

static inline void claim_of(struct ask *ask, const char *buyer)
{
	ask->kind = ASK_CLAIM;
	ask->drop = TEXT("shoes");
	ask->buyer = text_of(buyer);
	ask->line_count = 1;
	ask->line[0].quantity = 1;
}

#endif
