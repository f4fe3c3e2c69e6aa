#include "play.h"

#define WAIT_MS 10000

/* The stage: a log in memory, a disk in memory, a store. */
struct stage {
	struct log *log;
	struct disk *disk;
	struct shop shop;
};

static struct stage stage_open(void)
{
	struct stage stage = {.log = memory_log_new(), .disk = disk_memory_new()};
	stage.shop = shop_open(stage.log);
	shop_create(&stage.shop, "tickets", 100, 5);
	shop_create(&stage.shop, "coupons", 100, 0);
	return stage;
}

static void stage_close(struct stage *stage)
{
	log_close(stage->log);
	stage->disk->ops->done(stage->disk);
}

static struct follower_options options_for(const struct stage *stage, struct store *store)
{
	return (struct follower_options){.disk = stage->disk,
	                                 .log = stage->log,
	                                 .store = store,
	                                 .limits = SHOP_LIMITS,
	                                 .batch_orders_max = 8,
	                                 .keep_priority = true};
}

static struct follower *start(const struct follower_options *options)
{
	struct follower *follower = NULL;
	struct error error;
	if (follower_start(options, &follower, &error) < 0)
		fail_msg("%s", error.text);
	return follower;
}

/* Follows up to the log's end and stops. */
static void follow_all(const struct stage *stage, struct store *store)
{
	struct follower_options options = options_for(stage, store);
	struct follower *follower = start(&options);
	assert_true(follower_wait(follower, log_durable(stage->log), WAIT_MS));
	follower_stop(follower, false);
}

static char *rows_of_all(const struct stage *stage)
{
	struct store *store = memory_store();
	follow_all(stage, store);
	char *rows = store_dump(store);
	store->ops->close(store);
	return rows;
}

/* ---- rows ---- */

static void a_sale_becomes_rows(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	uint64_t ann = shop_claim(&stage.shop, 0, "ann", "k1", 2);
	stage.shop.now += 1000;
	uint64_t bob = shop_claim(&stage.shop, 0, "bob", "k1", 1);
	shop_claim(&stage.shop, 0, "cat", "k1", 1);
	shop_claim(&stage.shop, 1, "ann", "k2", 1);
	shop_confirm(&stage.shop, ann, "pay-1");
	shop_cancel(&stage.shop, bob);
	shop_tick(&stage.shop, 5000); /* cat's hold ends, and the tick is not sooner */
	shop_confirm(&stage.shop, 6, "pay-late");
	shop_confirm(&stage.shop, 7, "pay-coupon");
	follow_all(&stage, store);
	assert_same_rows(store, "position 12 as of 1790000006000\n"
	                        "7 coupons ann/k2 completed #1 1790000001000 9223372036854775807 1790000001000"
	                        " pay=pay-coupon 1*stalls\n"
	                        "6 tickets cat/k1 expired #3 1790000001000 1790000006000 1790000006000 pay= 1*stalls\n"
	                        "5 tickets bob/k1 canceled #2 1790000001000 1790000006000 1790000001000 pay="
	                        " 1*stalls\n"
	                        "4 tickets ann/k1 completed #1 1790000000000 1790000005000 1790000001000 pay=pay-1"
	                        " 2*stalls 1*box\n"
	                        "second 0+0: 1 0 0 0\n"
	                        "second 0+1: 2 1 1 0\n"
	                        "second 0+6: 0 0 0 1\n"
	                        "second 1+1: 1 1 0 0\n"
	                        "refund of 6 by 11: pay-late at 1790000006000\n");
	store->ops->close(store);
	stage_close(&stage);
}

static void refusals_are_counted_by_reason(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	shop_count(&stage.shop, 0, VERDICT_SOLD_OUT, 70);
	shop_count(&stage.shop, 0, VERDICT_ALL_HELD, 2);
	shop_count(&stage.shop, 0, VERDICT_SOLD_OUT, 7);
	stage.shop.now += 1000;
	shop_count(&stage.shop, 0, VERDICT_NOT_ELIGIBLE, 1);
	follow_all(&stage, store);
	assert_same_rows(store, "position 7 as of 1790000001000\n"
	                        "second 0+0: 0 0 0 0 13*2 14*77\n"
	                        "second 0+1: 0 0 0 0 64*1\n");
	store->ops->close(store);
	stage_close(&stage);
}

