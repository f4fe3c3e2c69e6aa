/* Time, and what the ledger writes by itself: TICK, COUNTS, CHECK, HELLO; faults of the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "play.h"

/* ---- opening, expiry ---- */

static void a_drop_opens_at_its_instant(void **state)
{
	struct play *play = play_open();
	struct sku_spec sku = {.id = TEXT("one"), .stock = 1};
	struct drop_spec spec = {.id = TEXT("shoes"),
	                         .hold_seconds = 600,
	                         .limit_per_buyer = 1,
	                         .keep_seconds = 60,
	                         .opens_at = {PLAY_START_MS + 1000},
	                         .closes_at = {PLAY_START_MS + 2000},
	                         .sku_count = 1,
	                         .skus = &sku};
	play_drop_of(play, &spec, false);
	play->now.ms = PLAY_START_MS + 999;
	struct ask *early = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	assert_int_equal(early->answer.verdict, VERDICT_NOT_OPEN);
	assert_int_equal(early->answer.opens_at.ms, PLAY_START_MS + 1000);
	play->now.ms = PLAY_START_MS + 1000;
	struct ask *there = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	assert_int_equal(there->answer.verdict, VERDICT_GRANTED);
	play->now.ms = PLAY_START_MS + 2000;
	struct ask *late = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_int_equal(late->answer.verdict, VERDICT_CLOSED);
	play_close(play);
}

static void no_refusal_is_certain_while_a_hold_is_due(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 1);
	play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->now.ms += 1000;
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_step(play);
	assert_false(play_has(play, bert));
	assert_int_equal(play_count(play, COMMAND_TICK), 1);
	play_round(play);
	assert_int_equal(bert->answer.verdict, VERDICT_GRANTED);
	play_close(play);
}

static void one_tick_at_a_time_and_none_when_nothing_is_due(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1000, 0, 1);
	assert_int_equal(ledger_next_wake(play->ledger).ms, INT64_MAX);
	static char buyers[600][8];
	for (int i = 0; i < 600; i++)
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
	for (int i = 0; i < 600; i++) {
		play_claim(play, "shoes", buyers[i], NULL, 1);
		if (i % 200 == 199)
			play_round(play);
	}
	assert_int_equal(ledger_next_wake(play->ledger).ms, PLAY_START_MS + 1000);
	play->now.ms += 1000;
	play->hold_echoes = true;
	play_step(play);
	play_step(play);
	assert_int_equal(play_count(play, COMMAND_TICK), 1);
	assert_true(ledger_next_wake(play->ledger).ms >
	            play->now.ms); /* the TICK in flight is not waited for by spinning */
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(play_count(play, COMMAND_TICK), 3); /* 600 expiries, 256 a record */
	assert_int_equal(core_pending_count(play->core), 0);
	assert_int_equal(play_free_shown(play, "shoes"), 1000);
	play_close(play);
}

static void a_tick_that_the_log_did_not_take_is_written_again(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 1);
	play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->now.ms += 1000;
	play->append_max = 0;
	play_step(play);
	assert_int_equal(play_count(play, COMMAND_TICK), 0);
	assert_true(ledger_next_wake(play->ledger).ms <= play->now.ms);
	play->append_max = UINT32_MAX;
	play_round(play);
	assert_int_equal(play_count(play, COMMAND_TICK), 1);
	assert_int_equal(core_pending_count(play->core), 0);
	play_close(play);
}

static void a_clock_that_goes_back_changes_nothing(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 2, 0, 10);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->now.ms -= 3600000;
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_int_equal(bert->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(bert->answer.order.created_at.ms, anna->answer.order.created_at.ms);
	play_close(play);
}

/* ---- readiness ---- */

