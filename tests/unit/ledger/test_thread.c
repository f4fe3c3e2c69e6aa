/* The thread around the step: loops hand over and fetch, the log is in memory or fails. Run under TSan too. */
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
#define ROUND 64 /* asks that a loop hands over at once */
#define ROUNDS 40
#define STOCK 2500

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

static void wake_loop(void *context, uint32_t loop)
{
	atomic_fetch_add(&((struct stage *)context)->woken[loop], 1);
}

static void failed(void *context, const struct error *error)
{
	struct stage *stage = context;
	stage->failure = *error;
	atomic_fetch_add(&stage->failures, 1);
}

static struct stage *stage_prepare(void)
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

static void stage_start(struct stage *stage)
{
	struct error error;
	assert_int_equal(ledger_start(stage->core, stage->log, &stage->options, &stage->ledger, &error), 0);
}

static void wait_until_ready(const struct stage *stage)
{
	while (!ledger_ready(stage->ledger))
		usleep(100);
}

static void stage_free(struct stage *stage)
{
	core_free(stage->core);
	log_close(stage->log);
	free(stage);
}

static void nothing(struct ask *ask)
{
}

static struct ask *asks_new(uint32_t count)
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

static struct ask *fetch(struct stage *stage, uint32_t loop)
{
	struct ask *got;
	while (!(got = ledger_collect(stage->ledger, loop)))
		usleep(50);
	return got;
}

static enum verdict ask_one(struct stage *stage, uint32_t loop, struct ask *ask)
{
	ask->next = NULL;
	assert_int_equal(ledger_submit(stage->ledger, loop, ask, 1), 1);
	assert_ptr_equal(fetch(stage, loop), ask);
	return ask->answer.verdict;
}

static void open_drop(struct stage *stage, uint32_t stock)
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

static void claim_of(struct ask *ask, const char *buyer)
{
	ask->kind = ASK_CLAIM;
	ask->drop = TEXT("shoes");
	ask->buyer = text_of(buyer);
	ask->line_count = 1;
	ask->line[0].quantity = 1;
}

/* ---- one loop ---- */

/* A planted bug that no play saw (025): what was gathered later stood before what was gathered earlier. The plays of several
 * loops only count, and those of the step are handed a list. */
static void who_is_handed_over_first_is_served_first(void **state)
{
	struct stage *stage = stage_prepare();
	static char names[ROUND][16];
	uint32_t back = 0;
	stage_start(stage);
	open_drop(stage, ROUND / 2);
	struct ask *asks = asks_new(ROUND);
	for (uint32_t i = 0; i < ROUND; i++) {
		snprintf(names[i], sizeof names[i], "b%u", i);
		claim_of(&asks[i], names[i]);
	}
	assert_int_equal(ledger_submit(stage->ledger, 0, asks, ROUND), ROUND);
	while (back < ROUND)
		for (struct ask *ask = fetch(stage, 0); ask; ask = ask->next)
			back++;
	for (uint32_t i = 0; i < ROUND / 2; i++) {
		assert_int_equal(asks[i].answer.verdict, VERDICT_GRANTED);
		assert_int_equal(asks[i].answer.order.position, i + 1);
		assert_int_equal(asks[ROUND / 2 + i].answer.verdict, VERDICT_ALL_HELD);
	}
	ledger_stop(stage->ledger);
	free(asks);
	stage_free(stage);
}

static uint32_t held_as_shown(const struct stage *stage)
{
	struct drop_view drop;
	struct sku_view sku;
	assert_true(views_drop(ledger_views(stage->ledger), 0, clock_wall(), &drop, 0, 1, &sku));
	return sku.held;
}

/* A planted bug that no play saw (012): the thread showed what the core had applied. The plays of the views publish by
 * themselves, as far as they say. */
static void what_is_not_durable_is_not_shown(void **state)
{
	struct stage *stage = stage_prepare();
	struct ledger_statistics statistics;
	stage_start(stage);
	open_drop(stage, 5);
	struct memory_log_faults faults = *memory_log_faults(stage->log);
	faults.hold_durable = 1;
	memory_log_set_faults(stage->log, &faults);
	struct ask *ask = asks_new(1);
	claim_of(ask, "anna");
	assert_int_equal(ledger_submit(stage->ledger, 0, ask, 1), 1);
	do {
		usleep(100);
		ledger_statistics(stage->ledger, &statistics);
	} while (statistics.orders == 0);
	assert_int_equal(held_as_shown(stage), 0);
	memory_log_sync(stage->log);
	assert_ptr_equal(fetch(stage, 0), ask);
	assert_int_equal(held_as_shown(stage), 1);
	faults.hold_durable = 0;
	memory_log_set_faults(stage->log, &faults);
	ledger_stop(stage->ledger);
	free(ask);
	stage_free(stage);
}

