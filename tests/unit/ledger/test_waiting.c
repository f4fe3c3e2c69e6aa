/* Who waits: claims in flight, those behind them in their order, and what comes meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "core/state.h"
#include "play.h"

static void units_in_flight_are_at_most_the_free_ones(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 3, 0, 600);
	play->hold_echoes = true;
	static const char *const buyers[] = {"a", "b", "c", "d", "e"};
	struct ask *asks[5];
	for (int i = 0; i < 5; i++)
		asks[i] = play_claim(play, "shoes", buyers[i], NULL, 1);
	play_step(play);
	assert_int_equal(play->appended, 3);
	assert_int_equal(ledger_waiting(play->ledger), 5);

	play->hold_echoes = false;
	play_round(play);
	for (int i = 0; i < 5; i++)
		assert_int_equal(asks[i]->answer.verdict, i < 3 ? VERDICT_GRANTED : VERDICT_ALL_HELD);
	assert_int_equal(asks[4]->answer.retry_at.ms, PLAY_START_MS + 600000);
	assert_int_equal(play_count(play, COMMAND_CLAIM), 3);
	assert_int_equal(ledger_waiting(play->ledger), 0);
	play_close(play);
}

static void who_waits_keeps_its_place_in_the_drop(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 4, 0, 600);
	play_drop(play, "hats", 4, 0, 600);
	play->hold_echoes = true;
	struct ask *three = play_claim(play, "shoes", "a", NULL, 3);
	struct ask *two = play_claim(play, "shoes", "b", NULL, 2); /* does not fit yet */
	struct ask *one = play_claim(play, "shoes", "c", NULL, 1); /* would fit, but b was first */
	struct ask *hat = play_claim(play, "hats", "d", NULL, 1);
	play_step(play);
	assert_int_equal(play->appended, 2);
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(three->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(two->answer.verdict, VERDICT_ALL_HELD);
	assert_int_equal(one->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(hat->answer.verdict, VERDICT_GRANTED);
	play_close(play);
}

/* Those in flight and those that wait take a place each: the fourth has the last one, the fifth has none. */
static void waiting_is_bounded(void **state)
{
	struct play *play = play_prepare();
	play->options.waiting_max = 4;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 2, 0, 600);
	play->hold_echoes = true;
	static const char *const buyers[] = {"a", "b", "c", "d", "e"};
	struct ask *asks[5];
	for (int i = 0; i < 5; i++)
		asks[i] = play_claim(play, "shoes", buyers[i], NULL, 1);
	play_step(play);
	assert_true(play_has(play, asks[4]));
	assert_int_equal(asks[4]->answer.verdict, VERDICT_OVERLOADED);
	assert_string_equal(asks[4]->answer.setting, "waiting-max");
	assert_int_equal(ledger_waiting(play->ledger), 4); /* two appended, two that wait for units */
	assert_false(play_has(play, asks[3]));
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(asks[3]->answer.verdict, VERDICT_ALL_HELD);
	struct ask *later = play_claim(play, "shoes", "f", NULL, 1);
	play_round(play);
	assert_int_equal(later->answer.verdict, VERDICT_ALL_HELD); /* there is room again */
	play_close(play);
}

static struct ask *on_drop(struct play *play, enum ask_kind kind, const char *drop)
{
	struct ask *ask = play_ask(play, kind);
	ask->drop = text_of(drop);
	return ask;
}

/* Two units are in flight, all there are; three buyers wait behind them, in this order. */
struct waiting {
	struct play *play;
	struct ask *in_flight[2], *asks[3];
};

static struct waiting three_wait(void)
{
	static const char *const buyers[] = {"c", "d", "e"};
	struct waiting waiting = {.play = play_open()};
	play_drop(waiting.play, "shoes", 2, 0, 600);
	waiting.play->hold_echoes = true;
	waiting.in_flight[0] = play_claim(waiting.play, "shoes", "a", NULL, 1);
	waiting.in_flight[1] = play_claim(waiting.play, "shoes", "b", NULL, 1);
	for (int i = 0; i < 3; i++)
		waiting.asks[i] = play_claim(waiting.play, "shoes", buyers[i], NULL, 1);
	play_step(waiting.play);
	assert_int_equal(waiting.play->appended, 2);
	assert_int_equal(ledger_waiting(waiting.play->ledger), 5);
	return waiting;
}

