/* Orders and administration: confirm, cancel, read; drops and keys, once each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "play.h"

static uint64_t an_order(struct play *play, const char *drop, const char *buyer)
{
	struct ask *claim = play_claim(play, drop, buyer, NULL, 1);
	play_round(play);
	assert_int_equal(claim->answer.verdict, VERDICT_GRANTED);
	return claim->answer.order.sequence;
}

static enum verdict said(struct play *play, struct ask *ask)
{
	play_round(play);
	assert_true(play_has(play, ask));
	return ask->answer.verdict;
}

static void confirming_again_is_the_same_and_other_payments_are_due_back(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	uint64_t order = an_order(play, "shoes", "anna");
	assert_int_equal(said(play, play_of_order(play, ASK_CONFIRM, order)), VERDICT_DONE);
	uint32_t count = play->record_count;
	struct ask *again = play_of_order(play, ASK_CONFIRM, order);
	assert_int_equal(said(play, again), VERDICT_SAME);
	assert_true(again->answer.has_order);
	assert_int_equal(again->answer.order.status, ORDER_COMPLETED);
	assert_memory_equal(again->answer.order.buyer, "anna", 4); /* remembered: nobody said whose it is */
	assert_int_equal(play->record_count, count);
	struct ask *twice = play_of_order(play, ASK_CONFIRM, order);
	twice->payment_ref = TEXT("pay-2");
	assert_int_equal(said(play, twice), VERDICT_REFUND_DUE);
	assert_int_equal(play->record_count, count + 1); /* a payment that arrives is recorded */
	assert_int_equal(said(play, play_of_order(play, ASK_CANCEL, order)), VERDICT_WRONG_STATE);
	play_close(play);
}

static struct ask *pay(struct play *play, uint64_t order, const char *payment_ref)
{
	struct ask *ask = play_of_order(play, ASK_CONFIRM, order);
	ask->payment_ref = text_of(payment_ref);
	return ask;
}

/* Once, each repetition was a record, a row of the read model, and a refund of its own. */
static void a_payment_to_be_refunded_is_recorded_once(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	uint64_t ended = an_order(play, "shoes", "anna"), paid = an_order(play, "shoes", "bert");
	assert_int_equal(said(play, play_of_order(play, ASK_CANCEL, ended)), VERDICT_DONE);
	assert_int_equal(said(play, pay(play, paid, "pay-1")), VERDICT_DONE);
	play->hold_durable = true;
	struct ask *first = pay(play, ended, "pay-2");
	play_round(play);
	uint32_t count = play->record_count;
	struct ask *again = pay(play, ended, "pay-2");
	play_round(play);
	assert_false(play_has(play, first) || play_has(play, again)); /* both rest on the one record */
	play->hold_durable = false;
	play_round(play);
	assert_int_equal(first->answer.verdict, VERDICT_REFUND_DUE);
	assert_int_equal(again->answer.verdict, VERDICT_REFUND_DUE);
	assert_int_equal(again->answer.basis, first->answer.basis);
	assert_int_equal(again->answer.order.status, ORDER_CANCELED);
	assert_int_equal(play->record_count, count);
	/* another payment of it, and the same one of another order, are payments of their own */
	assert_int_equal(said(play, pay(play, ended, "pay-3")), VERDICT_REFUND_DUE);
	assert_int_equal(said(play, pay(play, paid, "pay-2")), VERDICT_REFUND_DUE);
	assert_int_equal(play->record_count, count + 2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(said(play, pay(play, ended, "pay-2")), VERDICT_REFUND_DUE);
		assert_int_equal(said(play, pay(play, ended, "pay-3")), VERDICT_REFUND_DUE);
		assert_int_equal(said(play, pay(play, paid, "pay-2")), VERDICT_REFUND_DUE);
		assert_int_equal(said(play, pay(play, paid, "pay-1")), VERDICT_SAME);
	}
	assert_int_equal(play->record_count, count + 2);
	play_restart(play);
	play_round(play);
	count = play->record_count;
	for (int i = 0; i < 3; i++) /* that is forgotten: once more */
		assert_int_equal(said(play, pay(play, ended, "pay-2")), VERDICT_REFUND_DUE);
	assert_int_equal(play->record_count, count + 1);
	play_close(play);
}

