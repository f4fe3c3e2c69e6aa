#include "cli/audit_store.h"

#include <stdlib.h>

#include "cli/output.h"

#define PAGE_ROWS 1000     /* rows asked for at once */
#define SECONDS_ROWS 10000 /* and of the series */

/* What a row says, short enough to be kept for a second look. */
struct row {
	uint64_t sequence;
	struct digest128 identity, payment;
	int64_t ended_at;
	uint8_t status;
};

struct comparing {
	struct book *book;
	struct findings *findings;
	struct row page[PAGE_ROWS];
	uint32_t page_count;
	struct row *later; /* rows that were not as expected, or newer than the books */
	size_t later_count, later_capacity;
	uint64_t before, after; /* the store's position when the reading began, and when it ended */
	uint64_t whole_from;    /* rows before this may be missing: it was rebuilt from a snapshot; 0: none */
	uint64_t rows;
};

/* ---- rows ---- */

static void take_row(void *context, const struct store_order *order)
{
	struct comparing *comparing = context;
	struct identity identity = {.drop = order->drop_id,
	                            .buyer = order->buyer,
	                            .key = order->key,
	                            .created_at = order->created_at.ms,
	                            .hold_until = order->hold_until.ms,
	                            .position = order->position,
	                            .line_count = order->line_count};
	if (comparing->page_count == PAGE_ROWS)
		return;
	for (uint32_t i = 0; i < order->line_count && i < LINES_MAX; i++) {
		identity.sku[i] = order->line[i].sku;
		identity.quantity[i] = order->line[i].quantity;
	}
	comparing->page[comparing->page_count++] =
	    (struct row){.sequence = order->sequence,
	                 .identity = book_identity(comparing->book, &identity),
	                 .payment = book_text(comparing->book, order->payment_ref),
	                 .ended_at = order->ended_at.ms,
	                 .status = (uint8_t)order->status};
}

/* As it was granted. */
static bool is_first_state(const struct book *book, const struct book_order *order, const struct row *row)
{
	bool at_once = book->drops[order->drop].hold_ms == 0;
	return row->status == (at_once ? ORDER_COMPLETED : ORDER_PENDING) && (row->payment.a | row->payment.b) == 0 &&
	       row->ended_at == (at_once ? order->created_at : WALL_NEVER.ms);
}

/* As it was left by its one change. */
static bool is_last_state(const struct book_order *order, const struct row *row)
{
	return row->status == order->status && row->ended_at == order->ended_at &&
	       digest128_is(row->payment, order->payment);
}

/* Is the row right as of some position from `from` to `to`? */
static bool row_is_right(const struct book *book, const struct book_order *order, const struct row *row, uint64_t from,
                         uint64_t to)
{
	bool may_be_first = order->changed == 0 || order->changed > from;
	bool may_be_last = order->changed != 0 && order->changed <= to;
	if (!digest128_is(row->identity, order->identity))
		return false;
	return (may_be_first && is_first_state(book, order, row)) || (may_be_last && is_last_state(order, row));
}

static int keep_for_later(struct comparing *comparing, const struct row *row, struct error *error)
{
	if (comparing->later_count == comparing->later_capacity) {
		size_t capacity = comparing->later_capacity ? comparing->later_capacity * 2 : 256;
		struct row *later = realloc(comparing->later, capacity * sizeof *later);
		if (!later)
			return error_set(error, FAULT_MEMORY, "no memory for the read model's rows");
		comparing->later = later;
		comparing->later_capacity = capacity;
	}
	comparing->later[comparing->later_count++] = *row;
	return 0;
}

