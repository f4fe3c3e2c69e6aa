/* Plays about one sale: who gets what, in which order it is checked, what gives units back. */
#include "play.h"

static void a_unit_is_sold_once(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 1, .limit = 1});
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_NOT_OPEN);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_OPEN, "shoe"), VERDICT_DONE);
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_GRANTED);
	assert_int_equal(play_claim(&play, "shoe", "bob", ""), VERDICT_SOLD_OUT);
	assert_stock(&play, "shoe", 0, 1);
	play_end(&play);
}

static void a_buyer_has_at_most_the_limit(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 10, .limit = 2});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_GRANTED);
	uint64_t first = play.outcome.order;
	struct command two = play_claim_command(&play, "shoe", "ann", "", 0, 2);
	play_apply(&play, &two);
	assert_int_equal(play.outcome.verdict, VERDICT_LIMIT_REACHED);
	assert_int_equal(play.outcome.order, first);
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_GRANTED);
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_LIMIT_REACHED);
	assert_stock(&play, "shoe", 0, 3 - 1);
	play_end(&play);
}

static void the_same_key_gets_the_same_order(void **state)
{
	struct play play = play_begin();
	play_create(&play,
	            (struct play_drop){.id = "shoe", .stock = 10, .limit = 1, .hold_seconds = 60, .sku_count = 2});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	assert_int_equal(play_claim(&play, "shoe", "ann", "k1"), VERDICT_GRANTED);
	uint64_t order = play.outcome.order;
	assert_int_equal(play_claim(&play, "shoe", "ann", "k1"), VERDICT_REPLAYED);
	assert_int_equal(play.outcome.order, order);
	assert_int_equal(play_claim(&play, "shoe", "bob", "k1"), VERDICT_GRANTED); /* the key is ann's own */
	struct command other = play_claim_command(&play, "shoe", "ann", "k1", 1, 1);
	play_apply(&play, &other);
	assert_int_equal(play.outcome.verdict, VERDICT_KEY_REUSED);
	play_on_drop(&play, COMMAND_DROP_CLOSE, "shoe");
	assert_int_equal(play_claim(&play, "shoe", "ann", "k1"),
	                 VERDICT_REPLAYED); /* whatever has become of the drop */
	assert_int_equal(play_cancel(&play, order), VERDICT_DONE);
	assert_int_equal(play_claim(&play, "shoe", "ann", "k1"), VERDICT_REPLAYED);
	assert_int_equal(play_claim(&play, "shoe", "ann", "k2"), VERDICT_CLOSED); /* refused keys are not remembered */
	play_end(&play);
}

static void checks_come_in_the_order_of_the_table(void **state)
{
	struct play play = play_begin();
	struct command claim = play_claim_command(&play, "none", "ann", "", 0, 0);
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_UNKNOWN_DROP);
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 0, .limit = 1});
	claim = play_claim_command(&play, "shoe", "ann", "", 7, 0);
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_UNKNOWN_SKU);
	claim = play_claim_command(&play, "shoe", "ann", "", 0, 0);
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_BAD_QUANTITY);
	claim = play_claim_command(&play, "shoe", "ann", "", 0, 2);
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_LIMIT_REACHED); /* before not_open, before sold_out */
	assert_int_equal(play.outcome.order, 0);
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_NOT_OPEN); /* before sold_out */
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_SOLD_OUT);
	play_on_drop(&play, COMMAND_DROP_PAUSE, "shoe");
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_PAUSED);
	play_on_drop(&play, COMMAND_DROP_CLOSE, "shoe");
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_CLOSED);
	play_end(&play);
}

