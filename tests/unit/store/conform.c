#include "conform.h"

static struct store *open_with_two_drops(conform_open_fn *open_empty)
{
	struct store *store = open_empty();
	begin(store);
	put_drop(store, 0, "tickets");
	put_drop(store, 1, "sneakers");
	commit(store, 3);
	return store;
}

/* Five orders, of two drops, by two buyers, in all four states. */
static struct store *open_with_five_orders(conform_open_fn *open_empty)
{
	struct store *store = open_with_two_drops(open_empty);
	begin(store);
	put_order(store, 4, 0, "ann", "a1");
	put_order(store, 5, 1, "ann", "a2");
	put_order(store, 6, 0, "bob", "b1");
	put_order(store, 7, 0, "ann", "a3");
	put_order(store, 8, 1, "bob", "b2");
	end_order(store, 5, ORDER_COMPLETED, "pay-5");
	end_order(store, 6, ORDER_CANCELED, "");
	end_order(store, 7, ORDER_EXPIRED, "");
	commit(store, 12);
	return store;
}

static conform_open_fn *fresh(void **state)
{
	return **(conform_open_fn ***)state;
}

static void a_new_store_is_empty(void **state)
{
	struct store *store = fresh(state)();
	struct error error;
	uint64_t hash = 1;
	assert_int_equal(position_of(store), 0);
	must_do(store->ops->mark(store, STORE_MARK_HASH, &hash, &error), &error);
	assert_int_equal(hash, 0);
	assert_page(store, (struct store_page){.status = -1}, "");
	assert_page(store, (struct store_page){.drop = TEXT("tickets"), .status = -1}, "");
	store->ops->close(store);
}

static void rows_and_position_are_one_transaction(void **state)
{
	struct store *store = open_with_two_drops(fresh(state));
	struct error error;
	begin(store);
	put_order(store, 4, 0, "ann", "a1");
	must_do(store->ops->put_mark(store, STORE_MARK_HASH, 77, &error), &error);
	store->ops->rollback(store);
	uint64_t hash = 1;
	must_do(store->ops->mark(store, STORE_MARK_HASH, &hash, &error), &error);
	assert_int_equal(hash, 0);
	assert_int_equal(position_of(store), 3);
	assert_page(store, (struct store_page){.status = -1}, "");
	assert_page(store, (struct store_page){.buyer = TEXT("ann"), .status = -1}, "");

	begin(store);
	put_order(store, 4, 0, "ann", "a1");
	must_do(store->ops->put_mark(store, STORE_MARK_HASH, UINT64_MAX - 1, &error), &error);
	commit(store, 4);
	must_do(store->ops->mark(store, STORE_MARK_HASH, &hash, &error), &error);
	assert_true(hash == UINT64_MAX - 1);
	assert_int_equal(position_of(store), 4);
	assert_page(store, (struct store_page){.buyer = TEXT("ann"), .status = -1}, "4");
	store->ops->close(store);
}

struct seen {
	int count;
	struct store_order order;
	char texts[6][80];
};

static void keep_text(char *at, struct text text)
{
	assert_true(text.size < 80);
	snprintf(at, 80, "%.*s", (int)text.size, text.at ? text.at : "");
}

static void see(void *context, const struct store_order *order)
{
	struct seen *seen = context;
	seen->count++;
	seen->order = *order;
	keep_text(seen->texts[0], order->drop_id);
	keep_text(seen->texts[1], order->buyer);
	keep_text(seen->texts[2], order->key);
	keep_text(seen->texts[3], order->payment_ref);
	keep_text(seen->texts[4], order->line[0].sku);
	keep_text(seen->texts[5], order->line[order->line_count - 1].sku);
}