static void what_has_left_the_core_stays_in_the_store(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct core *core;
	struct error error;
	shop_claim(&stage.shop, 0, "ann", "k1", 1);
	shop_tick(&stage.shop, 5000);
	shop_tick(&stage.shop, 61000); /* it was kept for 60 seconds */
	shop_tick(&stage.shop, 1);
	assert_int_equal(core_new(&SHOP_LIMITS, &core, &error), 0);
	assert_int_equal(follow_fold(stage.log, core, 0, NULL, NULL, &error), 0);
	assert_int_equal(core_order_count(core), 0);
	core_free(core);
	follow_all(&stage, store);
	char *rows = store_dump(store);
	assert_non_null(strstr(rows, "4 tickets ann/k1 expired"));
	free(rows);
	store->ops->close(store);
	stage_close(&stage);
}

static void pay_after_it_left(struct shop *shop, uint64_t order, struct text payment_ref)
{
	struct command command = {
	    .kind = COMMAND_CONFIRM, .actor = TEXT("shop"), .order = {order, payment_ref, LEFT_UNPAID}};
	shop_append(shop, &command);
}

static void an_order_sold_at_once_may_be_paid_after_it_has_left(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	uint64_t order = shop_claim(&stage.shop, 1, "ann", "k1", 1);
	shop_tick(&stage.shop, 61000); /* it was kept for 60 seconds */
	shop_tick(&stage.shop, 1);
	pay_after_it_left(&stage.shop, order, TEXT("pay-1"));
	pay_after_it_left(&stage.shop, order, TEXT("pay-2"));
	pay_after_it_left(&stage.shop, order, TEXT("pay-1"));
	pay_after_it_left(&stage.shop, 1, TEXT("pay-3")); /* no order, or none that this store has */
	follow_all(&stage, store);
	assert_same_rows(store, "position 10 as of 1790000061001\n"
	                        "4 coupons ann/k1 completed #1 1790000000000 9223372036854775807 1790000000000"
	                        " pay=pay-1 1*stalls\n"
	                        "second 1+0: 1 1 0 0\n"
	                        "refund of 4 by 8: pay-2 at 1790000061001\n");
	store->ops->close(store);
	stage_close(&stage);
}

/* ---- exactly once ---- */

static void small_and_large_batches_make_the_same_rows(void **state)
{
	struct stage stage = stage_open();
	shop_trade(&stage.shop, 600, 3);
	char *rows = rows_of_all(&stage);
	static const uint32_t batches[] = {1, 3, 100000};
	for (int i = 0; i < 3; i++) {
		struct store *store = memory_store();
		struct follower_options options = options_for(&stage, store);
		options.batch_orders_max = batches[i];
		struct follower *follower = start(&options);
		assert_true(follower_wait(follower, log_durable(stage.log), WAIT_MS));
		follower_stop(follower, false);
		assert_same_rows(store, rows);
		store->ops->close(store);
	}
	free(rows);
	stage_close(&stage);
}

/* The follower dies at one of its writing calls; the next one begins where the store is. All calls are tried. */
static void a_death_at_any_write_leaves_each_row_once(void **state)
{
	struct stage stage = stage_open();
	shop_trade(&stage.shop, 60, 5);
	char *rows = rows_of_all(&stage);
	uint32_t at = 0, calls;
	listen_begin();
	do {
		at++;
		struct store *store = memory_store();
		struct faulty_store dying = faulty_store_open(store);
		struct follower_options options = options_for(&stage, &dying.store);
		dying.fail_in = at;
		dying.for_good = true;
		struct follower *follower = start(&options);
		follower_stop(follower, false);
		calls = dying.calls;
		follow_all(&stage, store);
		assert_same_rows(store, rows);
		store->ops->close(store);
	} while (calls >= at); /* until a run met no fault any more */
	free(listen_end());
	assert_true(at > 60);
	free(rows);
	stage_close(&stage);
}

static void a_store_that_fails_for_a_while_is_written_later(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct faulty_store failing = faulty_store_open(store);
	struct follower_options options = options_for(&stage, &failing.store);
	struct follower_statistics statistics;
	shop_trade(&stage.shop, 60, 6);
	char *rows = rows_of_all(&stage);
	failing.fail_in = 9;
	failing.fault = FAULT_NO_SPACE;
	listen_begin();
	struct follower *follower = start(&options);
	bool there = follower_wait(follower, log_durable(stage.log), WAIT_MS);
	follower_statistics(follower, &statistics);
	follower_stop(follower, false);
	char *said = listen_end();
	assert_true(there);
	assert_false(statistics.store_failing);
	assert_non_null(strstr(said, "store_failing"));
	assert_null(strstr(strstr(said, "store_failing") + 1, "store_failing")); /* once */
	assert_non_null(strstr(said, "store_recovered"));
	assert_same_rows(store, rows);
	free(said);
	free(rows);
	store->ops->close(store);
	stage_close(&stage);
}