static int look_at_page(struct comparing *comparing, struct error *error)
{
	for (uint32_t i = 0; i < comparing->page_count; i++) {
		const struct row *row = &comparing->page[i];
		struct book_order *order = book_order_find(comparing->book, row->sequence);
		comparing->rows++;
		if (row->sequence <= comparing->book->base)
			continue;
		if (order && row_is_right(comparing->book, order, row, comparing->before, comparing->before)) {
			order->seen = 1;
			findings_checked(comparing->findings, PROMISE_READ_MODEL);
			continue;
		}
		int rc = keep_for_later(comparing, row, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Newest first, page by page. */
static int look_at_rows(struct comparing *comparing, struct store *store, struct error *error)
{
	struct store_page page = {.status = -1, .limit = PAGE_ROWS};
	struct progress progress;
	progress_init(&progress, "comparing the read model", comparing->book->order_count);
	int rc;
	do {
		comparing->page_count = 0;
		rc = store->ops->orders(store, &page, take_row, comparing, error);
		if (rc >= 0 && comparing->page_count)
			page.before = comparing->page[comparing->page_count - 1].sequence;
		int looked = rc < 0 ? rc : look_at_page(comparing, error);
		rc = looked < 0 ? looked : rc;
		progress_at(&progress, comparing->rows);
	} while (rc >= 0 && comparing->page_count == PAGE_ROWS);
	progress_end(&progress);
	return rc < 0 ? rc : 0;
}

/* ---- findings ---- */

static void look_again(struct comparing *comparing)
{
	for (size_t i = 0; i < comparing->later_count; i++) {
		const struct row *row = &comparing->later[i];
		struct book_order *order = book_order_find(comparing->book, row->sequence);
		findings_check(comparing->findings, PROMISE_READ_MODEL, order != NULL, row->sequence,
		               "the read model has an order that was never granted");
		if (!order)
			continue;
		order->seen = 1;
		findings_check(comparing->findings, PROMISE_READ_MODEL,
		               row_is_right(comparing->book, order, row, comparing->before, comparing->after),
		               row->sequence, "the read model's row differs from the log: %s there, %s in the log",
		               order_status_name((enum order_status)row->status),
		               order_status_name((enum order_status)order->status));
	}
}

static void look_for_missing(struct comparing *comparing)
{
	const struct book *book = comparing->book;
	for (uint32_t i = 0; i < book->order_count && book->orders[i].sequence <= comparing->before; i++)
		if (book->orders[i].sequence >= comparing->whole_from)
			findings_check(comparing->findings, PROMISE_READ_MODEL, book->orders[i].seen,
			               book->orders[i].sequence, "the read model misses this order");
}

/* ---- totals ---- */

struct summing {
	struct book_totals totals;
	int64_t last_second;
	uint32_t rows;
};

static void take_second(void *context, const struct store_second *second)
{
	struct summing *summing = context;
	summing->totals.granted += second->granted;
	summing->totals.completed += second->completed;
	summing->totals.canceled += second->canceled;
	summing->totals.expired += second->expired;
	for (uint32_t i = 0; i < second->refusal_count; i++)
		summing->totals.refused += second->refusal[i].count;
	summing->last_second = second->second;
	summing->rows++;
}

static int sum_seconds(struct store *store, struct text drop, struct summing *summing, struct error *error)
{
	int rc;
	do {
		int64_t from = summing->rows ? summing->last_second + 1 : 0;
		rc = store->ops->seconds(store, drop, from, SECONDS_ROWS, take_second, summing, error);
	} while (rc == SECONDS_ROWS);
	return rc < 0 ? rc : 0;
}

static bool totals_are(const struct book_totals *a, const struct book_totals *b)
{
	return a->granted == b->granted && a->completed == b->completed && a->canceled == b->canceled &&
	       a->expired == b->expired && a->refused == b->refused;
}

/* Only when the store stands exactly where the books do, and the books know everything from the beginning. */
static int look_at_totals(struct comparing *comparing, struct store *store, struct error *error)
{
	const struct book *book = comparing->book;
	if (comparing->before != core_sequence(book->core) || comparing->after != comparing->before || book->base ||
	    comparing->whole_from)
		return 0;
	for (uint32_t i = 0; i < book->drop_count; i++) {
		struct summing summing = {0};
		const struct book_totals *ours = &book->drops[i].totals;
		int rc = sum_seconds(store, book->drops[i].id, &summing, error);
		if (rc < 0)
			return rc;
		findings_check(comparing->findings, PROMISE_READ_MODEL, totals_are(&summing.totals, ours),
		               comparing->before,
		               "drop %.*s: statistics say %llu granted, %llu completed, %llu canceled, %llu expired, "
		               "%llu refused; the log %llu, %llu, %llu, %llu, %llu",
		               (int)book->drops[i].id.size, book->drops[i].id.at,
		               (unsigned long long)summing.totals.granted, (unsigned long long)summing.totals.completed,
		               (unsigned long long)summing.totals.canceled, (unsigned long long)summing.totals.expired,
		               (unsigned long long)summing.totals.refused, (unsigned long long)ours->granted,
		               (unsigned long long)ours->completed, (unsigned long long)ours->canceled,
		               (unsigned long long)ours->expired, (unsigned long long)ours->refused);
	}
	return 0;
}

/* ---- all of it ---- */

/* Where the store stands; and the books brought up to there. */
static int take_position(struct comparing *comparing, struct store *store, bring_up_fn *bring_up, void *context,
                         uint64_t *ret, struct error *error)
{
	struct wall_ms as_of;
	uint64_t position;
	int rc = store->ops->position(store, &position, &as_of, error);
	if (rc == 0)
		rc = bring_up(context, position, error);
	if (rc < 0)
		return rc;
	findings_check(comparing->findings, PROMISE_READ_MODEL, rc == 1, position,
	               "the read model is ahead of what the log holds for certain");
	*ret = position;
	return 0;
}

static int compare(struct comparing *comparing, struct store *store, bring_up_fn *bring_up, void *context,
                   struct error *error)
{
	int rc = take_position(comparing, store, bring_up, context, &comparing->before, error);
	if (rc == 0)
		rc = store->ops->mark(store, STORE_MARK_WHOLE_FROM, &comparing->whole_from, error);
	if (rc == 0)
		rc = look_at_rows(comparing, store, error);
	if (rc == 0)
		rc = take_position(comparing, store, bring_up, context, &comparing->after, error);
	if (rc < 0)
		return rc;
	look_again(comparing);
	look_for_missing(comparing);
	comparing->findings->store_position = comparing->before;
	comparing->findings->store_rows = comparing->rows;
	return look_at_totals(comparing, store, error);
}

int audit_store(struct book *book, struct store *store, bring_up_fn *bring_up, void *context, struct error *error)
{
	struct comparing *comparing = calloc(1, sizeof *comparing);
	if (!comparing)
		return error_set(error, FAULT_MEMORY, "no memory for the read model's rows");
	comparing->book = book;
	comparing->findings = book->findings;
	book->findings->store_there = true;
	int rc = compare(comparing, store, bring_up, context, error);
	free(comparing->later);
	free(comparing);
	return rc;
}