static void an_order_comes_back_as_it_was_put(void **state)
{
	struct store *store = open_with_two_drops(fresh(state));
	struct seen seen = {0};
	struct error error;
	struct store_order order = an_order(UINT64_C(72057594037927935), 1, "ann", "a1");
	order.position = UINT32_MAX;
	order.created_at = (struct wall_ms){WALL_MAX_MS};
	order.line_count = LINES_MAX;
	for (uint32_t i = 0; i < LINES_MAX; i++) {
		order.line[i].sku = TEXT("seat.row-17_a");
		order.line[i].quantity = QUANTITY_MAX - i;
	}
	begin(store);
	must_do(store->ops->put_order(store, &order, &error), &error);
	commit(store, order.sequence);
	assert_int_equal(store->ops->order(store, order.sequence, see, &seen, &error), 1);
	assert_int_equal(seen.count, 1);
	assert_true(seen.order.sequence == order.sequence);
	assert_int_equal(seen.order.drop, 1);
	assert_int_equal(seen.order.status, ORDER_PENDING);
	assert_int_equal(seen.order.position, UINT32_MAX);
	assert_int_equal(seen.order.created_at.ms, WALL_MAX_MS);
	assert_int_equal(seen.order.hold_until.ms, order.hold_until.ms);
	assert_int_equal(seen.order.ended_at.ms, WALL_NEVER.ms);
	assert_int_equal(seen.order.line_count, LINES_MAX);
	assert_int_equal(seen.order.line[0].quantity, QUANTITY_MAX);
	assert_int_equal(seen.order.line[LINES_MAX - 1].quantity, QUANTITY_MAX - (LINES_MAX - 1));
	assert_string_equal(seen.texts[0], "sneakers");
	assert_string_equal(seen.texts[1], "ann");
	assert_string_equal(seen.texts[2], "a1");
	assert_string_equal(seen.texts[3], "");
	assert_string_equal(seen.texts[5], "seat.row-17_a");
	assert_int_equal(store->ops->order(store, 4, see, &seen, &error), 0);
	assert_int_equal(seen.count, 1);
	store->ops->close(store);
}

static void an_order_ends(void **state)
{
	struct store *store = open_with_five_orders(fresh(state));
	struct seen seen = {0};
	struct error error;
	assert_int_equal(store->ops->order(store, 5, see, &seen, &error), 1);
	assert_int_equal(seen.order.status, ORDER_COMPLETED);
	assert_int_equal(seen.order.ended_at.ms, MONDAY_MS + 1000);
	assert_string_equal(seen.texts[3], "pay-5");
	begin(store);
	end_order(store, 5, ORDER_COMPLETED, ""); /* no payment: the one that is there stays */
	commit(store, 13);
	assert_int_equal(store->ops->order(store, 5, see, &seen, &error), 1);
	assert_string_equal(seen.texts[3], "pay-5");
	store->ops->close(store);
}

static void an_end_without_its_order_is_damage(void **state)
{
	struct store *store = open_with_two_drops(fresh(state));
	struct error error = {0};
	begin(store);
	assert_int_equal(store->ops->end_order(store, 99, ORDER_EXPIRED, (struct wall_ms){1}, TEXT_NONE, &error),
	                 FAULT_DAMAGED);
	assert_non_null(strstr(error.text, "99"));
	store->ops->rollback(store);
	store->ops->close(store);
}

static void an_order_that_is_there_already_is_damage(void **state)
{
	struct store *store = open_with_five_orders(fresh(state));
	struct store_order again = an_order(4, 0, "ann", "a1");
	struct error error = {0};
	begin(store);
	assert_int_equal(store->ops->put_order(store, &again, &error), FAULT_DAMAGED);
	store->ops->rollback(store);
	assert_page(store, (struct store_page){.status = -1}, "8 7 6 5 4");
	store->ops->close(store);
}

static void pages_by_every_combination(void **state)
{
	struct store *store = open_with_five_orders(fresh(state));
	struct text tickets = TEXT("tickets"), sneakers = TEXT("sneakers"), ann = TEXT("ann"), bob = TEXT("bob");
	assert_page(store, (struct store_page){.status = -1}, "8 7 6 5 4");
	assert_page(store, (struct store_page){.drop = tickets, .status = -1}, "7 6 4");
	assert_page(store, (struct store_page){.drop = sneakers, .status = -1}, "8 5");
	assert_page(store, (struct store_page){.status = ORDER_PENDING}, "8 4");
	assert_page(store, (struct store_page){.drop = tickets, .status = ORDER_PENDING}, "4");
	assert_page(store, (struct store_page){.drop = sneakers, .status = ORDER_COMPLETED}, "5");
	assert_page(store, (struct store_page){.drop = sneakers, .status = ORDER_CANCELED}, "");
	assert_page(store, (struct store_page){.buyer = ann, .status = -1}, "7 5 4");
	assert_page(store, (struct store_page){.buyer = ann, .status = ORDER_EXPIRED}, "7");
	assert_page(store, (struct store_page){.drop = tickets, .buyer = ann, .status = -1}, "7 4");
	assert_page(store, (struct store_page){.drop = tickets, .buyer = ann, .status = ORDER_PENDING}, "4");
	assert_page(store, (struct store_page){.drop = tickets, .buyer = bob, .status = ORDER_CANCELED}, "6");
	assert_page(store, (struct store_page){.drop = TEXT("nothing"), .status = -1}, "");
	assert_page(store, (struct store_page){.buyer = TEXT("nobody"), .status = -1}, "");
	store->ops->close(store);
}

