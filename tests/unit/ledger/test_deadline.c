/* Orders past their deadline: what is told of them, and what is recorded, before their turn to expire has come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "play.h"

static void a_confirmation_in_the_millisecond_of_expiry_is_too_late(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 2, 0, 1);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	play->now.ms += 999;
	struct ask *in_time = play_of_order(play, ASK_CONFIRM, anna->answer.order.sequence);
	play_round(play);
	play->now.ms += 1;
	struct ask *late = play_of_order(play, ASK_CONFIRM, bert->answer.order.sequence);
	play_round(play);
	assert_int_equal(in_time->answer.verdict, VERDICT_DONE);
	assert_int_equal(in_time->answer.order.status, ORDER_COMPLETED);
	assert_int_equal(late->answer.verdict, VERDICT_REFUND_DUE);
	assert_int_equal(late->answer.order.status, ORDER_EXPIRED);
	play_close(play);
}

/* A refusal of a cancellation says "expired", and only the log can say so. */
static void a_cancellation_past_the_deadline_waits_for_the_tick(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 1);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->now.ms += 1000;
	play->hold_echoes = true;
	struct ask *cancel = play_of_order(play, ASK_CANCEL, anna->answer.order.sequence);
	play_step(play);
	play->durable = core_sequence(play->core);
	play_step(play);
	assert_int_equal(play_count(play, COMMAND_TICK), 1);
	assert_false(play_has(play, cancel));
	assert_int_equal(core_pending_count(play->core), 1);
	play->hold_echoes = false;
	play->hold_durable = true;
	play_round(play);
	assert_false(play_has(play, cancel)); /* the TICK stands in the log, and a crash could still take it back */
	play->hold_durable = false;
	play_round(play);
	assert_int_equal(cancel->answer.verdict, VERDICT_WRONG_STATE);
	assert_int_equal(cancel->answer.basis, core_sequence(play->core));
	assert_int_equal(cancel->answer.order.status, ORDER_EXPIRED);
	assert_int_equal(play_count(play, COMMAND_CANCEL), 0);
	assert_int_equal(core_pending_count(play->core), 0);
	assert_int_equal(play_free_shown(play, "shoes"), 1);
	play_close(play);
}

/* A payment is recorded whatever the order's state is, and its record makes the order expire if nothing else has. So
 * there is nothing to wait for; once, it waited for the TICK, and a stop then sent it away unrecorded. */
static void a_confirmation_past_the_deadline_need_not_wait(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 1);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->now.ms += 1000;
	play->hold_echoes = true;
	play->draining = true;
	struct ask *confirm = play_of_order(play, ASK_CONFIRM, anna->answer.order.sequence);
	play_step(play);
	assert_int_equal(play_count(play, COMMAND_CONFIRM), 1); /* behind the TICK, in the same step */
	assert_false(play_has(play, confirm));
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(confirm->answer.verdict, VERDICT_REFUND_DUE);
	assert_int_equal(confirm->answer.order.status, ORDER_EXPIRED);
	assert_int_equal(core_pending_count(play->core), 0);
	assert_int_equal(play_free_shown(play, "shoes"), 1);
	play_close(play);
}

/* Without a TICK before it, too: its own record's time ends the hold, once, and gives the unit back, once. */
static void a_late_confirmation_ends_the_hold_itself(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 1);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->now.ms += 1000;
	struct ask *confirm = play_of_order(play, ASK_CONFIRM, anna->answer.order.sequence);
	play->hold_echoes = true;
	play_step(play);
	struct play_record *tick = &play->records[play->record_count - 2];
	assert_int_equal(tick->bytes[0], COMMAND_TICK);
	free(tick->bytes);
	uint64_t sequence = tick->sequence;
	*tick = tick[1]; /* the TICK was lost */
	tick->sequence = sequence;
	play->record_count--;
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(confirm->answer.verdict, VERDICT_REFUND_DUE);
	assert_int_equal(confirm->answer.order.status, ORDER_EXPIRED);
	assert_int_equal(play_free_shown(play, "shoes"), 1);
	play_close(play);
}

/* 256 others expire before it: the log's time is past its deadline, its turn has not come. Once, the refusal rested on
 * the last record of its drop alone, and left before the TICK that it was read from was durable. */
static void a_refused_cancellation_before_its_turn_rests_on_the_tick(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1000, 0, 1);
	play_drop(play, "hats", 1, 0, 1);
	static char buyers[300][8];
	for (int i = 0; i < 300; i++) {
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		play_claim(play, "shoes", buyers[i], NULL, 1);
		if (i % 100 == 99)
			play_round(play);
	}
	struct ask *anna = play_claim(play, "hats", "anna", NULL, 1);
	play_round(play);
	play->now.ms += 1000;
	play_step(play); /* the first TICK */
	play->append_max = 0;
	struct ask *cancel = play_of_order(play, ASK_CANCEL, anna->answer.order.sequence);
	play_step(play);
	assert_int_equal(core_pending_count(play->core), 45);
	assert_false(play_has(play, cancel));
	play->durable = core_sequence(play->core);
	play_step(play);
	assert_true(play_has(play, cancel));
	assert_int_equal(cancel->answer.verdict, VERDICT_WRONG_STATE);
	assert_int_equal(cancel->answer.order.status, ORDER_EXPIRED);
	play_close(play);
}

static void a_cancellation_that_no_tick_can_settle_is_not_refused(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 1);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->now.ms += 1000;
	play->room = LOG_ROOM_NONE;
	struct ask *cancel = play_of_order(play, ASK_CANCEL, anna->answer.order.sequence);
	play_round(play);
	assert_int_equal(cancel->answer.verdict, VERDICT_LOG_UNAVAILABLE);
	play->room = LOG_ROOM_RESERVE;
	cancel = play_of_order(play, ASK_CANCEL, anna->answer.order.sequence);
	play_round(play);
	assert_int_equal(cancel->answer.verdict, VERDICT_WRONG_STATE);
	play_close(play);
}

static void a_reading_past_the_deadline_waits_for_the_log(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 1);
	struct ask *anna = play_claim(play, "shoes", "anna", "k", 1);
	play_round(play);
	play->now.ms += 1000;
	play->hold_durable = true;
	struct ask *read = play_of_order(play, ASK_ORDER, anna->answer.order.sequence);
	struct ask *replay = play_claim(play, "shoes", "anna", "k", 1);
	play_round(play);
	assert_false(play_has(play, read)); /* "expired" rests on the TICK, which a crash could still take back */
	assert_false(play_has(play, replay));
	play->hold_durable = false;
	play_round(play);
	assert_int_equal(read->answer.verdict, VERDICT_FOUND);
	assert_int_equal(read->answer.order.status, ORDER_EXPIRED);
	assert_int_equal(replay->answer.verdict, VERDICT_REPLAYED);
	assert_int_equal(replay->answer.order.status, ORDER_EXPIRED);
	play_close(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_confirmation_in_the_millisecond_of_expiry_is_too_late),
	    cmocka_unit_test(a_cancellation_past_the_deadline_waits_for_the_tick),
	    cmocka_unit_test(a_confirmation_past_the_deadline_need_not_wait),
	    cmocka_unit_test(a_late_confirmation_ends_the_hold_itself),
	    cmocka_unit_test(a_refused_cancellation_before_its_turn_rests_on_the_tick),
	    cmocka_unit_test(a_cancellation_that_no_tick_can_settle_is_not_refused),
	    cmocka_unit_test(a_reading_past_the_deadline_waits_for_the_log),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
