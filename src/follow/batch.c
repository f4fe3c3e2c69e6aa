#include "follow/batch.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/pace.h"

#define FIRST_CAPACITY 256

enum change_kind { PUT_DROP, PUT_ORDER, END_ORDER, PUT_REFUND };

#define CHANGES_A_REST 64 /* a quarter of a millisecond of work (base/pace.h) */

/* text_at: where this change's texts begin in batch.texts; they follow each other: buyer, key, payment_ref. */
struct batch_change {
	enum change_kind kind;
	uint32_t drop;
	uint64_t order, sequence;
	enum order_status status;
	uint32_t position;
	struct wall_ms created_at, hold_until, ended_at;
	struct text drop_id; /* the core's */
	size_t text_at;
	uint8_t buyer_size, key_size, ref_size, line_count;
	uint32_t line_at;
};

_Static_assert(BUYER_SIZE_MAX <= UINT8_MAX && KEY_SIZE_MAX <= UINT8_MAX && PAYMENT_REF_SIZE_MAX <= UINT8_MAX,
               "sizes of texts fit a byte");

int batch_init(struct batch *batch, uint32_t drops_max, struct error *error)
{
	*batch = (struct batch){.drops_max = drops_max};
	batch->second_of_drop = calloc(drops_max ? drops_max : 1, sizeof *batch->second_of_drop);
	if (!batch->second_of_drop)
		return error_set(error, FAULT_MEMORY, "follow: no memory for %u drops", drops_max);
	return 0;
}

void batch_fini(struct batch *batch)
{
	free(batch->changes);
	free(batch->lines);
	free(batch->seconds);
	free(batch->second_of_drop);
	buf_fini(&batch->texts);
	*batch = (struct batch){0};
}

void batch_clear(struct batch *batch)
{
	for (uint32_t i = 0; i < batch->second_count; i++)
		batch->second_of_drop[batch->seconds[i].drop] = 0;
	batch->change_count = batch->line_count = batch->second_count = 0;
	buf_clear(&batch->texts);
	batch->failed = false;
}

/* Room for `more` rows of this size behind count; false and failed when memory ran out. */
static bool grow(struct batch *batch, void **rows, uint32_t count, uint32_t more, uint32_t *capacity, size_t size)
{
	uint32_t wanted = *capacity ? *capacity : FIRST_CAPACITY;
	if (count + more <= *capacity)
		return true;
	while (wanted < count + more)
		wanted *= 2;
	void *grown = realloc(*rows, wanted * size);
	if (!grown) {
		batch->failed = true;
		return false;
	}
	*rows = grown;
	*capacity = wanted;
	return true;
}

static void add_change(struct batch *batch, const struct batch_change *change)
{
	if (grow(batch, (void **)&batch->changes, batch->change_count, 1, &batch->change_capacity,
	         sizeof *batch->changes))
		batch->changes[batch->change_count++] = *change;
}

/* Copies a text behind the others. */
static uint8_t add_text(struct batch *batch, struct text text)
{
	must(text.size <= UINT8_MAX);
	buf_text(&batch->texts, text);
	batch->failed |= batch->texts.failed;
	return (uint8_t)text.size;
}

static void add_lines(struct batch *batch, const struct store_order *order)
{
	if (!grow(batch, (void **)&batch->lines, batch->line_count, order->line_count, &batch->line_capacity,
	          sizeof *batch->lines))
		return;
	for (uint32_t i = 0; i < order->line_count; i++)
		batch->lines[batch->line_count++] =
		    (struct batch_line){.sku = order->line[i].sku, .quantity = order->line[i].quantity};
}

void batch_put_drop(struct batch *batch, const struct store_drop *drop)
{
	add_change(batch,
	           &(struct batch_change){
		       .kind = PUT_DROP, .drop = drop->drop, .drop_id = drop->id, .created_at = drop->created_at});
}

void batch_put_order(struct batch *batch, const struct store_order *order)
{
	struct batch_change change = {.kind = PUT_ORDER,
	                              .drop = order->drop,
	                              .order = order->sequence,
	                              .status = order->status,
	                              .position = order->position,
	                              .created_at = order->created_at,
	                              .hold_until = order->hold_until,
	                              .ended_at = order->ended_at,
	                              .text_at = batch->texts.size,
	                              .line_at = batch->line_count,
	                              .line_count = (uint8_t)order->line_count};
	change.buyer_size = add_text(batch, order->buyer);
	change.key_size = add_text(batch, order->key);
	change.ref_size = add_text(batch, order->payment_ref);
	add_lines(batch, order);
	add_change(batch, &change);
}