static void asks_wait_for_hello(void **state)
{
	struct play *play = play_prepare();
	play_begin(play);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play->hold_echoes = true;
	play_step(play);
	assert_int_equal(play->appended, 1);
	assert_int_equal(play_count(play, COMMAND_HELLO), 1);
	assert_false(play_has(play, anna));
	play->hold_echoes = false;
	play->hold_durable = true;
	play_round(play);
	assert_false(ledger_is_ready(play->ledger));
	play->hold_durable = false;
	play_round(play);
	assert_true(ledger_is_ready(play->ledger));
	assert_int_equal(anna->answer.verdict, VERDICT_UNKNOWN_DROP);
	play_close(play);
}

static void what_fell_due_while_down_has_expired_before_it_is_ready(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1000, 0, 1);
	static char buyers[300][8];
	for (int i = 0; i < 300; i++) {
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		play_claim(play, "shoes", buyers[i], NULL, 1);
		if (i % 100 == 99)
			play_round(play);
	}
	play->now.ms += 60000;
	play_restart(play);
	assert_int_equal(core_pending_count(play->core), 300);
	while (core_pending_count(play->core) > 0) {
		play_step(play);
		play->durable = core_sequence(play->core);
		assert_false(ledger_is_ready(play->ledger));
	}
	play_round(play);
	assert_true(ledger_is_ready(play->ledger));
	assert_int_equal(play_free_shown(play, "shoes"), 1000);
	play_close(play);
}

static void another_ledgers_hello_is_not_ours(void **state)
{
	struct play *play = play_prepare();
	play_begin(play);
	play_step(play);
	struct command hello;
	play_decode(play, 0, &hello);
	hello.hello.digest_key[0] ^= 1; /* someone else's came to its place instead; ours was lost */
	struct play_record *record = &play->records[0];
	assert_int_equal(command_encode(&hello, record->bytes, record->size), record->size);
	play->durable = 1;
	play_step(play);
	play_step(play);
	assert_int_equal(core_sequence(play->core), 1);
	assert_false(ledger_is_ready(play->ledger));
	play_close(play);
}

/* ---- counts, checks ---- */

static struct command counts_in(struct play *play, uint32_t nth)
{
	struct command command = {0};
	for (uint32_t i = 0; i < play->record_count; i++) {
		if (play->records[i].bytes[0] != COMMAND_COUNTS || nth--)
			continue;
		play_decode(play, i, &command);
		break;
	}
	return command;
}

static void refusals_are_counted_once_a_second(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 0);
	play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	for (int i = 0; i < 100; i++) {
		play_claim(play, "shoes", "bert", NULL, 1);
		play->now.ms += 5;
		play_round(play);
	}
	assert_int_equal(play_count(play, COMMAND_COUNTS), 0);
	assert_int_equal(ledger_next_wake(play->ledger).ms, PLAY_START_MS + 5 + 1000);
	play->now.ms = PLAY_START_MS + 1004;
	play_round(play);
	assert_int_equal(play_count(play, COMMAND_COUNTS), 0);
	play->now.ms = PLAY_START_MS + 1005;
	play_round(play);
	assert_int_equal(play_count(play, COMMAND_COUNTS), 1);
	struct command counts = counts_in(play, 0);
	assert_int_equal(counts.counts.count, 1);
	assert_int_equal(counts.counts.of[0].verdict, VERDICT_SOLD_OUT);
	assert_int_equal(counts.counts.of[0].count, 100);
	struct drop_view view;
	assert_true(views_drop(play->views, 0, play->now, &view, 0, 0, NULL));
	assert_int_equal(view.counts[VERDICT_SOLD_OUT], 100);
	assert_int_equal(ledger_next_wake(play->ledger).ms, PLAY_START_MS + 60000); /* anna's order may leave then */
	play_close(play);
}

static void a_stop_writes_the_last_counts(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 1, 600);
	play_claim(play, "shoes", "anna", NULL, 1);
	play_claim(play, "shoes", "anna", NULL, 1); /* appended or not, a refusal is counted */
	play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_int_equal(play_count(play, COMMAND_COUNTS), 0);
	play->draining = true;
	play_step(play);
	assert_int_equal(play_count(play, COMMAND_COUNTS), 1);
	struct command counts = counts_in(play, 0);
	assert_int_equal(counts.counts.count, 2);
	assert_int_equal(counts.counts.of[0].verdict, VERDICT_LIMIT_REACHED);
	assert_int_equal(counts.counts.of[1].verdict, VERDICT_ALL_HELD);
	play_close(play);
}