static void anothers_order_is_unknown(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	uint64_t order = an_order(play, "shoes", "anna");
	static const enum ask_kind kinds[] = {ASK_ORDER, ASK_CANCEL, ASK_CONFIRM};
	for (int i = 0; i < 3; i++) {
		struct ask *ask = play_of_order(play, kinds[i], order);
		ask->owner_only = true;
		ask->has_buyer = true;
		ask->buyer = TEXT("bert");
		assert_int_equal(said(play, ask), VERDICT_UNKNOWN_ORDER);
		assert_false(ask->answer.left);
		assert_false(ask->answer.has_order);
	}
	struct ask *nobody = play_of_order(play, ASK_ORDER, order);
	nobody->owner_only = true;
	assert_int_equal(said(play, nobody), VERDICT_UNKNOWN_ORDER);
	struct ask *own = play_of_order(play, ASK_CANCEL, order);
	own->owner_only = own->has_buyer = true;
	own->buyer = TEXT("anna");
	assert_int_equal(said(play, own), VERDICT_DONE);
	assert_int_equal(own->answer.order.status, ORDER_CANCELED);
	assert_int_equal(play_free_shown(play, "shoes"), 10);
	play_close(play);
}

static void an_order_that_is_not_there_may_have_left(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 1);
	uint64_t order = an_order(play, "shoes", "anna");
	struct ask *never = play_of_order(play, ASK_ORDER, order + 1000);
	assert_int_equal(said(play, never), VERDICT_UNKNOWN_ORDER);
	assert_false(never->answer.left);
	play->now.ms += 62000;
	play_round(play);
	struct ask *read = play_of_order(play, ASK_ORDER, order);
	struct ask *confirm = play_of_order(play, ASK_CONFIRM, order);
	play_round(play);
	assert_int_equal(read->answer.verdict, VERDICT_UNKNOWN_ORDER);
	assert_true(read->answer.left);
	assert_true(read->answer.basis >= play->durable - 1); /* the store is to be at least there */
	assert_int_equal(confirm->answer.verdict, VERDICT_UNKNOWN_ORDER);
	assert_true(confirm->answer.left);
	play_close(play);
}

static void a_reading_never_leaves_before_what_it_shows(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 10, 0, 600);
	uint64_t order = an_order(play, "shoes", "anna");
	play->hold_durable = true;
	struct ask *confirm = play_of_order(play, ASK_CONFIRM, order);
	play_round(play);
	struct ask *read = play_of_order(play, ASK_ORDER, order);
	play_round(play);
	assert_false(play_has(play, confirm));
	assert_false(play_has(play, read));
	play->hold_durable = false;
	assert_int_equal(said(play, read), VERDICT_FOUND);
	assert_int_equal(read->answer.order.status, ORDER_COMPLETED);
	play_close(play);
}

static struct ask *create(struct play *play, const struct drop_spec *spec)
{
	struct ask *ask = play_ask(play, ASK_DROP_CREATE);
	ask->spec = spec;
	return ask;
}

static void a_drop_is_created_once(void **state)
{
	struct play *play = play_open();
	struct sku_spec sku = {.id = TEXT("one"), .stock = 5};
	struct drop_spec spec = {.id = TEXT("shoes"),
	                         .limit_per_buyer = 1,
	                         .keep_seconds = 60,
	                         .opens_at = WALL_NEVER,
	                         .closes_at = {WALL_MAX_MS},
	                         .sku_count = 1,
	                         .skus = &sku};
	struct drop_spec other = spec;
	other.limit_per_buyer = 2;
	struct ask *first = create(play, &spec), *same = create(play, &spec), *differs = create(play, &other);
	play_round(play);
	assert_int_equal(first->answer.verdict, VERDICT_DONE);
	assert_int_equal(first->answer.drop, 0);
	assert_int_equal(same->answer.verdict, VERDICT_SAME);
	assert_int_equal(same->answer.drop, 0);
	assert_int_equal(differs->answer.verdict, VERDICT_EXISTS);
	assert_int_equal(play_count(play, COMMAND_DROP_CREATE), 1); /* one at a time: the others saw it */
	play_close(play);
}

