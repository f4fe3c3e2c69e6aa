/* The check of the promises can fail: one number of a sound sale is made wrong, and it says which promise is broken. */
#include "play.h"

#include "core/state.h"

/* Ann and Bob hold one each, Cid has bought one, in one drop; another drop has one hold of Ann's. */
static struct play sale(void)
{
	struct play play = play_begin();
	play_create(&play, (struct play_drop){.id = "d", .stock = 10, .limit = 3, .hold_seconds = 60});
	play_create(&play, (struct play_drop){.id = "other", .stock = 10, .hold_seconds = 60});
	play_on_drop(&play, COMMAND_DROP_OPEN, "d");
	play_on_drop(&play, COMMAND_DROP_OPEN, "other");
	play_claim(&play, "other", "ann", "");
	play_claim(&play, "d", "cid", "");
	play_confirm(&play, play.sequence, "pay-1");
	play_claim(&play, "d", "ann", "");
	play_claim(&play, "d", "bob", "");
	struct error error;
	assert_int_equal(core_check(play.core, &error), 0);
	assert_int_equal(core_check_step(play.core, &error), 0);
	return play;
}

static struct order *order_of(struct play *play, const char *drop, const char *buyer)
{
	uint32_t index =
	    order_newest_of(play->core, play_drop_number(play, drop), core_digest(play->core, text_of(buyer)));
	assert_int_not_equal(index, NO_ORDER);
	return &play->core->orders[index];
}

static struct sku *sku_of(struct play *play, const char *drop)
{
	return &play->core->skus[play->core->drops[play_drop_number(play, drop)].first_sku];
}

static uint32_t index_of(const struct play *play, const struct order *order)
{
	return (uint32_t)(order - play->core->orders);
}

/* It is seen, by this name and in these words; the play is over. */
static void assert_seen(struct play *play, int (*check)(const struct core *core, struct error *error),
                        const char *promise, const char *what)
{
	struct error error = {0};
	assert_int_equal(check(play->core, &error), FAULT_DAMAGED);
	if (!strstr(error.text, promise) || !strstr(error.text, what))
		fail_msg("%s, %s: it said %s", promise, what, error.text);
	core_free(play->core);
}

static void more_units_than_stock_are_seen(void **state)
{
	struct play play = sale();
	sku_of(&play, "d")->stock = 2;
	assert_seen(&play, core_check, "P1", "more than the stock");
	play = sale();
	sku_of(&play, "d")->stock = 2;
	assert_seen(&play, core_check_step, "P1", "more than the stock");
}

static void more_that_left_than_was_sold_is_seen(void **state)
{
	struct play play = sale();
	sku_of(&play, "d")->sold_left = 2;
	assert_seen(&play, core_check, "P5", "have left");
}

static void units_that_nobody_holds_are_seen(void **state)
{
	struct play play = sale();
	sku_of(&play, "d")->held++;
	assert_seen(&play, core_check, "P5", "held units");
	play = sale();
	sku_of(&play, "d")->sold++;
	assert_seen(&play, core_check, "P5", "sold units");
}

static void a_buyer_above_the_limit_is_seen(void **state)
{
	struct play play = sale();
	play_claim(&play, "d", "bob", "");
	play.core->drops[play_drop_number(&play, "d")].limit = 1;
	assert_seen(&play, core_check, "P2", "more than the limit");
	play = sale();
	play_claim(&play, "d", "bob", "");
	play.core->drops[play_drop_number(&play, "d")].limit = 1;
	assert_seen(&play, core_check_step, "P2", "more than the limit");
}

/* Until it had its turn, a due hold may stand beside its buyer's next claim. */
static void a_due_hold_beside_the_next_is_no_fault(void **state)
{
	struct play play = sale();
	struct error error;
	play_claim(&play, "d", "bob", "");
	play.core->drops[play_drop_number(&play, "d")].limit = 1;
	play.core->heart.time += 60000;
	assert_int_equal(core_check(play.core, &error), 0);
	core_free(play.core);
}

