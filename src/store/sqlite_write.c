/* Writing: one transaction after the other, on the projector's thread. */
#include "store/sqlite_store.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/pace.h"
#include "store/rows.h"

#define ROWS_A_REST 128     /* a quarter of a millisecond of work (base/pace.h) */
#define BUYER_ROWS_MIN 1024 /* the first size of what waits for the commit; it grows by doubling */

static int writing(struct store *store, enum sqlite_write number, struct sqlite3_stmt **ret, struct error *error)
{
	struct sqlite_store *self = sqlite_of(store);
	must(self->writing);
	int rc = sqlite_prepare(self->db, &self->statement[number], sqlite_write_sql[number], error);
	*ret = self->statement[number];
	return rc;
}

int sqlite_begin(struct store *store, struct error *error)
{
	struct sqlite_store *self = sqlite_of(store);
	struct sqlite3_stmt *statement = NULL;
	int rc;
	must(!self->writing && !self->read_only);
	if (self->closed)
		return error_set(error, FAULT_IO, "store: it was thrown away and could not be made anew");
	if (self->memory && !(self->taken = sqlite_take_reader(self, error)))
		return FAULT_BUSY;
	self->writing = true;
	self->buyer_row_count = 0;
	rc = writing(store, WRITE_BEGIN, &statement, error);
	if (rc == 0)
		rc = sqlite_step(statement, "begin", error);
	if (rc < 0)
		store->ops->rollback(store);
	return rc;
}

int sqlite_put_drop(struct store *store, const struct store_drop *drop, struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_DROP, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1, drop->drop);
	sqlite_put_text(statement, 2, drop->id);
	sqlite_put_time(statement, 3, drop->created_at);
	return sqlite_step(statement, "drop", error);
}

static int keep_buyer_row(struct sqlite_store *self, const struct store_order *order, struct error *error)
{
	if (self->buyer_row_count == self->buyer_row_capacity) {
		uint32_t capacity = self->buyer_row_capacity ? self->buyer_row_capacity * 2 : BUYER_ROWS_MIN;
		void *rows = realloc(self->buyer_rows, capacity * sizeof *self->buyer_rows);
		if (!rows)
			return error_set(error, FAULT_MEMORY, "store: no memory for %u orders of a transaction",
			                 capacity);
		self->buyer_rows = rows;
		self->buyer_row_capacity = capacity;
	}
	self->buyer_rows[self->buyer_row_count++] =
	    (struct buyer_row){.hash = row_buyer_hash(order->buyer), .drop = order->drop, .sequence = order->sequence};
	return 0;
}

int sqlite_put_order(struct store *store, const struct store_order *order, struct error *error)
{
	char lines[ROW_LINES_SIZE_MAX];
	struct sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_ORDER, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1, (int64_t)order->sequence);
	sqlite_put_number(statement, 2, order->drop);
	sqlite_put_number(statement, 3, order->status);
	sqlite_put_number(statement, 4, order->position);
	sqlite_put_time(statement, 5, order->created_at);
	sqlite_put_time(statement, 6, order->hold_until);
	sqlite_put_time(statement, 7, order->ended_at);
	sqlite_put_text(statement, 8, order->buyer);
	sqlite_put_text(statement, 9, order->key);
	sqlite_put_text(statement, 10, order->payment_ref);
	sqlite_put_text(statement, 11, (struct text){lines, row_lines_format(order, lines)});
	rc = sqlite_step(statement, "order", error);
	if (rc < 0 || order->buyer.size == 0) /* a buyer that is not known any more is not found by */
		return rc;
	return keep_buyer_row(sqlite_of(store), order, error);
}

int sqlite_end_order(struct store *store, uint64_t sequence, enum order_status status, struct wall_ms ended_at,
                     struct text payment_ref, struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_END, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1, (int64_t)sequence);
	sqlite_put_number(statement, 2, status);
	sqlite_put_time(statement, 3, ended_at);
	sqlite_put_text(statement, 4, payment_ref);
	rc = sqlite_step(statement, "end of an order", error);
	if (rc == 0 && sqlite_rows_changed(sqlite_of(store)->db) != 1)
		return error_set(error, FAULT_DAMAGED, "store: order %llu is not there, and was to end",
		                 (unsigned long long)sequence);
	return rc;
}

static int put_late(struct store *store, enum sqlite_write number, const struct store_refund *payment, const char *what,
                    struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = writing(store, number, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1, (int64_t)payment->order);
	sqlite_put_text(statement, 3, payment->payment_ref);
	if (number != WRITE_FIRST_PAYMENT) {
		sqlite_put_number(statement, 2, (int64_t)payment->sequence);
		sqlite_put_time(statement, 4, payment->time);
	}
	return sqlite_step(statement, what, error);
}

int sqlite_put_refund(struct store *store, const struct store_refund *refund, struct error *error)
{
	return put_late(store, WRITE_REFUND, refund, "refund", error);
}

int sqlite_put_payment(struct store *store, const struct store_refund *payment, struct error *error)
{
	int rc = put_late(store, WRITE_FIRST_PAYMENT, payment, "first payment", error);
	if (rc < 0 || sqlite_rows_changed(sqlite_of(store)->db) == 1)
		return rc;
	return put_late(store, WRITE_OTHER_PAYMENT, payment, "another payment", error);
}