static void a_claim_over_several_skus_is_all_or_nothing(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 2, .hold_seconds = 60, .sku_count = 3});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	struct command claim = play_claim_command(&play, "shoe", "ann", "", 0, 2);
	play_apply(&play, &claim); /* s0 is all held now */
	claim = play_claim_command(&play, "shoe", "bob", "", 1, 1);
	claim.claim.line_count = 3;
	claim.claim.line[1] = (struct claim_line){0, 1};
	claim.claim.line[2] = (struct claim_line){2, 3}; /* more than there is at all */
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_SOLD_OUT); /* sold out wins and names its SKU */
	assert_int_equal(play.outcome.sku, 2);
	claim.claim.line[2].quantity = 2;
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_ALL_HELD);
	assert_int_equal(play.outcome.sku, 0);
	assert_int_equal(play_sku(&play, "shoe", 1).held, 0);
	assert_int_equal(play_sku(&play, "shoe", 2).held, 0);
	claim.claim.line[1] = (struct claim_line){1, 1};
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_BAD_QUANTITY); /* a SKU twice */
	claim.claim.line_count = 2;
	claim.claim.line[1] = (struct claim_line){2, 2};
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_GRANTED);
	assert_int_equal(play_cancel(&play, play.outcome.order), VERDICT_DONE);
	assert_int_equal(play_sku(&play, "shoe", 1).held, 0);
	assert_int_equal(play_sku(&play, "shoe", 2).held, 0);
	play_end(&play);
}

static void opening_and_closing_are_comparisons(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){
			       .id = "shoe", .stock = 9, .opens_at = START_MS + 100, .closes_at = START_MS + 200});
	play.now = START_MS + 99;
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_NOT_OPEN);
	play.now = START_MS + 100;
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_GRANTED);
	play.now = START_MS + 199;
	assert_int_equal(play_claim(&play, "shoe", "bob", ""), VERDICT_GRANTED);
	play.now = START_MS + 200;
	assert_int_equal(play_claim(&play, "shoe", "cid", ""), VERDICT_CLOSED);
	play_end(&play);
}

static void a_hold_ends_at_its_deadline(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 1, .limit = 1, .hold_seconds = 10});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_GRANTED);
	uint64_t order = play.outcome.order;
	play.now += 9999;
	assert_int_equal(play_claim(&play, "shoe", "bob", ""), VERDICT_ALL_HELD);
	assert_int_equal(play_status(&play, order), ORDER_PENDING);
	play.now += 1; /* a confirmation in the very millisecond comes too late */
	assert_int_equal(play_status(&play, order), ORDER_EXPIRED);
	assert_int_equal(play_confirm(&play, order, "pay-1"), VERDICT_REFUND_DUE);
	assert_stock(&play, "shoe", 0, 0);
	assert_int_equal(play_cancel(&play, order), VERDICT_WRONG_STATE);
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_GRANTED); /* an expired order counts no more */
	assert_int_equal(play_confirm(&play, play.outcome.order, "pay-2"), VERDICT_DONE);
	assert_stock(&play, "shoe", 0, 1);
	play_end(&play);
}

static void confirmations_are_idempotent_by_reference(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 3, .hold_seconds = 10});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	play_claim(&play, "shoe", "ann", "");
	uint64_t order = play.outcome.order;
	assert_int_equal(play_confirm(&play, order, "pay-1"), VERDICT_DONE);
	assert_int_equal(play_confirm(&play, order, "pay-1"), VERDICT_SAME);
	assert_int_equal(play_confirm(&play, order, "pay-2"), VERDICT_REFUND_DUE);
	assert_int_equal(play_cancel(&play, order), VERDICT_WRONG_STATE);
	assert_int_equal(play_confirm(&play, 12345, "pay-1"), VERDICT_UNKNOWN_ORDER);
	play_claim(&play, "shoe", "bob", "");
	order = play.outcome.order;
	assert_int_equal(play_cancel(&play, order), VERDICT_DONE);
	assert_int_equal(play_cancel(&play, order), VERDICT_SAME);
	assert_int_equal(play_confirm(&play, order, "pay-3"), VERDICT_REFUND_DUE);
	assert_stock(&play, "shoe", 0, 1);
	play_end(&play);
}