static void while_it_fails_the_metrics_say_so(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct faulty_store failing = faulty_store_open(store);
	struct follower_options options = options_for(&stage, &failing.store);
	struct follower_statistics statistics = {0};
	failing.fail_in = 1;
	failing.for_good = true;
	listen_begin();
	struct follower *follower = start(&options);
	for (int i = 0; i < 1000 && !statistics.store_failing; i++) {
		assert_false(follower_wait(follower, 1, 10));
		follower_statistics(follower, &statistics);
	}
	follower_stop(follower, true);
	free(listen_end());
	assert_true(statistics.store_failing);
	assert_int_equal(statistics.position, 0);
	assert_int_equal(statistics.log_durable, 3);
	store->ops->close(store);
	stage_close(&stage);
}

static void a_damaged_store_is_rebuilt(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct faulty_store damaged = faulty_store_open(store);
	struct follower_options options = options_for(&stage, &damaged.store);
	shop_trade(&stage.shop, 60, 7);
	char *rows = rows_of_all(&stage);
	damaged.fail_in = 40;
	damaged.fault = FAULT_DAMAGED;
	listen_begin();
	struct follower *follower = start(&options);
	bool there = follower_wait(follower, log_durable(stage.log), WAIT_MS);
	follower_stop(follower, false);
	char *said = listen_end();
	assert_true(there);
	assert_non_null(strstr(said, "store_rebuilt"));
	assert_same_rows(store, rows);
	free(said);
	free(rows);
	store->ops->close(store);
	stage_close(&stage);
}

/* ---- whose rows ---- */

static void a_deleted_store_is_rebuilt_row_for_row(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct error error;
	shop_trade(&stage.shop, 300, 8);
	follow_all(&stage, store);
	char *rows = store_dump(store);
	assert_int_equal(store->ops->renew(store, false, &error), 0);
	follow_all(&stage, store);
	assert_same_rows(store, rows);
	free(rows);
	store->ops->close(store);
	stage_close(&stage);
}

static void follow_another_log(uint32_t first_records, uint32_t other_records, const char *says)
{
	struct stage first = stage_open(), other = stage_open();
	struct store *store = memory_store();
	shop_trade(&first.shop, first_records, 9);
	shop_trade(&other.shop, other_records, 10);
	char *rows = rows_of_all(&other);
	follow_all(&first, store);
	listen_begin();
	follow_all(&other, store);
	char *said = listen_end();
	assert_non_null(strstr(said, "store_rebuilt"));
	if (!strstr(said, says))
		fail_msg("%s is not in: %s", says, said);
	assert_same_rows(store, rows);
	free(said);
	free(rows);
	store->ops->close(store);
	stage_close(&first);
	stage_close(&other);
}

/* It is the only witness of records that were acknowledged and are gone from the log: it was deleted with a warning. */
static void a_store_ahead_of_the_log_is_said_and_set_aside(void **state)
{
	follow_another_log(200, 100, "\"event\":\"store_ahead_of_log\",\"store_position\":203,\"log_durable\":103");
	follow_another_log(200, 100, "\"set_aside\":1");
}

/* Nor is it deleted by the second try, when the first one could not set it aside. */
static void a_store_ahead_of_the_log_is_set_aside_at_the_second_try(void **state)
{
	struct stage first = stage_open(), other = stage_open();
	struct store *store = memory_store();
	struct faulty_store faulty = faulty_store_open(store);
	shop_trade(&first.shop, 200, 9);
	shop_trade(&other.shop, 100, 10);
	follow_all(&first, store);
	faulty.fail_in = 1;
	listen_begin();
	follow_all(&other, &faulty.store);
	char *said = listen_end();
	assert_non_null(strstr(said, "it could not be made anew before"));
	assert_null(strstr(said, "\"set_aside\":0"));
	free(said);
	store->ops->close(store);
	stage_close(&first);
	stage_close(&other);
}

static void a_store_of_another_log_is_rebuilt(void **state)
{
	follow_another_log(100, 200, "\"set_aside\":0");
}

/* ---- waiting ---- */

static void whoever_waits_is_woken(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct follower_options options = options_for(&stage, store);
	struct follower *follower = start(&options);
	assert_true(follower_wait(follower, 3, WAIT_MS));
	assert_false(follower_wait(follower, 4, 20));
	uint64_t order = shop_claim(&stage.shop, 0, "ann", "k1", 1);
	follower_moved(follower);
	assert_true(follower_wait(follower, order, WAIT_MS));
	shop_claim(&stage.shop, 0, "bob", "k1", 1); /* nobody says so: it looks by itself */
	assert_true(follower_wait(follower, order + 1, WAIT_MS));
	assert_int_equal(follower_position(follower), order + 1);
	follower_stop(follower, false);
	store->ops->close(store);
	stage_close(&stage);
}