static void a_page_goes_on_where_the_last_one_ended(void **state)
{
	struct store *store = open_with_five_orders(fresh(state));
	struct text tickets = TEXT("tickets"), ann = TEXT("ann");
	assert_page(store, (struct store_page){.status = -1, .limit = 2}, "8 7");
	assert_page(store, (struct store_page){.status = -1, .limit = 2, .before = 7}, "6 5");
	assert_page(store, (struct store_page){.status = -1, .limit = 2, .before = 5}, "4");
	assert_page(store, (struct store_page){.status = -1, .limit = 2, .before = 4}, "");
	assert_page(store, (struct store_page){.status = -1, .before = UINT64_MAX}, "8 7 6 5 4");
	assert_page(store, (struct store_page){.drop = tickets, .status = -1, .limit = 1, .before = 7}, "6");
	assert_page(store, (struct store_page){.drop = tickets, .status = ORDER_EXPIRED, .before = 7}, "");
	assert_page(store, (struct store_page){.status = ORDER_PENDING, .before = 8}, "4");
	assert_page(store, (struct store_page){.buyer = ann, .status = -1, .limit = 1, .before = 7}, "5");
	assert_page(store, (struct store_page){.drop = tickets, .buyer = ann, .status = -1, .before = 7}, "4");
	store->ops->close(store);
}

static void count_one(void *context, const struct store_order *order)
{
	++*(int *)context;
}

static void a_page_is_never_longer_than_its_bound(void **state)
{
	struct store *store = open_with_two_drops(fresh(state));
	struct error error;
	int count = 0;
	begin(store);
	for (uint64_t i = 0; i < STORE_PAGE_MAX + 1; i++)
		put_order(store, 10 + i, 0, "ann", "k");
	commit(store, 10 + STORE_PAGE_MAX);
	struct store_page page = {.drop = TEXT("tickets"), .status = -1, .limit = UINT32_MAX};
	assert_int_equal(store->ops->orders(store, &page, count_one, &count, &error), STORE_PAGE_MAX);
	assert_int_equal(count, STORE_PAGE_MAX);
	page.limit = STORE_PAGE_MAX - 1;
	assert_int_equal(store->ops->orders(store, &page, count_one, &count, &error), STORE_PAGE_MAX - 1);
	store->ops->close(store);
}

static void a_key_finds_its_order(void **state)
{
	struct store *store = open_with_five_orders(fresh(state));
	struct seen seen = {0};
	struct error error;
	struct text tickets = TEXT("tickets"), ann = TEXT("ann");
	assert_int_equal(store->ops->order_by_key(store, tickets, ann, TEXT("a3"), see, &seen, &error), 1);
	assert_int_equal(seen.order.sequence, 7);
	assert_int_equal(store->ops->order_by_key(store, tickets, ann, TEXT("a2"), see, &seen, &error), 0);
	assert_int_equal(store->ops->order_by_key(store, tickets, TEXT("bob"), TEXT("a3"), see, &seen, &error), 0);
	assert_int_equal(store->ops->order_by_key(store, TEXT("none"), ann, TEXT("a3"), see, &seen, &error), 0);
	begin(store);
	put_order(store, 20, 0, "ann", "");
	commit(store, 20);
	assert_int_equal(store->ops->order_by_key(store, tickets, ann, TEXT(""), see, &seen, &error), 0);
	assert_int_equal(seen.count, 1);
	store->ops->close(store);
}

/* Both have the CRC32C 0x220413be (found by trying): an adapter that finds buyers by it must compare the texts. */
static void two_buyers_with_one_hash_stay_two(void **state)
{
	struct store *store = open_with_two_drops(fresh(state));
	begin(store);
	put_order(store, 4, 0, "buyer-259214b786", "k1");
	put_order(store, 5, 0, "buyer-a60ac2d3a3", "k1");
	commit(store, 5);
	assert_page(store, (struct store_page){.buyer = TEXT("buyer-259214b786"), .status = -1}, "4");
	assert_page(store, (struct store_page){.buyer = TEXT("buyer-a60ac2d3a3"), .status = -1}, "5");
	store->ops->close(store);
}