static void counts_that_the_log_did_not_take_come_later(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 0);
	for (int i = 0; i < 3; i++)
		play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->now.ms += 2000;
	play->append_max = 0;
	play_step(play);
	assert_int_equal(play_count(play, COMMAND_COUNTS), 0);
	play->append_max = UINT32_MAX;
	play->now.ms += 2000;
	play_round(play);
	struct command counts = counts_in(play, 0);
	assert_int_equal(counts.counts.of[0].count, 2);
	play_close(play);
}

static void a_check_follows_every_4096_records(void **state)
{
	struct play *play = play_prepare();
	play->limits.orders = 16384;
	play->options.waiting_max = 16384;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 1000000, 0, 0);
	static char buyers[9000][8];
	for (int i = 0; i < 9000; i++) {
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		play_claim(play, "shoes", buyers[i], NULL, 1);
		if (i % 500 == 499)
			play_round(play);
	}
	assert_int_equal(play_count(play, COMMAND_CHECK), 2);
	play_restart(play);
	play_round(play); /* a fold verified both; the new ledger names the newest again */
	assert_int_equal(play_count(play, COMMAND_CHECK), 3);
	play_round(play);
	assert_int_equal(play_count(play, COMMAND_CHECK), 3);
	play_close(play);
}

/* ---- what a log may do ---- */

static void swap_last_two(struct play *play)
{
	struct play_record *a = &play->records[play->record_count - 2], *b = a + 1;
	struct play_record was = *a;
	a->bytes = b->bytes;
	a->size = b->size;
	b->bytes = was.bytes;
	b->size = was.size;
}

static void a_late_append_took_nothing_and_says_so(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	play->hold_echoes = true;
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_step(play);
	swap_last_two(play);
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(anna->answer.verdict, VERDICT_STALE);
	assert_int_equal(bert->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(play_free_shown(play, "shoes"), 9);
	assert_true(ledger_is_idle(play->ledger));
	play_close(play);
}

static void a_doubled_append_grants_once(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_step(play);
	struct play_record *last = &play->records[play->record_count - 1], *again = last + 1;
	*again = (struct play_record){last->sequence + 1, last->time, malloc(last->size), last->size};
	memcpy(again->bytes, last->bytes, last->size);
	play->record_count++;
	play_round(play);
	assert_int_equal(anna->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(play_free_shown(play, "shoes"), 9);
	assert_int_equal(core_order_count(play->core), 1);
	play_close(play);
}

static void lose_last(struct play *play)
{
	free(play->records[--play->record_count].bytes);
}

static void a_lost_append_is_an_unknown_outcome_in_time(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 600);
	struct ask *anna = play_claim(play, "shoes", "anna", "k", 1);
	play_step(play);
	lose_last(play);
	play->now.ms += 5000;
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_false(play_has(play, anna));
	assert_false(play_has(play, bert)); /* the one unit is anna's as long as nobody knows */
	assert_int_equal(ledger_next_wake(play->ledger).ms, PLAY_START_MS + 5001);
	play->now.ms += 1;
	play_round(play);
	assert_int_equal(anna->answer.verdict, VERDICT_UNKNOWN_OUTCOME);
	assert_int_equal(bert->answer.verdict, VERDICT_GRANTED);
	play_close(play);
}

/* The simulator found it: a server that stood still for longer than the time-out (a machine put to sleep) gave up claims
 * whose echoes it had not read yet, took new ones for their places in the pool, and then met all of them in the log:
 * more orders than the pool holds, and no fold any more. */
static void claims_given_up_keep_their_places_until_they_come_too_late(void **state)
{
	struct play *play = play_prepare();
	play->limits.orders = 2;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 10, 0, 600);
	play->hold_echoes = true;
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1),
		   *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_step(play);
	play->now.ms += 5001;
	struct ask *cleo = play_claim(play, "shoes", "cleo", NULL, 1);
	play_step(play);
	assert_int_equal(anna->answer.verdict, VERDICT_UNKNOWN_OUTCOME);
	assert_int_equal(bert->answer.verdict, VERDICT_UNKNOWN_OUTCOME);
	assert_int_equal(cleo->answer.verdict, VERDICT_OVERLOADED);
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(core_order_count(play->core), 2);
	play_close(play);
}

