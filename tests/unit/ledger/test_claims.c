/* Claims: what is granted, what is refused, and when either may be told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "core/state.h"
#include "play.h"

static void a_grant_leaves_when_it_is_durable(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 1, 600);
	play->hold_durable = true;
	struct ask *anna = play_claim(play, "shoes", "anna", "k1", 1);
	play_round(play);
	assert_false(play_has(play, anna));
	assert_int_equal(play_free_shown(play, "shoes"), 10); /* nor may a reader see it */

	play->hold_durable = false;
	play_round(play);
	assert_true(play_has(play, anna));
	assert_int_equal(anna->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(anna->answer.basis, core_sequence(play->core));
	assert_int_equal(anna->answer.order.sequence, core_sequence(play->core));
	assert_int_equal(anna->answer.order.position, 1);
	assert_int_equal(anna->answer.order.status, ORDER_PENDING);
	assert_int_equal(anna->answer.order.hold_until.ms, PLAY_START_MS + 600000);
	assert_memory_equal(anna->answer.order.buyer, "anna", 4);
	assert_memory_equal(anna->answer.order.sku[0], "one", 3);
	assert_memory_equal(anna->answer.order.drop, "shoes", 5);
	assert_int_equal(play_free_shown(play, "shoes"), 9);
	play_close(play);
}

static void a_refusal_waits_for_what_it_rests_on(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 0);
	play->hold_durable = true;
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_false(play_has(play, anna));
	assert_false(play_has(play, bert)); /* a crash now may leave the unit to bert */

	play->hold_durable = false;
	play_round(play);
	assert_int_equal(bert->answer.verdict, VERDICT_SOLD_OUT);
	assert_int_equal(bert->answer.refused_line, 0);
	struct ask *carl = play_claim(play, "shoes", "carl", NULL, 1);
	play->hold_durable = true;
	play_step(play);
	assert_true(play_has(play, carl)); /* its basis is durable: at once, and nothing is logged */
	assert_int_equal(play->appended, 0);
	assert_int_equal(play_count(play, COMMAND_CLAIM), 1);
	play_close(play);
}