/* ---- statistics ---- */

struct series {
	char text[1024];
	size_t size;
};

static void add_to_series(void *context, const struct store_second *second)
{
	struct series *series = context;
	series->size += (size_t)snprintf(series->text + series->size, sizeof series->text - series->size,
	                                 "%lld: %llu %llu %llu %llu", (long long)second->second,
	                                 (unsigned long long)second->granted, (unsigned long long)second->completed,
	                                 (unsigned long long)second->canceled, (unsigned long long)second->expired);
	for (uint32_t i = 0; i < second->refusal_count; i++)
		series->size +=
		    (size_t)snprintf(series->text + series->size, sizeof series->text - series->size, " %u*%llu",
		                     second->refusal[i].verdict, (unsigned long long)second->refusal[i].count);
	series->size += (size_t)snprintf(series->text + series->size, sizeof series->text - series->size, "\n");
}

static void add_second(struct store *store, struct store_second second)
{
	struct error error;
	must_do(store->ops->add_second(store, &second, &error), &error);
}

static void assert_series(struct store *store, const char *drop, int64_t from, uint32_t limit, const char *expected)
{
	struct series series = {0};
	struct error error;
	must_do(store->ops->seconds(store, text_of(drop), from, limit, add_to_series, &series, &error), &error);
	assert_string_equal(series.text, expected);
}

static void seconds_add_up(void **state)
{
	struct store *store = open_with_two_drops(fresh(state));
	begin(store);
	add_second(store, (struct store_second){.drop = 0,
	                                        .second = 100,
	                                        .granted = 5,
	                                        .refusal_count = 2,
	                                        .refusal = {{VERDICT_SOLD_OUT, 40}, {VERDICT_ALL_HELD, 2}}});
	add_second(store, (struct store_second){.drop = 0, .second = 102, .completed = 3, .expired = 1});
	add_second(store, (struct store_second){.drop = 1, .second = 100, .canceled = 9});
	commit(store, 10);
	begin(store);
	add_second(store,
	           (struct store_second){
		       .drop = 0, .second = 100, .granted = 1, .refusal_count = 1, .refusal = {{VERDICT_SOLD_OUT, 1}}});
	commit(store, 11);
	assert_series(store, "tickets", 0, 100, "100: 6 0 0 0 13*2 14*41\n102: 0 3 0 1\n");
	assert_series(store, "tickets", 101, 100, "102: 0 3 0 1\n");
	assert_series(store, "tickets", 0, 1, "100: 6 0 0 0 13*2 14*41\n");
	assert_series(store, "sneakers", 0, 100, "100: 0 0 9 0\n");
	assert_series(store, "nothing", 0, 100, "");
	store->ops->close(store);
}

static void add_refund(void *context, const struct store_refund *refund)
{
	struct series *series = context;
	series->size += (size_t)snprintf(series->text + series->size, sizeof series->text - series->size,
	                                 "%llu of %llu: %.*s at %lld\n", (unsigned long long)refund->sequence,
	                                 (unsigned long long)refund->order, (int)refund->payment_ref.size,
	                                 refund->payment_ref.at, (long long)refund->time.ms);
}

static void refunds_stand_beside_their_order(void **state)
{
	struct store *store = open_with_five_orders(fresh(state));
	struct series series = {0};
	struct error error;
	begin(store);
	must_do(store->ops->put_refund(store, &(struct store_refund){21, 7, TEXT("pay-a"), {900}}, &error), &error);
	must_do(store->ops->put_refund(store, &(struct store_refund){20, 7, TEXT("pay-b"), {800}}, &error), &error);
	must_do(store->ops->put_refund(store, &(struct store_refund){22, 6, TEXT("pay-c"), {950}}, &error), &error);
	must_do(store->ops->put_refund(store, &(struct store_refund){23, 7, TEXT("pay-a"), {990}}, &error), &error);
	commit(store, 23);
	/* A payment that its provider repeats was three refunds once. */
	assert_int_equal(store->ops->refunds(store, 7, add_refund, &series, &error), 2);
	assert_string_equal(series.text, "21 of 7: pay-a at 900\n20 of 7: pay-b at 800\n");
	assert_int_equal(store->ops->refunds(store, 4, add_refund, &series, &error), 0);
	store->ops->close(store);
}