static void a_later_grant_with_an_earlier_place_is_seen(void **state)
{
	struct play play = sale();
	play_claim(&play, "d", "bob", "");
	order_of(&play, "d", "bob")->position = 1;
	assert_seen(&play, core_check, "P7", "earlier position");
	play = sale();
	play_claim(&play, "d", "bob", "");
	struct order *newest = order_of(&play, "d", "bob");
	play.core->orders[newest->next_of_buyer].sequence = newest->sequence + 1;
	assert_seen(&play, core_check_step, "P7", "earlier position");
}

static void an_order_that_is_not_found_is_seen(void **state)
{
	struct play play = sale();
	order_of(&play, "d", "cid")->sequence = 1;
	assert_seen(&play, core_check, "P4", "not found by its number");
}

static void counts_that_are_wrong_are_seen(void **state)
{
	struct play play = sale();
	play.core->heart.order_count++;
	assert_seen(&play, core_check, "P5", "do not add up");
	play = sale();
	play.core->heart.pending_count--;
	assert_seen(&play, core_check, "P5", "do not add up");
}

static void a_list_of_holds_out_of_order_is_seen(void **state)
{
	struct play play = sale();
	struct order *ann = order_of(&play, "d", "ann"), *bob = order_of(&play, "d", "bob");
	struct drop *drop = &play.core->drops[play_drop_number(&play, "d")];
	drop->pending = (struct list){index_of(&play, bob), index_of(&play, ann)};
	bob->next_in_list = index_of(&play, ann);
	ann->next_in_list = NO_ORDER;
	assert_seen(&play, core_check, "P5", "out of order");
	play = sale(); /* what is sold is on it */
	drop = &play.core->drops[play_drop_number(&play, "d")];
	drop->pending.first = index_of(&play, order_of(&play, "d", "cid"));
	assert_seen(&play, core_check, "P5", "out of order");
	play = sale(); /* another drop's hold is on it */
	drop = &play.core->drops[play_drop_number(&play, "d")];
	drop->pending.first = index_of(&play, order_of(&play, "other", "ann"));
	assert_seen(&play, core_check, "P5", "out of order");
}

static void a_hold_missing_from_its_list_is_seen(void **state)
{
	struct play play = sale();
	order_of(&play, "d", "ann")->next_in_list = NO_ORDER;
	assert_seen(&play, core_check, "P5", "missing from their list");
}

/* More orders than any buyer may have, of many buyers, linked as if they were one's. */
static void a_buyer_with_too_many_orders_is_seen(void **state)
{
	struct play play = play_begin();
	char buyer[16];
	play_create(&play, (struct play_drop){.id = "d", .stock = 5000});
	play_on_drop(&play, COMMAND_DROP_OPEN, "d");
	for (int i = 0; i <= ORDERS_PER_BUYER_ALWAYS_ON_MAX; i++) {
		snprintf(buyer, sizeof buyer, "b%d", i);
		play_claim(&play, "d", buyer, "");
		struct order *order = order_of(&play, "d", buyer);
		if (i)
			order->next_of_buyer = index_of(&play, order) - 1;
	}
	assert_seen(&play, core_check, "the bound on a buyer's orders", "more orders than one may have");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(more_units_than_stock_are_seen),
	    cmocka_unit_test(more_that_left_than_was_sold_is_seen),
	    cmocka_unit_test(units_that_nobody_holds_are_seen),
	    cmocka_unit_test(a_buyer_above_the_limit_is_seen),
	    cmocka_unit_test(a_due_hold_beside_the_next_is_no_fault),
	    cmocka_unit_test(a_later_grant_with_an_earlier_place_is_seen),
	    cmocka_unit_test(an_order_that_is_not_found_is_seen),
	    cmocka_unit_test(counts_that_are_wrong_are_seen),
	    cmocka_unit_test(a_list_of_holds_out_of_order_is_seen),
	    cmocka_unit_test(a_hold_missing_from_its_list_is_seen),
	    cmocka_unit_test(a_buyer_with_too_many_orders_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
