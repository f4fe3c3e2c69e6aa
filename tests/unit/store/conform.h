/* conform: what every adapter of the store must do, as plays. One suite, run on each. */
#ifndef TESTS_UNIT_STORE_CONFORM_H
#define TESTS_UNIT_STORE_CONFORM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/store.h"

/* Opens an empty store of the adapter; the suite closes it. */
typedef struct store *conform_open_fn(void);

/* Runs the suite; how many plays failed. */
int conform_run(const char *adapter, conform_open_fn *open_empty);

/* ---- the stage, also for the adapters' own tests ---- */

#define MONDAY_MS INT64_C(1790000000000)

static inline void must_do(int rc, const struct error *error)
{
	if (rc < 0)
		fail_msg("%s", error->text);
}

static inline struct store_order an_order(uint64_t sequence, uint32_t drop, const char *buyer, const char *key)
{
	return (struct store_order){.sequence = sequence,
	                            .drop = drop,
	                            .buyer = text_of(buyer),
	                            .key = text_of(key),
	                            .payment_ref = TEXT_NONE,
	                            .status = ORDER_PENDING,
	                            .position = (uint32_t)sequence,
	                            .created_at = {MONDAY_MS + (int64_t)sequence},
	                            .hold_until = {MONDAY_MS + 600000},
	                            .ended_at = WALL_NEVER,
	                            .line_count = 1,
	                            .line = {{TEXT("stalls"), 1}}};
}

static inline void begin(struct store *store)
{
	struct error error;
	must_do(store->ops->begin(store, &error), &error);
}

static inline void commit(struct store *store, uint64_t position)
{
	struct error error;
	must_do(store->ops->commit(store, position, (struct wall_ms){MONDAY_MS + (int64_t)position}, &error), &error);
}

static inline void put_drop(struct store *store, uint32_t number, const char *id)
{
	struct error error;
	struct store_drop drop = {.drop = number, .id = text_of(id), .created_at = {MONDAY_MS}};
	must_do(store->ops->put_drop(store, &drop, &error), &error);
}

static inline void put_order(struct store *store, uint64_t sequence, uint32_t drop, const char *buyer, const char *key)
{
	struct error error;
	struct store_order order = an_order(sequence, drop, buyer, key);
	must_do(store->ops->put_order(store, &order, &error), &error);
}

static inline void end_order(struct store *store, uint64_t sequence, enum order_status status, const char *payment_ref)
{
	struct error error;
	must_do(store->ops->end_order(store, sequence, status, (struct wall_ms){MONDAY_MS + 1000}, text_of(payment_ref),
	                              &error),
	        &error);
}

static inline uint64_t position_of(struct store *store)
{
	struct error error;
	struct wall_ms as_of;
	uint64_t position = 0;
	must_do(store->ops->position(store, &position, &as_of, &error), &error);
	assert_int_equal(as_of.ms, position ? MONDAY_MS + (int64_t)position : 0);
	return position;
}

/* Sequences of a page, written as text: "9 7 3". */
struct page_text {
	char text[512];
	size_t size;
};

static inline void add_to_page(void *context, const struct store_order *order)
{
	struct page_text *page = context;
	page->size += (size_t)snprintf(page->text + page->size, sizeof page->text - page->size, "%s%llu",
	                               page->size ? " " : "", (unsigned long long)order->sequence);
}

static inline void assert_page(struct store *store, struct store_page page, const char *expected)
{
	struct page_text text = {0};
	struct error error;
	if (page.limit == 0)
		page.limit = 100;
	must_do(store->ops->orders(store, &page, add_to_page, &text, &error), &error);
	assert_string_equal(text.text, expected);
}

#endif
