/* Reading: each question takes a reader of the pool. */
#include "store/rows.h"
#include "store/sqlite_store.h"

static int reading(struct reader *reader, enum sqlite_read number, struct sqlite3_stmt **ret, struct error *error)
{
	int rc = sqlite_prepare(reader->db, &reader->statement[number], sqlite_read_sql[number], error);
	*ret = reader->statement[number];
	return rc;
}

/* One number by one text. 1: found; 0: not. */
static int find_number(struct reader *reader, enum sqlite_read number, struct text text, int64_t *ret,
                       struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = reading(reader, number, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_text(statement, 1, text);
	rc = sqlite_step(statement, "read", error);
	if (rc > 0) {
		*ret = sqlite_number(statement, 0);
		sqlite_leave(statement);
	}
	return rc;
}

/* ---- where the rows are from ---- */

int sqlite_position(struct store *store, uint64_t *ret, struct wall_ms *ret_as_of, struct error *error)
{
	struct reader *reader = sqlite_take_reader(sqlite_of(store), error);
	int64_t position = 0, as_of = 0;
	if (!reader)
		return FAULT_BUSY;
	/* as_of first: it may then be older than the position, never newer */
	int rc = find_number(reader, READ_MARK, TEXT("as_of"), &as_of, error);
	if (rc >= 0)
		rc = find_number(reader, READ_MARK, TEXT("position"), &position, error);
	sqlite_return_reader(sqlite_of(store), reader);
	if (rc < 0)
		return rc;
	*ret = (uint64_t)position;
	*ret_as_of = (struct wall_ms){as_of};
	return 0;
}

int sqlite_mark(struct store *store, enum store_mark mark, uint64_t *ret, struct error *error)
{
	struct reader *reader = sqlite_take_reader(sqlite_of(store), error);
	int64_t value = 0;
	if (!reader)
		return FAULT_BUSY;
	int rc = find_number(reader, READ_MARK, text_of(sqlite_mark_names[mark]), &value, error);
	sqlite_return_reader(sqlite_of(store), reader);
	if (rc < 0)
		return rc;
	*ret = (uint64_t)value;
	return 0;
}

/* ---- orders ---- */

static int order_of_row(struct sqlite3_stmt *row, struct store_order *ret, struct error *error)
{
	ret->sequence = (uint64_t)sqlite_number(row, 0);
	ret->drop = (uint32_t)sqlite_number(row, 1);
	ret->drop_id = sqlite_text(row, 2);
	ret->status = (enum order_status)sqlite_number(row, 3);
	ret->position = (uint32_t)sqlite_number(row, 4);
	ret->created_at = sqlite_time(row, 5);
	ret->hold_until = sqlite_time(row, 6);
	ret->ended_at = sqlite_time(row, 7);
	ret->buyer = sqlite_text(row, 8);
	ret->key = sqlite_text(row, 9);
	ret->payment_ref = sqlite_text(row, 10);
	return row_lines_parse(sqlite_text(row, 11), ret, error);
}

/* Hands the rows of a statement whose values are bound to each; how many. */
static int each_order(struct sqlite3_stmt *statement, store_order_fn *each, void *context, struct error *error)
{
	struct store_order order;
	int rc, count = 0;
	while ((rc = sqlite_step(statement, "read", error)) > 0) {
		rc = order_of_row(statement, &order, error);
		if (rc < 0) {
			sqlite_leave(statement);
			return rc;
		}
		each(context, &order);
		count++;
	}
	return rc < 0 ? rc : count;
}

int sqlite_order(struct store *store, uint64_t sequence, store_order_fn *each, void *context, struct error *error)
{
	struct reader *reader = sqlite_take_reader(sqlite_of(store), error);
	struct sqlite3_stmt *statement = NULL;
	if (!reader)
		return FAULT_BUSY;
	int rc = reading(reader, READ_ORDER, &statement, error);
	if (rc == 0) {
		sqlite_put_number(statement, 1, (int64_t)sequence);
		rc = each_order(statement, each, context, error);
	}
	sqlite_return_reader(sqlite_of(store), reader);
	return rc;
}

static void put_buyer(struct sqlite3_stmt *statement, struct text buyer)
{
	sqlite_put_number(statement, 5, row_buyer_hash(buyer));
	sqlite_put_text(statement, 6, buyer);
}

static int read_key(struct reader *reader, struct text drop, struct text buyer, struct text key, store_order_fn *each,
                    void *context, struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int64_t number;
	int rc = find_number(reader, READ_DROP, drop, &number, error);
	if (rc <= 0)
		return rc;
	rc = reading(reader, READ_KEY, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1, INT64_MAX);
	sqlite_put_number(statement, 2, 1);
	sqlite_put_number(statement, 3, number);
	put_buyer(statement, buyer);
	sqlite_put_text(statement, 7, key);
	return each_order(statement, each, context, error);
}

int sqlite_order_by_key(struct store *store, struct text drop, struct text buyer, struct text key, store_order_fn *each,
                        void *context, struct error *error)
{
	if (key.size == 0)
		return 0;
	struct reader *reader = sqlite_take_reader(sqlite_of(store), error);
	if (!reader)
		return FAULT_BUSY;
	int rc = read_key(reader, drop, buyer, key, each, context, error);
	sqlite_return_reader(sqlite_of(store), reader);
	return rc;
}

static unsigned asks_of(const struct store_page *page)
{
	return (page->drop.size > 0 ? ASK_DROP : 0u) | (page->status >= 0 ? ASK_STATUS : 0u) |
	       (page->buyer.size > 0 ? ASK_BUYER : 0u);
}

static int read_page(struct reader *reader, const struct store_page *page, store_order_fn *each, void *context,
                     struct error *error)
{
	unsigned asks = asks_of(page);
	struct sqlite3_stmt *statement = NULL;
	int64_t drop = 0;
	int rc = asks & ASK_DROP ? find_number(reader, READ_DROP, page->drop, &drop, error) : 1;
	if (rc <= 0)
		return rc;
	rc = reading(reader, READ_ORDERS + asks, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1,
	                  page->before > 0 && page->before < INT64_MAX ? (int64_t)page->before : INT64_MAX);
	sqlite_put_number(statement, 2, page->limit < STORE_PAGE_MAX ? page->limit : STORE_PAGE_MAX);
	if (asks & ASK_DROP)
		sqlite_put_number(statement, 3, drop);
	if (asks & ASK_STATUS)
		sqlite_put_number(statement, 4, page->status);
	if (asks & ASK_BUYER)
		put_buyer(statement, page->buyer);
	return each_order(statement, each, context, error);
}

int sqlite_orders(struct store *store, const struct store_page *page, store_order_fn *each, void *context,
                  struct error *error)
{
	struct reader *reader = sqlite_take_reader(sqlite_of(store), error);
	if (!reader)
		return FAULT_BUSY;
	int rc = read_page(reader, page, each, context, error);
	sqlite_return_reader(sqlite_of(store), reader);
	return rc;
}

/* ---- statistics ---- */

static int read_refusals(struct reader *reader, struct store_second *second, struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = reading(reader, READ_REFUSALS, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1, second->drop);
	sqlite_put_number(statement, 2, second->second);
	second->refusal_count = 0;
	while ((rc = sqlite_step(statement, "read", error)) > 0) {
		if (second->refusal_count == COUNTS_MAX) {
			sqlite_leave(statement);
			return error_set(error, FAULT_DAMAGED, "store: a second has more than %d reasons", COUNTS_MAX);
		}
		second->refusal[second->refusal_count++] = (struct verdict_count){
		    .verdict = (uint8_t)sqlite_number(statement, 0), .count = (uint64_t)sqlite_number(statement, 1)};
	}
	return rc;
}

static int second_of_row(struct reader *reader, struct sqlite3_stmt *row, struct store_second *ret, struct error *error)
{
	ret->second = sqlite_number(row, 0);
	ret->granted = (uint64_t)sqlite_number(row, 1);
	ret->completed = (uint64_t)sqlite_number(row, 2);
	ret->canceled = (uint64_t)sqlite_number(row, 3);
	ret->expired = (uint64_t)sqlite_number(row, 4);
	return read_refusals(reader, ret, error);
}

static int each_second(struct reader *reader, struct sqlite3_stmt *statement, uint32_t drop, store_second_fn *each,
                       void *context, struct error *error)
{
	struct store_second second = {.drop = drop};
	int rc, count = 0;
	while ((rc = sqlite_step(statement, "read", error)) > 0) {
		rc = second_of_row(reader, statement, &second, error);
		if (rc < 0) {
			sqlite_leave(statement);
			return rc;
		}
		each(context, &second);
		count++;
	}
	return rc < 0 ? rc : count;
}

static int read_seconds(struct reader *reader, struct text drop, int64_t from, uint32_t limit, store_second_fn *each,
                        void *context, struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int64_t number = 0;
	int rc = find_number(reader, READ_DROP, drop, &number, error);
	if (rc <= 0)
		return rc;
	rc = reading(reader, READ_SECONDS, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1, number);
	sqlite_put_number(statement, 2, from);
	sqlite_put_number(statement, 3, limit < STORE_SECONDS_MAX ? limit : STORE_SECONDS_MAX);
	return each_second(reader, statement, (uint32_t)number, each, context, error);
}

int sqlite_seconds(struct store *store, struct text drop, int64_t from, uint32_t limit, store_second_fn *each,
                   void *context, struct error *error)
{
	struct reader *reader = sqlite_take_reader(sqlite_of(store), error);
	if (!reader)
		return FAULT_BUSY;
	int rc = read_seconds(reader, drop, from, limit, each, context, error);
	sqlite_return_reader(sqlite_of(store), reader);
	return rc;
}

/* ---- refunds ---- */

static int each_refund(struct sqlite3_stmt *statement, uint64_t order, store_refund_fn *each, void *context,
                       struct error *error)
{
	int rc, count = 0;
	while ((rc = sqlite_step(statement, "read", error)) > 0) {
		each(context, &(struct store_refund){.order = order,
		                                     .sequence = (uint64_t)sqlite_number(statement, 0),
		                                     .payment_ref = sqlite_text(statement, 1),
		                                     .time = sqlite_time(statement, 2)});
		count++;
	}
	return rc < 0 ? rc : count;
}

int sqlite_refunds(struct store *store, uint64_t order, store_refund_fn *each, void *context, struct error *error)
{
	struct reader *reader = sqlite_take_reader(sqlite_of(store), error);
	struct sqlite3_stmt *statement = NULL;
	if (!reader)
		return FAULT_BUSY;
	int rc = reading(reader, READ_REFUNDS, &statement, error);
	if (rc == 0) {
		sqlite_put_number(statement, 1, (int64_t)order);
		rc = each_refund(statement, order, each, context, error);
	}
	sqlite_return_reader(sqlite_of(store), reader);
	return rc;
}