static void stopping_projects_what_is_durable(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct follower_options options = options_for(&stage, store);
	shop_trade(&stage.shop, 300, 11);
	char *rows = rows_of_all(&stage);
	follower_stop(start(&options), false);
	assert_same_rows(store, rows);
	free(rows);
	store->ops->close(store);
	stage_close(&stage);
}

static void note_fault(void *context, const struct error *error)
{
	*(int *)context = error->code;
}

static uint64_t append_rubbish(struct stage *stage)
{
	struct log_record echo;
	struct error error;
	assert_int_equal(
	    log_append(stage->log, (struct wall_ms){stage->shop.now}, (const uint8_t *)"rubbish", 7, &error), 0);
	log_flush(stage->log);
	assert_int_equal(log_echo(stage->log, &echo, &error), 1);
	return echo.sequence;
}

/* The story: the store had failed for a moment and was written after all; the log's damage, hours later, was still put
 * down to it, and a sound store was set aside. */
static void a_store_that_was_mended_is_not_blamed_for_the_log(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct faulty_store failing = faulty_store_open(store);
	struct follower_options options = options_for(&stage, &failing.store);
	int code = 0;
	options.failed = note_fault;
	options.failed_context = &code;
	failing.fail_in = 1;
	shop_claim(&stage.shop, 0, "ann", "k1", 1);
	listen_begin();
	struct follower *follower = start(&options);
	bool there = follower_wait(follower, log_durable(stage.log), WAIT_MS);
	char *rows = store_dump(store);
	uint64_t rubbish = append_rubbish(&stage);
	follower_moved(follower);
	bool past = follower_wait(follower, rubbish, 60000); /* at once, not after a minute */
	follower_stop(follower, true);
	char *said = listen_end();
	assert_true(there);
	assert_false(past);
	assert_int_equal(code, FAULT_DAMAGED);
	assert_non_null(strstr(said, "store_recovered"));
	assert_null(strstr(said, "store_rebuilt"));
	assert_same_rows(store, rows);
	free(said);
	free(rows);
	store->ops->close(store);
	stage_close(&stage);
}

static void a_record_that_is_none_stops_the_process(void **state)
{
	struct stage stage = stage_open();
	struct store *store = memory_store();
	struct follower_options options = options_for(&stage, store);
	int code = 0;
	options.failed = note_fault;
	options.failed_context = &code;
	shop_claim(&stage.shop, 0, "ann", "k1", 1);
	uint64_t rubbish = append_rubbish(&stage);
	struct follower *follower = start(&options);
	assert_false(follower_wait(follower, rubbish, 60000)); /* at once, not after a minute */
	follower_stop(follower, true);
	assert_int_equal(code, FAULT_DAMAGED);
	store->ops->close(store);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest plays[] = {
	    cmocka_unit_test(a_sale_becomes_rows),
	    cmocka_unit_test(refusals_are_counted_by_reason),
	    cmocka_unit_test(what_has_left_the_core_stays_in_the_store),
	    cmocka_unit_test(an_order_sold_at_once_may_be_paid_after_it_has_left),
	    cmocka_unit_test(small_and_large_batches_make_the_same_rows),
	    cmocka_unit_test(a_death_at_any_write_leaves_each_row_once),
	    cmocka_unit_test(a_store_that_fails_for_a_while_is_written_later),
	    cmocka_unit_test(while_it_fails_the_metrics_say_so),
	    cmocka_unit_test(a_damaged_store_is_rebuilt),
	    cmocka_unit_test(a_deleted_store_is_rebuilt_row_for_row),
	    cmocka_unit_test(a_store_ahead_of_the_log_is_said_and_set_aside),
	    cmocka_unit_test(a_store_ahead_of_the_log_is_set_aside_at_the_second_try),
	    cmocka_unit_test(a_store_of_another_log_is_rebuilt),
	    cmocka_unit_test(whoever_waits_is_woken),
	    cmocka_unit_test(stopping_projects_what_is_durable),
	    cmocka_unit_test(a_store_that_was_mended_is_not_blamed_for_the_log),
	    cmocka_unit_test(a_record_that_is_none_stops_the_process),
	};
	return cmocka_run_group_tests(plays, NULL, NULL);
}