/* A full pool met while folding stops the process; so two that each would fill it are not in flight together. */
static void the_last_place_for_a_drop_is_given_once(void **state)
{
	struct play *play = play_prepare();
	play->limits.drops = 1;
	play_begin(play);
	play_round(play);
	struct sku_spec sku = {.id = TEXT("one"), .stock = 5};
	struct drop_spec shoes = {.id = TEXT("shoes"),
	                          .limit_per_buyer = 1,
	                          .keep_seconds = KEEP_SECONDS_MIN,
	                          .opens_at = WALL_NEVER,
	                          .closes_at = {WALL_MAX_MS},
	                          .sku_count = 1,
	                          .skus = &sku};
	struct drop_spec hats = shoes;
	hats.id = TEXT("hats");
	struct ask *first = create(play, &shoes), *second = create(play, &hats);
	play_round(play);
	assert_int_equal(first->answer.verdict, VERDICT_DONE);
	assert_int_equal(second->answer.verdict, VERDICT_OVERLOADED);
	assert_string_equal(second->answer.setting, "drops-max");
	play_close(play);
}

static void a_restock_with_a_key_counts_once(void **state)
{
	struct play *play = play_open();
	play_drop(play, "shoes", 1, 0, 0);
	an_order(play, "shoes", "anna");
	struct ask *asks[3];
	for (int i = 0; i < 3; i++) {
		asks[i] = play_ask(play, ASK_DROP_RESTOCK);
		asks[i]->drop = TEXT("shoes");
		asks[i]->key = TEXT("r1");
		asks[i]->restock = i == 2 ? 7 : 5;
	}
	play_round(play);
	assert_int_equal(asks[0]->answer.verdict, VERDICT_DONE);
	assert_int_equal(asks[1]->answer.verdict, VERDICT_SAME);
	assert_int_equal(asks[2]->answer.verdict, VERDICT_KEY_REUSED);
	assert_int_equal(play_free_shown(play, "shoes"), 5);
	struct ask *down = play_ask(play, ASK_DROP_RESTOCK);
	down->drop = TEXT("shoes");
	down->key = TEXT("r2");
	down->restock = -6; /* one is sold */
	assert_int_equal(said(play, down), VERDICT_WRONG_STATE);
	struct ask *claim = play_claim(play, "shoes", "bert", NULL, 5);
	assert_int_equal(said(play, claim), VERDICT_GRANTED);
	play_close(play);
}

static void unknown_things_are_unknown(void **state)
{
	struct play *play = play_open();
	struct ask *pause = play_ask(play, ASK_DROP_PAUSE);
	pause->drop = TEXT("hats");
	struct ask *revoke = play_ask(play, ASK_KEY_REVOKE);
	revoke->key_id = TEXT("k_9");
	struct ask *rules = play_ask(play, ASK_RULES);
	rules->rules_number = RULES_KNOWN;
	uint32_t count = play->record_count;
	play_round(play);
	assert_int_equal(pause->answer.verdict, VERDICT_UNKNOWN_DROP);
	assert_int_equal(revoke->answer.verdict, VERDICT_UNKNOWN_KEY);
	assert_int_equal(rules->answer.verdict, VERDICT_FORBIDDEN_RULES);
	assert_int_equal(play->record_count, count);
	play_close(play);
}