static void one_key_twice_in_flight_is_one_order(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	struct ask *first = play_claim(play, "shoes", "anna", "k", 1);
	struct ask *second = play_claim(play, "shoes", "anna", "k", 1);
	struct ask *other = play_claim(play, "shoes", "anna", "k", 2);
	play_step(play);
	assert_int_equal(play->appended, 3);
	play_round(play);
	assert_int_equal(first->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(second->answer.verdict, VERDICT_REPLAYED);
	assert_true(second->answer.has_order);
	assert_int_equal(second->answer.order.sequence, first->answer.order.sequence);
	assert_int_equal(other->answer.verdict, VERDICT_KEY_REUSED);
	assert_int_equal(play_free_shown(play, "shoes"), 9);
	struct ask *third = play_claim(play, "shoes", "anna", "k", 1);
	play_step(play);
	assert_int_equal(play->appended, 0); /* now it is known without the log */
	assert_int_equal(third->answer.verdict, VERDICT_REPLAYED);
	play_close(play);
}

static void one_buyer_twice_in_flight_meets_the_limit(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 1, 600);
	struct ask *first = play_claim(play, "shoes", "anna", NULL, 1);
	struct ask *second = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	assert_int_equal(first->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(second->answer.verdict, VERDICT_LIMIT_REACHED);
	assert_true(second->answer.has_order);
	assert_int_equal(second->answer.order.sequence, first->answer.order.sequence);
	play_close(play);
}

static void what_the_log_did_not_take_is_overloaded(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	struct ask *first = play_claim(play, "shoes", "a", NULL, 4);
	struct ask *second = play_claim(play, "shoes", "b", NULL, 4);
	struct ask *third = play_claim(play, "shoes", "c", NULL, 2);
	play->append_max = 1;
	play_step(play);
	assert_true(play_has(play, second) && play_has(play, third));
	assert_int_equal(second->answer.verdict, VERDICT_OVERLOADED);
	assert_int_equal(third->answer.verdict, VERDICT_OVERLOADED);
	play->append_max = UINT32_MAX;
	play_round(play);
	assert_int_equal(first->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(play_free_shown(play, "shoes"), 6);
	struct ask *again = play_claim(play, "shoes", "b", NULL, 6); /* the units in flight were given back */
	play_step(play);
	assert_int_equal(play->appended, 1);
	play_round(play);
	assert_int_equal(again->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(ledger_waiting(play->ledger), 0);
	play_close(play);
}

static void room_that_is_missing_refuses_before_the_log(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	struct ask *anna = play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->room = LOG_ROOM_RESERVE;
	struct ask *claim = play_claim(play, "shoes", "bert", NULL, 1);
	struct ask *confirm = play_of_order(play, ASK_CONFIRM, anna->answer.order.sequence);
	play_round(play);
	assert_int_equal(claim->answer.verdict, VERDICT_LOG_UNAVAILABLE);
	assert_int_equal(confirm->answer.verdict, VERDICT_DONE);
	play->room = LOG_ROOM_NONE;
	uint32_t count = play->record_count;
	struct ask *cancel = play_of_order(play, ASK_CANCEL, anna->answer.order.sequence);
	struct ask *confirm_other = play_of_order(play, ASK_CONFIRM, anna->answer.order.sequence);
	confirm_other->payment_ref = TEXT("pay-2");
	struct ask *read = play_of_order(play, ASK_ORDER, anna->answer.order.sequence);
	play_round(play);
	assert_int_equal(cancel->answer.verdict, VERDICT_WRONG_STATE);
	assert_int_equal(confirm_other->answer.verdict, VERDICT_LOG_UNAVAILABLE);
	assert_int_equal(read->answer.verdict, VERDICT_FOUND);
	assert_int_equal(play->record_count, count);
	play_close(play);
}

static void a_full_pool_is_overloaded_and_named(void **state)
{
	struct play *play = play_prepare();
	play->limits.orders = 3;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 100, 0, 600);
	static const char *const buyers[] = {"a", "b", "c", "d"};
	struct ask *asks[4];
	for (int i = 0; i < 4; i++)
		asks[i] = play_claim(play, "shoes", buyers[i], NULL, 1);
	play_round(play);
	for (int i = 0; i < 3; i++)
		assert_int_equal(asks[i]->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(asks[3]->answer.verdict, VERDICT_OVERLOADED);
	assert_string_equal(asks[3]->answer.setting, "orders-max");
	assert_int_equal(play_count(play, COMMAND_CLAIM), 3);
	play_close(play);
}

static void eligibility_is_asked_only_of_who_would_win(void **state)
{
	struct play *play = play_prepare();
	play->options.eligibility = true;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 1, 0, 0);
	struct ask *anna = play_claim(play, "shoes", "anna", "k", 1);
	play->hold_durable = true;
	play_step(play);
	assert_int_equal(anna->answer.verdict, VERDICT_CHECK_FIRST);
	assert_int_equal(play->appended, 0);

	anna->not_eligible = true;
	play_again(play, anna);
	play->hold_durable = false;
	play_round(play);
	assert_int_equal(anna->answer.verdict, VERDICT_NOT_ELIGIBLE);
	assert_int_equal(play_free_shown(play, "shoes"), 1);

	anna->not_eligible = false;
	anna->eligible = true;
	play_again(play, anna);
	play_round(play);
	assert_int_equal(anna->answer.verdict, VERDICT_GRANTED);

	anna->eligible = false; /* the key's order wins over any check */
	anna->not_eligible = true;
	play_again(play, anna);
	struct ask *bert = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_int_equal(anna->answer.verdict, VERDICT_REPLAYED);
	assert_int_equal(bert->answer.verdict, VERDICT_SOLD_OUT); /* no check for the crowd */
	play_close(play);
}

static void a_key_may_belong_to_an_order_that_has_left(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 1);
	struct ask *anna = play_claim(play, "shoes", "anna", "k", 1);
	play_round(play);
	play->now.ms += 62000; /* expired after 1 s, left a minute later */
	play_round(play);
	struct ask *again = play_claim(play, "shoes", "anna", "k", 1);
	struct ask *bert = play_claim(play, "shoes", "bert", "k", 1);
	struct ask *other = play_claim(play, "shoes", "anna", "other", 1);
	struct ask *without = play_claim(play, "shoes", "carl", NULL, 1);
	play_round(play);
	assert_int_equal(again->answer.verdict, VERDICT_ASK_STORE);
	assert_true(again->answer.basis > anna->answer.basis);
	assert_int_equal(bert->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(other->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(without->answer.verdict, VERDICT_GRANTED);
	again->store_asked = true;
	play_again(play, again);
	play_round(play);
	assert_int_equal(again->answer.verdict, VERDICT_GRANTED);
	play_close(play);
}

/* The story: on a drop from which one order had left, every new key was asked of the store, through 256 places: of a
 * crowd, most heard "overloaded". */
static void a_crowd_with_new_keys_is_answered_without_the_store(void **state)
{
	static char buyers[1000][8];
	struct ask *asks[1000];
	struct play *play = play_prepare();
	play->options.waiting_max = 2000;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 100, 0, 1);
	play_claim(play, "shoes", "anna", "k", 1);
	play_round(play);
	play->now.ms += 62000;
	play_round(play);
	for (int i = 0; i < 1000; i++) {
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		asks[i] = play_claim(play, "shoes", buyers[i], "k", 1);
	}
	struct ask *anna = play_claim(play, "shoes", "anna", "k", 1);
	play_round(play);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(asks[i]->answer.verdict, i < 100 ? VERDICT_GRANTED : VERDICT_ALL_HELD);
	assert_int_equal(anna->answer.verdict, VERDICT_ASK_STORE);
	play_close(play);
}

/* As after a snapshot of the first format: of what has left so far, nothing is known. */
static void forget_what_has_left(struct play *play)
{
	play->core->left.heart.since = core_sequence(play->core);
}

/* What was granted before the store answered, it knew: asking again for each that leaves would never end at a steady
 * rate. */
static void the_store_is_asked_again_only_for_what_was_granted_meanwhile(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 1);
	play_claim(play, "shoes", "anna", NULL, 1);
	play_round(play);
	play->now.ms += 30000;
	play_claim(play, "shoes", "bert", "k", 1);
	play_round(play);
	play->now.ms += 32000; /* anna's has left, bert's not yet */
	play_round(play);
	forget_what_has_left(play);
	struct ask *other = play_claim(play, "shoes", "bert", "k2", 1);
	play_round(play);
	assert_int_equal(other->answer.verdict, VERDICT_ASK_STORE);
	uint64_t asked = other->answer.basis;
	play_claim(play, "shoes", "carl", NULL, 1); /* granted after the question … */
	play_round(play);
	play->now.ms += 62000; /* … and gone before the answer; bert's first order too */
	play_round(play);
	other->store_asked = true;
	play_again(play, other);
	play_round(play);
	assert_int_equal(other->answer.verdict, VERDICT_ASK_STORE);
	assert_true(other->answer.basis > asked);
	play_claim(play, "shoes", "dora", NULL, 1);
	play_round(play);
	play->now.ms += 32000; /* nothing that was granted since has left yet */
	play_again(play, other);
	play_round(play);
	assert_int_equal(other->answer.verdict, VERDICT_GRANTED);
	play_close(play);
}

static void refusals_of_form_need_no_log(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	struct ask *drop = play_claim(play, "hats", "anna", NULL, 1);
	struct ask *zero = play_claim(play, "shoes", "anna", NULL, 0);
	struct ask *sku = play_claim(play, "shoes", "anna", NULL, 1);
	sku->line[0].sku = TEXT("two");
	uint32_t count = play->record_count;
	play_step(play);
	assert_int_equal(drop->answer.verdict, VERDICT_UNKNOWN_DROP);
	assert_int_equal(zero->answer.verdict, VERDICT_BAD_QUANTITY);
	assert_int_equal(sku->answer.verdict, VERDICT_UNKNOWN_SKU);
	assert_int_equal(sku->answer.refused_line, 0);
	assert_int_equal(play->record_count, count);
	play_close(play);
}

/* Ten thousand fall upon a hundred: the log sees a hundred. */
static void a_crowd_costs_the_log_only_what_is_there(void **state)
{
	struct play *play = play_prepare();
	play->options.waiting_max = 16384;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 100, 1, 600);
	static char buyers[10000][12];
	struct ask *asks[10000];
	for (int i = 0; i < 10000; i++) {
		snprintf(buyers[i], sizeof buyers[i], "b%d", i);
		asks[i] = play_claim(play, "shoes", buyers[i], NULL, 1);
	}
	play_round(play);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(asks[i]->answer.verdict, i < 100 ? VERDICT_GRANTED : VERDICT_ALL_HELD);
	assert_int_equal(asks[99]->answer.order.position, 100);
	assert_int_equal(play_count(play, COMMAND_CLAIM), 100);
	play_close(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_grant_leaves_when_it_is_durable),
	    cmocka_unit_test(a_refusal_waits_for_what_it_rests_on),
	    cmocka_unit_test(one_key_twice_in_flight_is_one_order),
	    cmocka_unit_test(one_buyer_twice_in_flight_meets_the_limit),
	    cmocka_unit_test(what_the_log_did_not_take_is_overloaded),
	    cmocka_unit_test(room_that_is_missing_refuses_before_the_log),
	    cmocka_unit_test(a_full_pool_is_overloaded_and_named),
	    cmocka_unit_test(eligibility_is_asked_only_of_who_would_win),
	    cmocka_unit_test(a_key_may_belong_to_an_order_that_has_left),
	    cmocka_unit_test(a_crowd_with_new_keys_is_answered_without_the_store),
	    cmocka_unit_test(the_store_is_asked_again_only_for_what_was_granted_meanwhile),
	    cmocka_unit_test(refusals_of_form_need_no_log),
	    cmocka_unit_test(a_crowd_costs_the_log_only_what_is_there),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
