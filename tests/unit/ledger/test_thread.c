/* The thread around the step: loops hand over and fetch, the log is in memory or fails. Run under TSan too. */
#include "thread_stage.h"

#define ROUND 64 /* asks that a loop hands over at once */
#define ROUNDS 40
#define STOCK 2500

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
	struct ledger_statistics statistics = statistics_of(stage);
	assert_int_equal(statistics.verdicts[VERDICT_GRANTED], STOCK);
	assert_int_equal(statistics.asks, LOOPS * ROUND * ROUNDS + 1);
	ledger_stop(stage->ledger);
	assert_int_equal(atomic_load(&stage->failures), 0);
	stage_free(stage);
}

/* ---- statistics ---- */

/* Once, they were the running core's: a grant that a crash took back had been counted before. */
static void statistics_are_those_of_what_is_durable(void **state)
{
	struct stage *stage = stage_prepare();
	struct memory_log_faults faults = *memory_log_faults(stage->log);
	stage_start(stage);
	open_drop(stage, 1);
	faults.hold_durable = 1;
	memory_log_set_faults(stage->log, &faults);
	struct ask *asks = asks_new(1);
	asks[0].kind = ASK_CLAIM;
	asks[0].drop = TEXT("shoes");
	asks[0].buyer = TEXT("anna");
	asks[0].line_count = 1;
	asks[0].line[0].quantity = 1;
	assert_int_equal(ledger_submit(stage->ledger, 0, asks, 1), 1);
	while (statistics_of(stage).sequence <= log_durable(stage->log))
		usleep(100);
	assert_int_equal(statistics_of(stage).orders, 0);
	assert_int_equal(statistics_of(stage).pending, 0);
	memory_log_sync(stage->log);
	assert_ptr_equal(fetch(stage, 0), asks);
	assert_int_equal(statistics_of(stage).orders, 1);
	assert_int_equal(statistics_of(stage).pending, 1);
	assert_int_equal(statistics_of(stage).orders_max, stage->limits.orders);
	faults.hold_durable = 0;
	memory_log_set_faults(stage->log, &faults);
	ledger_stop(stage->ledger);
	free(asks);
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

/* ---- a busy log ---- */

/* An hour ago 300 units were held for a second: HELLO is the first record after it, and 256 of them expire with it. */
static void put_holds_that_are_due(struct stage *stage)
{
	struct wall_ms ago = {clock_wall().ms - 3600000};
	struct sku_spec sku = {.id = TEXT("one"), .stock = 300};
	struct command hello = {.kind = COMMAND_HELLO, .hello.program = TEXT("dibs of before")};
	struct command create = {.kind = COMMAND_DROP_CREATE,
	                         .incarnation = 1,
	                         .counter = 1,
	                         .create = {.id = TEXT("shoes"),
	                                    .hold_seconds = 1,
	                                    .limit_per_buyer = 1,
	                                    .keep_seconds = 86400,
	                                    .opens_at = {0},
	                                    .closes_at = {WALL_MAX_MS},
	                                    .sku_count = 1,
	                                    .skus = &sku}};
	struct command claim = {.kind = COMMAND_CLAIM,
	                        .incarnation = 1,
	                        .counter = 1,
	                        .claim = {.latest = {WALL_MAX_MS}, .line_count = 1, .line = {{.quantity = 1}}}};
	char buyer[8];
	put(stage, ago, &hello);
	put(stage, ago, &create);
	for (int i = 0; i < 300; i++) {
		snprintf(buyer, sizeof buyer, "b%d", i);
		claim.claim.buyer = text_of(buyer);
		claim.counter++;
		put(stage, ago, &claim);
	}
	assert_int_equal(core_pending_count(stage->core), 300);
}

static uint64_t steps_of(const struct stage *stage)
{
	return statistics_of(stage).steps;
}

/* What the log did not take is due again at once: once, the thread tried again at once too, hundreds of times a
 * millisecond, for as long as the log was busy. */
static void while_the_log_is_busy_the_ledger_sleeps(void **state)
{
	struct stage *stage = stage_prepare();
	struct memory_log_faults faults = *memory_log_faults(stage->log);
	put_holds_that_are_due(stage);
	faults.busy_from = 2; /* HELLO is taken, the TICK is not */
	memory_log_set_faults(stage->log, &faults);
	stage_start(stage);
	while (steps_of(stage) < 3)
		usleep(100);
	struct mono_ns start = clock_mono();
	uint64_t before = steps_of(stage), tries = 20;
	while (steps_of(stage) < before + tries) /* it goes on trying */
		usleep(100);
	uint64_t steps = steps_of(stage) - before, ms = (clock_mono().ns - start.ns) / 1000000;
	assert_true(steps <= ms + 2);
	assert_false(ledger_ready(stage->ledger));
	faults.busy_from = 0;
	memory_log_set_faults(stage->log, &faults);
	wait_until_ready(stage);
	ledger_stop(stage->ledger);
	assert_int_equal(core_pending_count(stage->core), 0);
	assert_int_equal(atomic_load(&stage->failures), 0);
	stage_free(stage);
}

/* Once, a HELLO that the log did not take at the start was not written again before something else rang. */
static void a_log_that_is_busy_at_the_start_is_asked_again(void **state)
{
	struct stage *stage = stage_prepare();
	memory_log_faults(stage->log)->busy_in = 1;
	stage_start(stage);
	wait_until_ready(stage);
	ledger_stop(stage->ledger);
	stage_free(stage);
}

/* The log says how large a record may be, and what would be larger does not come to it. */
static void what_the_log_cannot_take_stops_nobody_else(void **state)
{
	struct stage *stage = stage_prepare();
	struct sku_spec skus[2] = {{.id = TEXT("a-rather-long-name-of-a-sku")}, {.id = TEXT("and-another-one")}};
	struct drop_spec spec = {.id = TEXT("hats"),
	                         .keep_seconds = 600,
	                         .limit_per_buyer = 1,
	                         .closes_at = {WALL_MAX_MS},
	                         .sku_count = 2,
	                         .skus = skus};
	memory_log_faults(stage->log)->record_size_max = 120;
	stage_start(stage);
	struct ask *ask = asks_new(1);
	ask->kind = ASK_DROP_CREATE;
	ask->spec = &spec;
	assert_int_equal(ask_one(stage, 0, ask), VERDICT_TOO_LARGE);
	assert_int_equal(ask->answer.record_size_max, 120);
	open_drop(stage, 1);
	free(ask);
	ledger_stop(stage->ledger);
	assert_int_equal(atomic_load(&stage->failures), 0);
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
	} while (statistics.sequence == statistics.durable);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_handed_over_first_is_served_first),
	    cmocka_unit_test(what_is_not_durable_is_not_shown),
	    cmocka_unit_test(loops_hand_over_and_fetch_at_once),
	    cmocka_unit_test(statistics_are_those_of_what_is_durable),
	    cmocka_unit_test(a_stop_answers_what_is_in_the_log_and_writes_the_counts),
	    cmocka_unit_test(a_refusal_in_the_moment_of_the_stop_is_counted),
	    cmocka_unit_test(a_stop_waits_until_all_is_durable),
	    cmocka_unit_test(while_the_log_is_busy_the_ledger_sleeps),
	    cmocka_unit_test(a_log_that_is_busy_at_the_start_is_asked_again),
	    cmocka_unit_test(what_the_log_cannot_take_stops_nobody_else),
	    cmocka_unit_test(after_a_failure_nothing_is_answered),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