void batch_end_order(struct batch *batch, uint64_t order, enum order_status status, struct wall_ms ended_at,
                     struct text payment_ref)
{
	struct batch_change change = {
	    .kind = END_ORDER, .order = order, .status = status, .ended_at = ended_at, .text_at = batch->texts.size};
	change.ref_size = add_text(batch, payment_ref);
	add_change(batch, &change);
}

void batch_put_refund(struct batch *batch, const struct store_refund *refund)
{
	struct batch_change change = {.kind = PUT_REFUND,
	                              .order = refund->order,
	                              .sequence = refund->sequence,
	                              .created_at = refund->time,
	                              .text_at = batch->texts.size};
	change.ref_size = add_text(batch, refund->payment_ref);
	add_change(batch, &change);
}

struct store_second *batch_second(struct batch *batch, uint32_t drop, struct wall_ms time)
{
	int64_t second = time.ms / 1000;
	must(drop < batch->drops_max);
	uint32_t place = batch->second_of_drop[drop];
	if (place > 0 && batch->seconds[place - 1].second == second)
		return &batch->seconds[place - 1];
	if (!grow(batch, (void **)&batch->seconds, batch->second_count, 1, &batch->second_capacity,
	          sizeof *batch->seconds))
		return NULL;
	batch->seconds[batch->second_count] = (struct store_second){.drop = drop, .second = second};
	batch->second_of_drop[drop] = ++batch->second_count;
	return &batch->seconds[batch->second_count - 1];
}

/* ---- writing ---- */

/* Cuts the next text of a change. */
static struct text next_text(const struct batch *batch, size_t *at, uint8_t size)
{
	struct text text = {batch->texts.at + *at, size};
	*at += size;
	return size > 0 ? text : TEXT_NONE;
}

static int write_order(const struct batch *batch, const struct batch_change *change, struct store *store,
                       struct error *error)
{
	struct store_order order;
	size_t at = change->text_at;
	order.sequence = change->order;
	order.drop = change->drop;
	order.drop_id = TEXT_NONE;
	order.buyer = next_text(batch, &at, change->buyer_size);
	order.key = next_text(batch, &at, change->key_size);
	order.payment_ref = next_text(batch, &at, change->ref_size);
	order.status = change->status;
	order.position = change->position;
	order.created_at = change->created_at;
	order.hold_until = change->hold_until;
	order.ended_at = change->ended_at;
	order.line_count = change->line_count;
	for (uint32_t i = 0; i < order.line_count; i++) {
		order.line[i].sku = batch->lines[change->line_at + i].sku;
		order.line[i].quantity = batch->lines[change->line_at + i].quantity;
	}
	return store->ops->put_order(store, &order, error);
}

static int write_change(const struct batch *batch, const struct batch_change *change, struct store *store,
                        struct error *error)
{
	size_t at = change->text_at;
	switch (change->kind) {
	case PUT_DROP:
		return store->ops->put_drop(
		    store,
		    &(struct store_drop){.drop = change->drop, .id = change->drop_id, .created_at = change->created_at},
		    error);
	case PUT_ORDER:
		return write_order(batch, change, store, error);
	case END_ORDER:
		return store->ops->end_order(store, change->order, change->status, change->ended_at,
		                             next_text(batch, &at, change->ref_size), error);
	default:
		return store->ops->put_refund(
		    store,
		    &(struct store_refund){.sequence = change->sequence,
		                           .order = change->order,
		                           .payment_ref = next_text(batch, &at, change->ref_size),
		                           .time = change->created_at},
		    error);
	}
}

static int write_rows(const struct batch *batch, struct store *store, struct error *error)
{
	int rc = 0;
	for (uint32_t i = 0, done = 0; rc == 0 && i < batch->change_count; i++) {
		pace(&done, CHANGES_A_REST);
		rc = write_change(batch, &batch->changes[i], store, error);
	}
	for (uint32_t i = 0; rc == 0 && i < batch->second_count; i++)
		rc = store->ops->add_second(store, &batch->seconds[i], error);
	return rc;
}

int batch_write(const struct batch *batch, struct store *store, const struct batch_end *end, struct error *error)
{
	must(!batch->failed);
	int rc = store->ops->begin(store, error);
	if (rc < 0)
		return rc;
	rc = write_rows(batch, store, error);
	if (rc == 0)
		rc = store->ops->put_mark(store, STORE_MARK_HASH, end->hash, error);
	if (rc == 0 && end->whole_from > 0)
		rc = store->ops->put_mark(store, STORE_MARK_WHOLE_FROM, end->whole_from, error);
	if (rc == 0)
		rc = store->ops->commit(store, end->position, end->as_of, error);
	if (rc < 0)
		store->ops->rollback(store);
	return rc;
}