static void let_it_go_on(const struct waiting *waiting)
{
	waiting->play->hold_echoes = false;
	play_round(waiting->play);
	for (int i = 0; i < 2; i++)
		assert_int_equal(waiting->in_flight[i]->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(ledger_waiting(waiting->play->ledger), 0);
}

static void a_restock_goes_to_who_waited_first(void **state)
{
	struct waiting waiting = three_wait();
	struct ask *restock = on_drop(waiting.play, ASK_DROP_RESTOCK, "shoes");
	restock->restock = 2;
	struct ask *last = play_claim(waiting.play, "shoes", "f", NULL, 1); /* asks with the restock, after the three */
	play_step(waiting.play);
	assert_int_equal(waiting.play->appended, 1);
	let_it_go_on(&waiting);
	assert_int_equal(restock->answer.verdict, VERDICT_DONE);
	assert_int_equal(waiting.asks[0]->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(waiting.asks[0]->answer.order.position, 3);
	assert_int_equal(waiting.asks[1]->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(waiting.asks[1]->answer.order.position, 4);
	assert_int_equal(waiting.asks[2]->answer.verdict, VERDICT_ALL_HELD);
	assert_int_equal(last->answer.verdict, VERDICT_ALL_HELD);
	play_close(waiting.play);
}

/* Stock is taken down while claims of it are in flight: in the log's order, so they find less. */
static void a_restock_downwards_that_comes_first_is_felt(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 3, 0, 600);
	struct ask *down = on_drop(play, ASK_DROP_RESTOCK, "shoes");
	down->restock = -2;
	struct ask *first = play_claim(play, "shoes", "a", NULL, 1);
	struct ask *second = play_claim(play, "shoes", "b", NULL, 1);
	play->hold_echoes = true;
	play_step(play);
	assert_int_equal(play->appended, 3);
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(down->answer.verdict, VERDICT_DONE);
	assert_int_equal(first->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(second->answer.verdict, VERDICT_ALL_HELD);
	assert_int_equal(play_free_shown(play, "shoes"), 0);
	play_close(play);
}

static void an_expiry_goes_to_who_waited_first(void **state)
{
	struct play *play = play_open();
	static const char *const buyers[] = {"c", "d", "e"};
	struct ask *asks[3];
	play_drop(play, "shoes", 2, 0, 1);
	play_claim(play, "shoes", "a", NULL, 1);
	play_claim(play, "shoes", "b", NULL, 1);
	play_round(play);
	play->now.ms += 1000;
	play->hold_echoes = true;
	for (int i = 0; i < 3; i++) {
		asks[i] = play_claim(play, "shoes", buyers[i], NULL, 1);
		play_step(play);
	}
	assert_int_equal(play_count(play, COMMAND_TICK), 1);
	assert_int_equal(play_count(play, COMMAND_CLAIM), 2); /* nothing is seen free yet: they wait for the TICK */
	assert_int_equal(ledger_waiting(play->ledger), 3);
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(asks[0]->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(asks[0]->answer.order.position, 3);
	assert_int_equal(asks[1]->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(asks[2]->answer.verdict, VERDICT_ALL_HELD);
	assert_int_equal(play_count(play, COMMAND_CLAIM), 4);
	play_close(play);
}

static void who_waits_hears_of_a_pause_and_of_the_end(void **state)
{
	static const enum ask_kind kinds[] = {ASK_DROP_PAUSE, ASK_DROP_CLOSE};
	static const enum verdict verdicts[] = {VERDICT_PAUSED, VERDICT_CLOSED};
	for (int kind = 0; kind < 2; kind++) {
		struct waiting waiting = three_wait();
		uint32_t claims = play_count(waiting.play, COMMAND_CLAIM);
		struct ask *ask = on_drop(waiting.play, kinds[kind], "shoes");
		play_step(waiting.play);
		assert_int_equal(waiting.play->appended, 1);
		let_it_go_on(&waiting); /* those two came before the pause */
		assert_int_equal(ask->answer.verdict, VERDICT_DONE);
		for (int i = 0; i < 3; i++)
			assert_int_equal(waiting.asks[i]->answer.verdict, verdicts[kind]);
		assert_int_equal(play_count(waiting.play, COMMAND_CLAIM), claims);
		play_close(waiting.play);
	}
}

/* The units that they wait for come back, but the drop was paused, or closed, before. */
static void units_that_come_back_after_a_pause_or_the_end_are_not_granted(void **state)
{
	static const enum ask_kind kinds[] = {ASK_DROP_PAUSE, ASK_DROP_CLOSE};
	static const enum verdict verdicts[] = {VERDICT_PAUSED, VERDICT_CLOSED};
	for (int kind = 0; kind < 2; kind++) {
		struct play *play = play_open();
		play_drop(play, "shoes", 1, 0, 1);
		play_claim(play, "shoes", "a", NULL, 1);
		play_round(play);
		play->now.ms += 1000;
		play->hold_echoes = true;
		struct ask *waits = play_claim(play, "shoes", "b", NULL, 1);
		struct ask *ask = on_drop(play, kinds[kind], "shoes");
		play_step(play);
		assert_int_equal(play->appended, 2); /* the TICK, and the pause behind it */
		play->hold_echoes = false;
		play_round(play);
		assert_int_equal(ask->answer.verdict, VERDICT_DONE);
		assert_int_equal(waits->answer.verdict, verdicts[kind]);
		assert_int_equal(play_free_shown(play, "shoes"), 1);
		assert_int_equal(ledger_waiting(play->ledger), 0);
		play_close(play);
	}
}

static void at_a_stop_who_waits_for_units_is_overloaded(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 600);
	play->hold_echoes = true;
	struct ask *first = play_claim(play, "shoes", "a", NULL, 1);
	struct ask *second = play_claim(play, "shoes", "b", NULL, 1);
	play_step(play);
	play->draining = true;
	play_step(play);
	assert_true(play_has(play, second));
	assert_int_equal(second->answer.verdict, VERDICT_OVERLOADED);
	assert_false(play_has(play, first)); /* it is in the log: it gets its answer */
	assert_false(ledger_is_idle(play->ledger));
	play->hold_echoes = false;
	play_round(play);
	assert_int_equal(first->answer.verdict, VERDICT_GRANTED);
	assert_true(ledger_is_idle(play->ledger));
	play_close(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(units_in_flight_are_at_most_the_free_ones),
	    cmocka_unit_test(who_waits_keeps_its_place_in_the_drop),
	    cmocka_unit_test(waiting_is_bounded),
	    cmocka_unit_test(a_restock_goes_to_who_waited_first),
	    cmocka_unit_test(a_restock_downwards_that_comes_first_is_felt),
	    cmocka_unit_test(an_expiry_goes_to_who_waited_first),
	    cmocka_unit_test(who_waits_hears_of_a_pause_and_of_the_end),
	    cmocka_unit_test(units_that_come_back_after_a_pause_or_the_end_are_not_granted),
	    cmocka_unit_test(at_a_stop_who_waits_for_units_is_overloaded),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