/* ---- several loops ---- */

struct loop {
	struct stage *stage;
	uint32_t number;
	uint32_t granted, refused, other;
	bool behind; /* a view was older than an answer */
	pthread_t thread;
};

static void look_at(struct loop *loop, const struct ask *ask)
{
	if (ask->answer.verdict == VERDICT_GRANTED)
		loop->granted++;
	else if (ask->answer.verdict == VERDICT_ALL_HELD)
		loop->refused++;
	else
		loop->other++;
	if (views_position(ledger_views(loop->stage->ledger)) < ask->answer.basis)
		loop->behind = true;
}

static void fill_round(struct loop *loop, struct ask *asks, char names[][16], uint32_t round)
{
	for (uint32_t i = 0; i < ROUND; i++) {
		snprintf(names[i], sizeof names[i], "l%u-%u-%u", loop->number, round, i);
		asks[i].kind = ASK_CLAIM;
		asks[i].drop = TEXT("shoes");
		asks[i].buyer = text_of(names[i]);
		asks[i].line_count = 1;
		asks[i].line[0].quantity = 1;
		asks[i].next = i + 1 < ROUND ? &asks[i + 1] : NULL;
	}
}

static void *run_loop(void *argument)
{
	struct loop *loop = argument;
	struct ask *asks = asks_new(ROUND);
	static _Thread_local char names[ROUND][16];
	for (uint32_t round = 0; round < ROUNDS; round++) {
		fill_round(loop, asks, names, round);
		uint32_t taken = ledger_submit(loop->stage->ledger, loop->number, asks, ROUND), back = 0;
		loop->other += ROUND - taken;
		while (back < taken)
			for (struct ask *ask = fetch(loop->stage, loop->number), *next; ask; ask = next) {
				next = ask->next;
				look_at(loop, ask);
				back++;
			}
	}
	free(asks);
	return NULL;
}

static void loops_hand_over_and_fetch_at_once(void **state)
{
	struct stage *stage = stage_prepare();
	struct loop loops[LOOPS] = {0};
	uint32_t granted = 0, refused = 0;
	stage_start(stage);
	open_drop(stage, STOCK);
	for (uint32_t i = 0; i < LOOPS; i++) {
		loops[i].stage = stage;
		loops[i].number = i;
		assert_int_equal(pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]), 0);
	}
	for (uint32_t i = 0; i < LOOPS; i++) {
		pthread_join(loops[i].thread, NULL);
		granted += loops[i].granted;
		refused += loops[i].refused;
		assert_int_equal(loops[i].other, 0);
		assert_false(loops[i].behind);
		assert_true(atomic_load(&stage->woken[i]) > 0);
	}
	assert_int_equal(granted, STOCK);
	assert_int_equal(refused, LOOPS * ROUND * ROUNDS - STOCK);
	struct ledger_statistics statistics;
	ledger_statistics(stage->ledger, &statistics);
	assert_int_equal(statistics.verdicts[VERDICT_GRANTED], STOCK);
	assert_int_equal(statistics.asks, LOOPS * ROUND * ROUNDS + 1);
	ledger_stop(stage->ledger);
	assert_int_equal(atomic_load(&stage->failures), 0);
	stage_free(stage);
}

/* ---- stopping ---- */

static void a_stop_answers_what_is_in_the_log_and_writes_the_counts(void **state)
{
	struct stage *stage = stage_prepare();
	stage_start(stage);
	open_drop(stage, 1);
	struct ask *asks = asks_new(2);
	for (int i = 0; i < 2; i++) {
		asks[i].kind = ASK_CLAIM;
		asks[i].drop = TEXT("shoes");
		asks[i].buyer = i ? TEXT("bert") : TEXT("anna");
		asks[i].line_count = 1;
		asks[i].line[0].quantity = 1;
	}
	assert_int_equal(ask_one(stage, 0, &asks[0]), VERDICT_GRANTED);
	assert_int_equal(ask_one(stage, 1, &asks[1]), VERDICT_ALL_HELD);
	struct ledger_thread *ledger = stage->ledger;
	ledger_stop(ledger);
	struct drop_view view;
	core_drop_view(stage->core, 0, core_time(stage->core), &view);
	assert_int_equal(view.counts[VERDICT_ALL_HELD], 1);
	assert_int_equal(log_durable(stage->log), core_sequence(stage->core));
	free(asks);
	stage_free(stage);
}