static void keep_payment(void *context, const struct store_order *order)
{
	snprintf(context, 16, "%.*s %lld", (int)order->payment_ref.size, order->payment_ref.at,
	         (long long)order->ended_at.ms);
}

static void put_payment(struct store *store, uint64_t sequence, uint64_t order, const char *payment_ref)
{
	struct error error;
	const struct store_refund payment = {sequence, order, text_of(payment_ref), {900}};
	must_do(store->ops->put_payment(store, &payment, &error), &error);
}

/* The log's order tells which of them was first; an order that a rebuilt store does not have is no damage. */
static void the_first_payment_is_the_orders_and_another_is_a_refund(void **state)
{
	struct store *store = open_with_five_orders(fresh(state));
	struct series series = {0};
	struct error error;
	char before[16] = "", after[16] = "";
	assert_int_equal(store->ops->order(store, 7, keep_payment, before, &error), 1);
	begin(store);
	put_payment(store, 20, 7, "a");
	put_payment(store, 21, 7, "b");
	put_payment(store, 22, 7, "a");
	put_payment(store, 23, 7, "b");
	put_payment(store, 24, 99, "c");
	commit(store, 24);
	assert_int_equal(store->ops->order(store, 7, keep_payment, after, &error), 1);
	assert_string_equal(before, after + 1); /* nothing else of it has changed */
	assert_int_equal(after[0], 'a');
	assert_int_equal(store->ops->refunds(store, 7, add_refund, &series, &error), 1);
	assert_string_equal(series.text, "21 of 7: b at 900\n");
	assert_int_equal(store->ops->refunds(store, 99, add_refund, &series, &error), 0);
	store->ops->close(store);
}

static void a_renewed_store_is_empty_and_goes_on(void **state)
{
	struct store *store = open_with_five_orders(fresh(state));
	struct error error;
	must_do(store->ops->renew(store, false, &error), &error);
	assert_int_equal(position_of(store), 0);
	assert_page(store, (struct store_page){.status = -1}, "");
	begin(store);
	put_drop(store, 0, "tickets");
	put_order(store, 4, 0, "ann", "a1");
	commit(store, 4);
	assert_page(store, (struct store_page){.drop = TEXT("tickets"), .status = -1}, "4");
	store->ops->close(store);
}

static void what_is_synced_goes_on(void **state)
{
	struct store *store = open_with_five_orders(fresh(state));
	struct error error;
	uint64_t before = position_of(store);
	must_do(store->ops->sync(store, &error), &error);
	must_do(store->ops->sync(store, &error), &error);
	assert_int_equal(position_of(store), before);
	begin(store);
	put_order(store, before + 1, 0, "ann", "a1");
	commit(store, before + 1);
	must_do(store->ops->sync(store, &error), &error);
	assert_int_equal(position_of(store), before + 1);
	store->ops->close(store);
}

int conform_run(const char *adapter, conform_open_fn *open_empty)
{
	static conform_open_fn *opener;
	opener = open_empty;
#define PLAY(function) cmocka_unit_test_prestate(function, &opener)
	const struct CMUnitTest plays[] = {
	    PLAY(a_new_store_is_empty),
	    PLAY(rows_and_position_are_one_transaction),
	    PLAY(an_order_comes_back_as_it_was_put),
	    PLAY(an_order_ends),
	    PLAY(an_end_without_its_order_is_damage),
	    PLAY(an_order_that_is_there_already_is_damage),
	    PLAY(pages_by_every_combination),
	    PLAY(a_page_goes_on_where_the_last_one_ended),
	    PLAY(a_page_is_never_longer_than_its_bound),
	    PLAY(a_key_finds_its_order),
	    PLAY(two_buyers_with_one_hash_stay_two),
	    PLAY(seconds_add_up),
	    PLAY(refunds_stand_beside_their_order),
	    PLAY(the_first_payment_is_the_orders_and_another_is_a_refund),
	    PLAY(what_is_synced_goes_on),
	    PLAY(a_renewed_store_is_empty_and_goes_on),
	};
	return cmocka_run_group_tests_name(adapter, plays, NULL, NULL);
}