static int add_refusal(struct store *store, const struct store_second *second, const struct verdict_count *refusal,
                       struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_REFUSAL, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1, second->drop);
	sqlite_put_number(statement, 2, second->second);
	sqlite_put_number(statement, 3, refusal->verdict);
	sqlite_put_number(statement, 4, (int64_t)refusal->count);
	return sqlite_step(statement, "refusals", error);
}

int sqlite_add_second(struct store *store, const struct store_second *second, struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_SECOND, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_number(statement, 1, second->drop);
	sqlite_put_number(statement, 2, second->second);
	sqlite_put_number(statement, 3, (int64_t)second->granted);
	sqlite_put_number(statement, 4, (int64_t)second->completed);
	sqlite_put_number(statement, 5, (int64_t)second->canceled);
	sqlite_put_number(statement, 6, (int64_t)second->expired);
	rc = sqlite_step(statement, "second", error);
	for (uint32_t i = 0; rc == 0 && i < second->refusal_count; i++)
		rc = add_refusal(store, second, &second->refusal[i], error);
	return rc;
}

static int put_named_mark(struct store *store, const char *name, int64_t value, struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_MARK, &statement, error);
	if (rc < 0)
		return rc;
	sqlite_put_text(statement, 1, text_of(name));
	sqlite_put_number(statement, 2, value);
	return sqlite_step(statement, "mark", error);
}

int sqlite_put_mark(struct store *store, enum store_mark mark, uint64_t value, struct error *error)
{
	return put_named_mark(store, sqlite_mark_names[mark], (int64_t)value, error);
}

static int by_hash(const void *a, const void *b)
{
	const struct buyer_row *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static int put_buyer_rows(struct store *store, struct error *error)
{
	struct sqlite_store *self = sqlite_of(store);
	struct sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_BUYER, &statement, error);
	if (self->buyer_row_count > 0)
		qsort(self->buyer_rows, self->buyer_row_count, sizeof *self->buyer_rows, by_hash);
	for (uint32_t i = 0, done = 0; rc == 0 && i < self->buyer_row_count; i++) {
		pace(&done, ROWS_A_REST);
		sqlite_put_number(statement, 1, self->buyer_rows[i].hash);
		sqlite_put_number(statement, 2, (int64_t)self->buyer_rows[i].sequence);
		sqlite_put_number(statement, 3, self->buyer_rows[i].drop);
		rc = sqlite_step(statement, "buyer's order", error);
	}
	return rc;
}

static void end_writing(struct sqlite_store *self)
{
	self->writing = false;
	if (self->taken)
		sqlite_return_reader(self, self->taken);
	self->taken = NULL;
}

int sqlite_commit(struct store *store, uint64_t position, struct wall_ms as_of, struct error *error)
{
	struct sqlite3_stmt *statement = NULL;
	int rc = put_buyer_rows(store, error);
	if (rc == 0)
		rc = put_named_mark(store, "position", (int64_t)position, error);
	if (rc == 0)
		rc = put_named_mark(store, "as_of", as_of.ms, error);
	if (rc == 0)
		rc = writing(store, WRITE_COMMIT, &statement, error);
	if (rc == 0)
		rc = sqlite_step(statement, "commit", error);
	if (rc == 0)
		end_writing(sqlite_of(store));
	return rc;
}

/* Readers in the middle of something are left alone: what they still need goes back another time. */
int sqlite_rest(struct store *store, struct error *error)
{
	struct sqlite_store *self = sqlite_of(store);
	must(!self->writing);
	return self->closed ? 0 : sqlite_run(self->db, "PRAGMA wal_checkpoint(PASSIVE)", "checkpoint", error);
}

/* One commit that is synced takes with it all that stands before it in the WAL. It has to change a page for that. */
int sqlite_sync(struct store *store, struct error *error)
{
	static const char commit[] = "PRAGMA synchronous = FULL; BEGIN IMMEDIATE;"
				     "INSERT INTO marks VALUES ('synced', 1)"
				     " ON CONFLICT (name) DO UPDATE SET value = value + 1; COMMIT";
	struct sqlite_store *self = sqlite_of(store);
	must(!self->writing);
	if (self->memory)
		return 0;
	if (self->closed)
		return error_set(error, FAULT_IO, "store: it was thrown away and could not be made anew");
	int rc = sqlite_run(self->db, commit, "sync", error);
	if (rc < 0 && sqlite_in_transaction(self->db))
		sqlite_run(self->db, "ROLLBACK", "rollback", NULL);
	int back = sqlite_run(self->db, "PRAGMA synchronous = NORMAL", "commits are not synced", rc < 0 ? NULL : error);
	return rc < 0 ? rc : back;
}

void sqlite_rollback(struct store *store)
{
	struct sqlite_store *self = sqlite_of(store);
	must(self->writing);
	/* After some faults the engine has rolled back by itself. */
	if (sqlite_in_transaction(self->db))
		sqlite_run(self->db, "ROLLBACK", "rollback", NULL);
	end_writing(self);
}