/* Handed over in the moment of the stop: answered, and counted, whichever comes first. */
static void a_refusal_in_the_moment_of_the_stop_is_counted(void **state)
{
	for (int again = 0; again < 20; again++) {
		struct stage *stage = stage_prepare();
		stage_start(stage);
		open_drop(stage, 1);
		struct ask *asks = asks_new(1);
		asks[0].kind = ASK_CLAIM;
		asks[0].drop = TEXT("shoes");
		asks[0].buyer = TEXT("anna");
		asks[0].line_count = 1;
		asks[0].line[0].quantity = 2; /* more than there is */
		assert_int_equal(ledger_submit(stage->ledger, 0, asks, 1), 1);
		ledger_stop(stage->ledger);
		struct drop_view view;
		core_drop_view(stage->core, 0, core_time(stage->core), &view);
		assert_int_equal(asks[0].answer.verdict, VERDICT_LIMIT_REACHED);
		assert_int_equal(view.counts[VERDICT_LIMIT_REACHED], 1);
		free(asks);
		stage_free(stage);
	}
}

static void *sync_a_little_later(void *log)
{
	usleep(30000);
	memory_log_sync(log);
	return NULL;
}

static void a_stop_waits_until_all_is_durable(void **state)
{
	struct stage *stage = stage_prepare();
	stage_start(stage);
	open_drop(stage, 1);
	memory_log_faults(stage->log)->hold_durable = 1;
	struct ask *asks = asks_new(1);
	asks[0].kind = ASK_CLAIM;
	asks[0].drop = TEXT("shoes");
	asks[0].buyer = TEXT("anna");
	asks[0].line_count = 1;
	asks[0].line[0].quantity = 1;
	assert_int_equal(ledger_submit(stage->ledger, 2, asks, 1), 1);
	usleep(20000);
	assert_null(ledger_collect(stage->ledger, 2)); /* appended, not durable: not told */
	pthread_t syncer;
	assert_int_equal(pthread_create(&syncer, NULL, sync_a_little_later, stage->log), 0);
	assert_ptr_equal(fetch(stage, 2), asks);
	assert_int_equal(asks[0].answer.verdict, VERDICT_GRANTED);
	pthread_join(syncer, NULL);
	ledger_stop(stage->ledger);
	free(asks);
	stage_free(stage);
}

/* ---- failing ---- */

static void after_a_failure_nothing_is_answered(void **state)
{
	struct stage *stage = stage_prepare();
	stage_start(stage);
	open_drop(stage, 10);
	memory_log_faults(stage->log)->fail_in = 1;
	struct ask *asks = asks_new(2);
	for (int i = 0; i < 2; i++) {
		asks[i].kind = ASK_CLAIM;
		asks[i].drop = TEXT("shoes");
		asks[i].buyer = TEXT("anna");
		asks[i].line_count = 1;
		asks[i].line[0].quantity = 1;
		asks[i].next = NULL;
	}
	assert_int_equal(ledger_submit(stage->ledger, 0, &asks[0], 1), 1);
	while (atomic_load(&stage->failures) == 0)
		usleep(100);
	assert_int_equal(stage->failure.code, FAULT_IO);
	assert_int_equal(ledger_submit(stage->ledger, 1, &asks[1], 1), 1);
	usleep(20000);
	assert_null(ledger_collect(stage->ledger, 0));
	assert_null(ledger_collect(stage->ledger, 1));
	ledger_stop(stage->ledger);
	assert_int_equal(atomic_load(&stage->failures), 1);
	free(asks);
	stage_free(stage);
}

/* ---- clocks ---- */

