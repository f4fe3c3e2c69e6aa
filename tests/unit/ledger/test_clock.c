/* The ledger's clock: the wall clock at the start, and from then on the monotonic one (DESIGN §5.2). */
#include "thread_stage.h"

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
	put(stage, (struct wall_ms){clock_wall().ms + ms}, &hello);
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
	    cmocka_unit_test(a_clock_behind_the_log_does_not_start),
	    cmocka_unit_test(a_clock_a_little_behind_does_not_start_either),
	    cmocka_unit_test(a_stop_counts_as_time_that_has_passed),
	    cmocka_unit_test(setting_the_clock_moves_no_running_ledger),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