static void restock_goes_up_and_down_to_what_is_taken(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 2, .hold_seconds = 10});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	play_claim(&play, "shoe", "ann", "");
	play_claim(&play, "shoe", "bob", "");
	assert_int_equal(play_claim(&play, "shoe", "cid", ""), VERDICT_ALL_HELD);
	struct command restock = {.kind = COMMAND_DROP_RESTOCK, .key = TEXT("r1"), .drop = {.drop = 0, .quantity = 1}};
	play_apply(&play, &restock);
	assert_int_equal(play.outcome.verdict, VERDICT_DONE);
	play_apply(&play, &restock);
	assert_int_equal(play.outcome.verdict, VERDICT_SAME); /* the same key adds once */
	restock.drop.quantity = 2;
	play_apply(&play, &restock);
	assert_int_equal(play.outcome.verdict, VERDICT_KEY_REUSED);
	assert_int_equal(play_sku(&play, "shoe", 0).stock, 3);
	assert_int_equal(play_claim(&play, "shoe", "cid", ""), VERDICT_GRANTED);
	restock =
	    (struct command){.kind = COMMAND_DROP_RESTOCK, .key = TEXT("r2"), .drop = {.drop = 0, .quantity = -1}};
	play_apply(&play, &restock);
	assert_int_equal(play.outcome.verdict, VERDICT_WRONG_STATE);
	play.now += 10000; /* all three are due: now there is something to take away */
	play_apply(&play, &restock);
	assert_int_equal(play.outcome.verdict, VERDICT_DONE);
	assert_int_equal(play_sku(&play, "shoe", 0).stock, 2);
	play_end(&play);
}

static void the_life_of_a_drop(void **state)
{
	struct play play = play_begin();
	assert_int_equal(play_create(&play, (struct play_drop){.id = "shoe", .stock = 2}), VERDICT_DONE);
	assert_int_equal(play_create(&play, (struct play_drop){.id = "shoe", .stock = 2}), VERDICT_SAME);
	assert_int_equal(play_create(&play, (struct play_drop){.id = "shoe", .stock = 3}), VERDICT_EXISTS);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_PAUSE, "shoe"), VERDICT_WRONG_STATE);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_OPEN, "shoe"), VERDICT_DONE);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_OPEN, "shoe"), VERDICT_SAME);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_PAUSE, "shoe"), VERDICT_DONE);
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_PAUSED);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_ARCHIVE, "shoe"), VERDICT_WRONG_STATE);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_RESUME, "shoe"), VERDICT_DONE);
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_GRANTED);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_CLOSE, "shoe"), VERDICT_DONE);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_OPEN, "shoe"), VERDICT_WRONG_STATE);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_ARCHIVE, "shoe"), VERDICT_DONE);
	assert_int_equal(play_on_drop(&play, COMMAND_DROP_ARCHIVE, "shoe"), VERDICT_SAME);
	assert_int_equal(core_order_count(play.core), 0); /* with the archive its orders left */
	assert_int_equal(play_create(&play, (struct play_drop){.id = "shoe", .stock = 3}),
	                 VERDICT_EXISTS); /* never again */
	play_end(&play);
}

static void ended_orders_leave_after_their_keep_time(void **state)
{
	struct play play = play_begin();
	play_create(&play,
	            (struct play_drop){.id = "shoe", .stock = 5, .limit = 1, .hold_seconds = 10, .keep_seconds = 60});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	play_claim(&play, "shoe", "ann", "k");
	uint64_t canceled = play.outcome.order;
	play_cancel(&play, canceled);
	play_claim(&play, "shoe", "bob", "k");
	uint64_t completed = play.outcome.order;
	play_confirm(&play, completed, "pay");
	play.now += 59999;
	play_tick(&play);
	assert_int_equal(play_status(&play, canceled), ORDER_CANCELED);
	play.now += 1;
	play_tick(&play);
	struct order_view view;
	assert_false(core_order_view(play.core, canceled, (struct wall_ms){play.now}, &view));
	assert_int_equal(play_status(&play, completed), ORDER_COMPLETED); /* it counts for the limit: it stays */
	assert_int_equal(play_claim(&play, "shoe", "bob", ""), VERDICT_LIMIT_REACHED);
	assert_int_equal(play_claim(&play, "shoe", "ann", "k"), VERDICT_GRANTED); /* forgotten here; the store knows */
	play_end(&play);
}