/* A catalogue is one record of megabytes; asks around it go on, in the next step if they must. */
static void a_catalogue_is_one_record(void **state)
{
	static struct sku_spec skus[SKUS_ALWAYS_ON_MAX];
	static char ids[SKUS_ALWAYS_ON_MAX][12];
	struct play *play = play_prepare();
	play->limits.skus = SKUS_ALWAYS_ON_MAX + 1;
	play_begin(play);
	play_round(play);
	play_drop(play, "shoes", 10, 0, 600);
	for (uint32_t i = 0; i < SKUS_ALWAYS_ON_MAX; i++) {
		uint32_t digits = i;
		for (int d = 0; d < 11; d++, digits /= 10)
			ids[i][d] = (char)('0' + digits % 10);
		skus[i] = (struct sku_spec){.id = {ids[i], 11}, .stock = i};
	}
	struct drop_spec spec = {.id = TEXT("goods"),
	                         .keep_seconds = KEEP_SECONDS_MIN,
	                         .opens_at = WALL_NEVER,
	                         .closes_at = WALL_NEVER,
	                         .sku_count = SKUS_ALWAYS_ON_MAX,
	                         .skus = skus};
	struct ask *before = play_claim(play, "shoes", "anna", NULL, 1);
	struct ask *goods = create(play, &spec);
	struct ask *after = play_claim(play, "shoes", "bert", NULL, 1);
	play_round(play);
	assert_int_equal(before->answer.verdict, VERDICT_GRANTED);
	assert_int_equal(goods->answer.verdict, VERDICT_DONE);
	assert_int_equal(after->answer.verdict, VERDICT_GRANTED);
	struct drop_view view;
	static struct sku_view sku[SKUS_ALWAYS_ON_MAX];
	assert_true(views_drop(play->views, 1, play->now, &view, 0, SKUS_ALWAYS_ON_MAX, sku));
	assert_true(view.always_on);
	for (uint32_t i = 0; i < SKUS_ALWAYS_ON_MAX; i++)
		assert_int_equal(sku[i].stock, i);
	play_close(play);
}

static struct drop_spec of_sizes(const char *id, const struct sku_spec *skus, uint32_t count)
{
	return (struct drop_spec){.id = text_of(id),
	                          .limit_per_buyer = 1,
	                          .keep_seconds = KEEP_SECONDS_MIN,
	                          .opens_at = WALL_NEVER,
	                          .closes_at = {WALL_MAX_MS},
	                          .sku_count = count,
	                          .skus = skus};
}

static uint32_t last_size(const struct play *play)
{
	return (uint32_t)play->records[play->record_count - 1].size;
}

/* Once, the log refused it, and with it all that came behind it in the same step; its asker heard "overloaded", and was
 * to ask again. */
static void what_is_too_large_for_the_log_is_refused_alone_and_before_it(void **state)
{
	struct sku_spec skus[3] = {{.id = TEXT("s")}, {.id = TEXT("m")}, {.id = TEXT("l")}};
	struct drop_spec shoes = of_sizes("shoes", skus, 2), longer = of_sizes("shoes2", skus, 2);
	struct drop_spec hats = of_sizes("hats", skus, 3);
	struct play *play = play_open();
	assert_int_equal(said(play, create(play, &shoes)), VERDICT_DONE);
	uint32_t size = last_size(play);
	play_close(play);

	play = play_prepare();
	play->options.record_size_max = size;
	play_begin(play);
	play_round(play);
	struct ask *larger = create(play, &hats), *just = create(play, &shoes), *by_one = create(play, &longer);
	play_round(play);
	assert_int_equal(larger->answer.verdict, VERDICT_TOO_LARGE);
	assert_int_equal(larger->answer.record_size_max, size);
	assert_int_equal(just->answer.verdict, VERDICT_DONE);
	assert_int_equal(by_one->answer.verdict, VERDICT_TOO_LARGE);
	assert_int_equal(play_count(play, COMMAND_DROP_CREATE), 1);
	assert_true(ledger_is_idle(play->ledger));
	assert_int_equal(ledger_waiting(play->ledger), 0);
	play_close(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(confirming_again_is_the_same_and_other_payments_are_due_back),
	    cmocka_unit_test(a_payment_to_be_refunded_is_recorded_once),
	    cmocka_unit_test(anothers_order_is_unknown),
	    cmocka_unit_test(an_order_that_is_not_there_may_have_left),
	    cmocka_unit_test(a_reading_never_leaves_before_what_it_shows),
	    cmocka_unit_test(a_drop_is_created_once),
	    cmocka_unit_test(the_last_place_for_a_drop_is_given_once),
	    cmocka_unit_test(a_restock_with_a_key_counts_once),
	    cmocka_unit_test(unknown_things_are_unknown),
	    cmocka_unit_test(a_catalogue_is_one_record),
	    cmocka_unit_test(what_is_too_large_for_the_log_is_refused_alone_and_before_it),
	};
	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