static void claims_that_were_lost_give_their_places_back(void **state)
{
	struct play *play = play_prepare();
	play->limits.orders = 1;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 10, 0, 600);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_step(play);
	lose_last(play);
	play->now.ms += 5001;
	play_round(play); /* its TICK */
	assert_int_equal(anna->answer.verdict, VERDICT_UNKNOWN_OUTCOME);
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_int_equal(bert->answer.verdict, VERDICT_GRANTED);
	play_close(play);
}

static void a_claim_that_comes_too_late_grants_nothing(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 600);
	play->hold_echoes = true;
	struct ask *anna = play_claim(play, "shoes", "anna", "k", 1);
	play_step(play);
	struct play_record *claim = &play->records[play->record_count - 1];
	play->now.ms += 5001;
	play_step(play);
	assert_int_equal(anna->answer.verdict, VERDICT_UNKNOWN_OUTCOME);
	claim->time = play->now; /* now it comes, at the log's time */
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(play_free_shown(play, "shoes"), 1);
	play_close(play);
}

static void a_later_record_tells_that_the_one_before_was_lost(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	struct ask *anna = play_claim(play, "shoes", "anna", "k", 1);
	play_step(play);
	lose_last(play);
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_int_equal(anna->answer.verdict, VERDICT_STALE);
	assert_int_equal(bert->answer.verdict, VERDICT_GRANTED);
	play_close(play);
}

static void a_log_whose_time_jumps_is_followed(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_step(play);
	play->records[play->record_count - 1].time.ms += 3000;
	play_round(play);
	assert_int_equal(anna->answer.order.created_at.ms, PLAY_START_MS + 3000);
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_int_equal(bert->answer.order.created_at.ms, PLAY_START_MS + 3000);
	play_close(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_drop_opens_at_its_instant),
	    cmocka_unit_test(no_refusal_is_certain_while_a_hold_is_due),
	    cmocka_unit_test(one_tick_at_a_time_and_none_when_nothing_is_due),
	    cmocka_unit_test(a_tick_that_the_log_did_not_take_is_written_again),
	    cmocka_unit_test(a_clock_that_goes_back_changes_nothing),
	    cmocka_unit_test(asks_wait_for_hello),
	    cmocka_unit_test(what_fell_due_while_down_has_expired_before_it_is_ready),
	    cmocka_unit_test(another_ledgers_hello_is_not_ours),
	    cmocka_unit_test(refusals_are_counted_once_a_second),
	    cmocka_unit_test(a_stop_writes_the_last_counts),
	    cmocka_unit_test(counts_that_the_log_did_not_take_come_later),
	    cmocka_unit_test(a_check_follows_every_4096_records),
	    cmocka_unit_test(a_late_append_took_nothing_and_says_so),
	    cmocka_unit_test(a_doubled_append_grants_once),
	    cmocka_unit_test(a_lost_append_is_an_unknown_outcome_in_time),
	    cmocka_unit_test(claims_given_up_keep_their_places_until_they_come_too_late),
	    cmocka_unit_test(claims_that_were_lost_give_their_places_back),
	    cmocka_unit_test(a_claim_that_comes_too_late_grants_nothing),
	    cmocka_unit_test(a_later_record_tells_that_the_one_before_was_lost),
	    cmocka_unit_test(a_log_whose_time_jumps_is_followed),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