static void a_payment_for_an_order_that_has_left_is_recorded(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 5, .hold_seconds = 10, .keep_seconds = 60});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	play_claim(&play, "shoe", "ann", "");
	uint64_t order = play.outcome.order;
	play.now += 70000;
	play_tick(&play);
	struct command confirm = {.kind = COMMAND_CONFIRM, .order = {order, TEXT("pay-1"), LEFT_NOT}};
	play_apply(&play, &confirm);
	assert_int_equal(play.outcome.verdict, VERDICT_UNKNOWN_ORDER);
	confirm.order.left = LEFT_ENDED; /* the store knows it */
	struct outcome outcome;
	core_decide(play.core, (struct wall_ms){play.now}, &confirm, &outcome);
	assert_int_equal(outcome.verdict, VERDICT_REFUND_DUE);
	assert_false(outcome.certain); /* it is to be logged */
	play_apply(&play, &confirm);
	assert_int_equal(play.outcome.verdict, VERDICT_REFUND_DUE);
	confirm.order.left =
	    LEFT_UNPAID; /* sold at once, says the store: its first payment comes as it would have before */
	core_decide(play.core, (struct wall_ms){play.now}, &confirm, &outcome);
	assert_int_equal(outcome.verdict, VERDICT_DONE);
	assert_false(outcome.certain);
	play_apply(&play, &confirm);
	assert_int_equal(play.outcome.verdict, VERDICT_DONE);
	assert_int_equal(play.outcome.basis, play.sequence);
	confirm.order.order = play.sequence + 100; /* of the future: there can be no such order */
	play_apply(&play, &confirm);
	assert_int_equal(play.outcome.verdict, VERDICT_UNKNOWN_ORDER);
	play_end(&play);
}

static void a_buyer_has_a_bounded_number_of_orders(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 50, .limit = 1, .hold_seconds = 10});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	for (int i = 0; i < ORDERS_PER_BUYER_MAX; i++) {
		assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_GRANTED);
		play_cancel(&play, play.outcome.order);
	}
	assert_int_equal(play_claim(&play, "shoe", "ann", ""), VERDICT_TOO_MANY_ORDERS);
	assert_int_equal(play_claim(&play, "shoe", "bob", ""), VERDICT_GRANTED);
	play_create(&play, (struct play_drop){.id = "always", .stock = 2000});
	play_on_drop(&play, COMMAND_DROP_OPEN, "always");
	for (int i = 0; i < ORDERS_PER_BUYER_ALWAYS_ON_MAX; i++)
		assert_int_equal(play_claim(&play, "always", "ann", ""), VERDICT_GRANTED);
	assert_int_equal(play_claim(&play, "always", "ann", ""), VERDICT_TOO_MANY_ORDERS);
	play_end(&play);
}

static void expiry_is_bounded_and_a_short_claim_does_not_wait_for_its_turn(void **state)
{
	struct play play = play_begin();
	char buyer[16];
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 1000, .limit = 1, .hold_seconds = 10});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	for (int i = 0; i < 1000; i++) {
		snprintf(buyer, sizeof buyer, "b%d", i);
		assert_int_equal(play_claim(&play, "shoe", buyer, ""), VERDICT_GRANTED);
	}
	play.now += 10000;
	play_tick(&play);
	assert_stock(&play, "shoe", 1000 - EXPIRIES_PER_RECORD, 0);
	struct command claim = play_claim_command(&play, "shoe", "big", "", 0, 1);
	struct outcome outcome;
	core_decide(play.core, (struct wall_ms){play.now}, &claim, &outcome);
	assert_int_equal(outcome.verdict, VERDICT_GRANTED);
	play_on_drop(&play, COMMAND_DROP_PAUSE, "shoe"); /* 512 are gone */
	core_decide(play.core, (struct wall_ms){play.now}, &claim, &outcome);
	assert_int_equal(outcome.verdict, VERDICT_PAUSED);
	assert_false(outcome.certain); /* no refusal is certain while a hold is due */
	play_end(&play);
}