/* The clock as this test sets it: the linker puts it between the ledger and base/time.h. */
static _Atomic int64_t clock_set_by_ms;
struct wall_ms __real_clock_wall(void);
struct wall_ms __wrap_clock_wall(void);
struct wall_ms __wrap_clock_wall(void)
{
	return (struct wall_ms){__real_clock_wall().ms + atomic_load(&clock_set_by_ms)};
}

/* The log's last record is so far ahead of the clock. */
static void put_ahead(struct stage *stage, int64_t ms)
{
	struct command hello = {.kind = COMMAND_HELLO, .hello.program = TEXT("dibs of tomorrow")};
	uint8_t bytes[128];
	struct wall_ms ahead = {clock_wall().ms + ms};
	int size = command_encode(&hello, bytes, sizeof bytes);
	struct log_record record;
	struct outcome outcome;
	assert_int_equal(log_append(stage->log, ahead, bytes, (size_t)size, NULL), 0);
	assert_int_equal(log_echo(stage->log, &record, NULL), 1);
	assert_int_equal(core_apply(stage->core, record.sequence, record.time, &hello, &outcome, NULL), 0);
}

static void a_clock_behind_the_log_does_not_start(void **state)
{
	struct stage *stage = stage_prepare();
	struct error error;
	put_ahead(stage, 3600000);
	assert_int_equal(ledger_start(stage->core, stage->log, &stage->options, &stage->ledger, &error), FAULT_CLOCK);
	assert_null(stage->ledger);
	stage->options.clock_behind = true;
	struct wall_ms last = core_time(stage->core);
	stage_start(stage);
	wait_until_ready(stage);
	ledger_stop(stage->ledger);
	assert_true(core_time(stage->core).ms >= last.ms);
	assert_true(core_time(stage->core).ms < last.ms + 60000); /* it began there, and goes on */
	stage_free(stage);
}

/* A planted bug that no play saw (048): half a minute was let pass. */
static void a_clock_a_little_behind_does_not_start_either(void **state)
{
	struct stage *stage = stage_prepare();
	struct error error;
	put_ahead(stage, 30000);
	assert_int_equal(ledger_start(stage->core, stage->log, &stage->options, &stage->ledger, &error), FAULT_CLOCK);
	assert_null(stage->ledger);
	stage_free(stage);
}

/* A planted bug that no play saw (046): the clock went on where the log's time had stopped, so that every stop gave every
 * hold its length. */
static void a_stop_counts_as_time_that_has_passed(void **state)
{
	struct stage *stage = stage_prepare();
	put_ahead(stage, -3600000);
	int64_t begun = clock_wall().ms;
	stage_start(stage);
	wait_until_ready(stage);
	ledger_stop(stage->ledger);
	assert_true(core_time(stage->core).ms >= begun - 1);
	stage_free(stage);
}

/* A planted bug that no play saw (047): the wall clock was asked anew each time, so that setting it an hour forward let
 * everything expire. No play sets the clock while a ledger runs. */
static void setting_the_clock_moves_no_running_ledger(void **state)
{
	struct stage *stage = stage_prepare();
	stage_start(stage);
	open_drop(stage, 5);
	int64_t before = clock_wall().ms;
	atomic_store(&clock_set_by_ms, 3600000);
	struct ask *ask = asks_new(1);
	claim_of(ask, "anna");
	assert_int_equal(ask_one(stage, 0, ask), VERDICT_GRANTED);
	atomic_store(&clock_set_by_ms, 0);
	assert_true(ask->answer.order.created_at.ms < before + 1800000);
	ledger_stop(stage->ledger);
	free(ask);
	stage_free(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_handed_over_first_is_served_first),
	    cmocka_unit_test(what_is_not_durable_is_not_shown),
	    cmocka_unit_test(loops_hand_over_and_fetch_at_once),
	    cmocka_unit_test(a_stop_answers_what_is_in_the_log_and_writes_the_counts),
	    cmocka_unit_test(a_refusal_in_the_moment_of_the_stop_is_counted),
	    cmocka_unit_test(a_stop_waits_until_all_is_durable),
	    cmocka_unit_test(after_a_failure_nothing_is_answered),
	    cmocka_unit_test(a_clock_behind_the_log_does_not_start),
	    cmocka_unit_test(a_clock_a_little_behind_does_not_start_either),
	    cmocka_unit_test(a_stop_counts_as_time_that_has_passed),
	    cmocka_unit_test(setting_the_clock_moves_no_running_ledger),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