static void a_claim_short_of_units_expires_what_is_due(void **state)
{
	struct play play = play_begin();
	char buyer[16];
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 2000, .hold_seconds = 10});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	for (int i = 0; i < 2000; i++) {
		snprintf(buyer, sizeof buyer, "b%d", i);
		play_claim(&play, "shoe", buyer, "");
	}
	play.now += 10000;
	struct command claim = play_claim_command(&play, "shoe", "big", "", 0, 1500);
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_GRANTED);
	assert_stock(&play, "shoe", 500 + 1500, 0);
	play_end(&play);
}

/* The story: the bound was said to be met for certain at the very time when an order of the buyer's was to leave. */
static void room_that_comes_by_leaving_is_for_the_log_to_tell(void **state)
{
	struct play play = play_begin();
	struct outcome outcome;
	play_create(&play,
	            (struct play_drop){
			.id = "shoe", .stock = 50, .limit = 1, .hold_seconds = 10, .keep_seconds = KEEP_SECONDS_MIN});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	for (int i = 0; i < ORDERS_PER_BUYER_MAX; i++) {
		play_claim(&play, "shoe", "ann", "");
		play_cancel(&play, play.outcome.order);
	}
	int64_t leaves_at = play.now + (int64_t)KEEP_SECONDS_MIN * 1000;
	struct command claim = play_claim_command(&play, "shoe", "ann", "", 0, 1);
	claim.claim.latest = WALL_NEVER;
	core_decide(play.core, (struct wall_ms){leaves_at - 1}, &claim, &outcome);
	assert_int_equal(outcome.verdict, VERDICT_TOO_MANY_ORDERS);
	assert_true(outcome.certain);
	core_decide(play.core, (struct wall_ms){leaves_at}, &claim, &outcome);
	assert_false(outcome.certain);
	play.now = leaves_at;
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_GRANTED);
	play_end(&play);
}

static void a_late_claim_grants_nothing(void **state)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "shoe", .stock = 5});
	play_on_drop(&play, COMMAND_DROP_OPEN, "shoe");
	struct command claim = play_claim_command(&play, "shoe", "ann", "", 0, 1);
	play.now = claim.claim.latest.ms + 1;
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_LATE);
	play.now = claim.claim.latest.ms + 2;
	claim.claim.latest.ms = play.now;
	play_apply(&play, &claim);
	assert_int_equal(play.outcome.verdict, VERDICT_GRANTED);
	play_end(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_unit_is_sold_once),
	    cmocka_unit_test(a_buyer_has_at_most_the_limit),
	    cmocka_unit_test(the_same_key_gets_the_same_order),
	    cmocka_unit_test(checks_come_in_the_order_of_the_table),
	    cmocka_unit_test(a_claim_over_several_skus_is_all_or_nothing),
	    cmocka_unit_test(opening_and_closing_are_comparisons),
	    cmocka_unit_test(a_hold_ends_at_its_deadline),
	    cmocka_unit_test(confirmations_are_idempotent_by_reference),
	    cmocka_unit_test(restock_goes_up_and_down_to_what_is_taken),
	    cmocka_unit_test(the_life_of_a_drop),
	    cmocka_unit_test(ended_orders_leave_after_their_keep_time),
	    cmocka_unit_test(a_payment_for_an_order_that_has_left_is_recorded),
	    cmocka_unit_test(a_buyer_has_a_bounded_number_of_orders),
	    cmocka_unit_test(expiry_is_bounded_and_a_short_claim_does_not_wait_for_its_turn),
	    cmocka_unit_test(a_claim_short_of_units_expires_what_is_due),
	    cmocka_unit_test(room_that_comes_by_leaving_is_for_the_log_to_tell),
	    cmocka_unit_test(a_late_claim_grants_nothing),
	};
	return cmocka_run_group_tests_name("sale", tests, NULL, NULL);
}
