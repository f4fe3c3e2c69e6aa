/* The store in SQLite: one file beside the journal, in WAL mode, so that readers never wait for the projector.
 *
 *   writer (the projector's thread)   one connection; rows and their position in one transaction
 *   readers (any thread)              a pool of connections, one taken for each question
 *
 * synchronous = NORMAL: a commit is not synced, so a loss of power may cost the last transactions, which the projector
 * folds again, for the position is lost with them. It may not be OFF: pages would then reach the disk in any order, and
 * a store that is broken without a sign would answer for keys whose order has left the core (P4).
 *
 * Buyers come at random, so their index would spread every transaction over all of its pages, row by row. Its rows
 * wait until the commit and go in sorted: a page is touched once a transaction.
 *
 * ":memory:" has one connection. It stands in the pool of readers, and the writer takes it from there for the length of
 * its transaction.
 */
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log_line.h"
#include "base/must.h"
#include "store/rows.h"
#include "store/schema_sql.h"
#include "store/sqlite_sql.h"

#define APPLICATION_ID 0x64696273 /* "dibs" */
#define SCHEMA_VERSION 1          /* another one: the store is thrown away and rebuilt */
#define READERS 4                 /* questions at the same time: as many as a small pool of threads asks */
#define BUSY_MS 5000              /* for the moments when another process recovers or closes the same file */
#define BUYER_ROWS_MIN 1024       /* the first size of what waits for the commit; it grows by doubling */

/* The writer's cache holds the pages that one transaction touches: random ones of the buyers' table (4 MB for each
 * 200,000 orders) and the ends of the others. The WAL goes back into the file when it has grown to as much. */
#define WRITER_SETTINGS \
	"PRAGMA page_size = 4096;" \
	"PRAGMA journal_mode = WAL;" \
	"PRAGMA synchronous = NORMAL;" \
	"PRAGMA cache_size = -65536;" \
	"PRAGMA wal_autocheckpoint = 16384;" \
	"PRAGMA journal_size_limit = 134217728;"

static const char *const mark_names[STORE_MARK_COUNT] = {
    [STORE_MARK_HASH] = "hash",
    [STORE_MARK_WHOLE_FROM] = "whole_from",
};

struct reader {
	sqlite3 *db;
	sqlite3_stmt *statement[READ_COUNT];
};

struct buyer_row {
	int32_t hash;
	uint32_t drop;
	uint64_t sequence;
};

struct sqlite_store {
	struct store store;
	char *path;
	bool memory, read_only;

	/* writer */
	sqlite3 *db;
	sqlite3_stmt *statement[WRITE_COUNT];
	bool writing;
	struct buyer_row *buyer_rows;
	uint32_t buyer_row_count, buyer_row_capacity;
	struct reader *taken; /* ":memory:": the reader whose connection the transaction uses */

	/* readers: under lock */
	pthread_mutex_t lock;
	pthread_cond_t returned;
	struct reader reader[READERS], *idle[READERS];
	uint32_t reader_count, idle_count;
	bool closed; /* renew() did not come to its end: there is nothing to read */
};

static struct sqlite_store *of(struct store *store)
{
	return (struct sqlite_store *)store;
}

/* ---- faults ---- */

static int fault_code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT: /* a row that is there already: not the rows of this log */
	case SQLITE_ERROR:      /* a table or a column that is not there */
		return FAULT_DAMAGED;
	case SQLITE_FULL:
		return FAULT_NO_SPACE;
	case SQLITE_NOMEM:
		return FAULT_MEMORY;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return FAULT_BUSY;
	default:
		return FAULT_IO;
	}
}

static int fault(sqlite3 *db, const char *what, struct error *error)
{
	int rc = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
	return error_set(error, fault_code(rc), "store: %s: %s (SQLite %d)", what,
	                 db ? sqlite3_errmsg(db) : sqlite3_errstr(rc), rc);
}

static int run(sqlite3 *db, const char *sql, const char *what, struct error *error)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fault(db, what, error);
}

/* ---- statements: compiled when first asked for, and kept ---- */

static int prepared(sqlite3 *db, sqlite3_stmt **kept, const char *sql, sqlite3_stmt **ret, struct error *error)
{
	if (!*kept && sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, kept, NULL) != SQLITE_OK)
		return fault(db, "prepare", error);
	*ret = *kept;
	return 0;
}

static void bind_number(sqlite3_stmt *statement, int place, int64_t number)
{
	must(sqlite3_bind_int64(statement, place, number) == SQLITE_OK);
}

static void bind_time(sqlite3_stmt *statement, int place, struct wall_ms time)
{
	if (time.ms == WALL_NEVER.ms)
		must(sqlite3_bind_null(statement, place) == SQLITE_OK);
	else
		bind_number(statement, place, time.ms);
}

/* Borrowed: the statement is stepped and reset before the text goes. */
static void bind_text(sqlite3_stmt *statement, int place, struct text text)
{
	const char *at = text.size > 0 ? text.at : "";
	must(sqlite3_bind_text(statement, place, at, (int)text.size, SQLITE_STATIC) == SQLITE_OK);
}

static struct text column_text(sqlite3_stmt *statement, int column)
{
	const char *at = (const char *)sqlite3_column_text(statement, column);
	return (struct text){at, at ? (size_t)sqlite3_column_bytes(statement, column) : 0};
}

static struct wall_ms column_time(sqlite3_stmt *statement, int column)
{
	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return WALL_NEVER;
	return (struct wall_ms){sqlite3_column_int64(statement, column)};
}

/* ---- writing ---- */

static int writing(struct store *store, enum write number, sqlite3_stmt **ret, struct error *error)
{
	struct sqlite_store *self = of(store);
	must(self->writing);
	return prepared(self->db, &self->statement[number], sqlite_write_sql[number], ret, error);
}

/* Runs a writing statement whose values are bound. */
static int write_row(struct sqlite_store *self, sqlite3_stmt *statement, const char *what, struct error *error)
{
	int rc = sqlite3_step(statement);
	int result = rc == SQLITE_DONE ? 0 : fault(self->db, what, error);
	sqlite3_reset(statement);
	return result;
}

static struct reader *take_reader(struct sqlite_store *self, struct error *error);
static void return_reader(struct sqlite_store *self, struct reader *reader);
static int open_all(struct sqlite_store *self, struct error *error);

static int begin(struct store *store, struct error *error)
{
	struct sqlite_store *self = of(store);
	sqlite3_stmt *statement = NULL;
	int rc;
	must(!self->writing && !self->read_only);
	if (self->closed)
		return error_set(error, FAULT_IO, "store: it was thrown away and could not be made anew");
	if (self->memory && !(self->taken = take_reader(self, error)))
		return FAULT_IO;
	self->writing = true;
	self->buyer_row_count = 0;
	rc = writing(store, WRITE_BEGIN, &statement, error);
	if (rc == 0)
		rc = write_row(self, statement, "begin", error);
	if (rc < 0)
		store->ops->rollback(store);
	return rc;
}

static int put_drop(struct store *store, const struct store_drop *drop, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_DROP, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, drop->drop);
	bind_text(statement, 2, drop->id);
	bind_time(statement, 3, drop->created_at);
	return write_row(of(store), statement, "drop", error);
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

static int put_order(struct store *store, const struct store_order *order, struct error *error)
{
	char lines[ROW_LINES_SIZE_MAX];
	sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_ORDER, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, (int64_t)order->sequence);
	bind_number(statement, 2, order->drop);
	bind_number(statement, 3, order->status);
	bind_number(statement, 4, order->position);
	bind_time(statement, 5, order->created_at);
	bind_time(statement, 6, order->hold_until);
	bind_time(statement, 7, order->ended_at);
	bind_text(statement, 8, order->buyer);
	bind_text(statement, 9, order->key);
	bind_text(statement, 10, order->payment_ref);
	bind_text(statement, 11, (struct text){lines, row_lines_format(order, lines)});
	rc = write_row(of(store), statement, "order", error);
	return rc < 0 ? rc : keep_buyer_row(of(store), order, error);
}

static int end_order(struct store *store, uint64_t sequence, enum order_status status, struct wall_ms ended_at,
                     struct text payment_ref, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_END, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, (int64_t)sequence);
	bind_number(statement, 2, status);
	bind_time(statement, 3, ended_at);
	bind_text(statement, 4, payment_ref);
	rc = write_row(of(store), statement, "end of an order", error);
	if (rc == 0 && sqlite3_changes(of(store)->db) != 1)
		return error_set(error, FAULT_DAMAGED, "store: order %llu is not there, and was to end",
		                 (unsigned long long)sequence);
	return rc;
}

static int put_refund(struct store *store, const struct store_refund *refund, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_REFUND, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, (int64_t)refund->order);
	bind_number(statement, 2, (int64_t)refund->sequence);
	bind_text(statement, 3, refund->payment_ref);
	bind_time(statement, 4, refund->time);
	return write_row(of(store), statement, "refund", error);
}

static int add_refusal(struct store *store, const struct store_second *second, const struct verdict_count *refusal,
                       struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_REFUSAL, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, second->drop);
	bind_number(statement, 2, second->second);
	bind_number(statement, 3, refusal->verdict);
	bind_number(statement, 4, (int64_t)refusal->count);
	return write_row(of(store), statement, "refusals", error);
}

static int add_second(struct store *store, const struct store_second *second, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_SECOND, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, second->drop);
	bind_number(statement, 2, second->second);
	bind_number(statement, 3, (int64_t)second->granted);
	bind_number(statement, 4, (int64_t)second->completed);
	bind_number(statement, 5, (int64_t)second->canceled);
	bind_number(statement, 6, (int64_t)second->expired);
	rc = write_row(of(store), statement, "second", error);
	for (uint32_t i = 0; rc == 0 && i < second->refusal_count; i++)
		rc = add_refusal(store, second, &second->refusal[i], error);
	return rc;
}

static int put_named_mark(struct store *store, const char *name, int64_t value, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_MARK, &statement, error);
	if (rc < 0)
		return rc;
	bind_text(statement, 1, text_of(name));
	bind_number(statement, 2, value);
	return write_row(of(store), statement, "mark", error);
}

static int put_mark(struct store *store, enum store_mark mark, uint64_t value, struct error *error)
{
	return put_named_mark(store, mark_names[mark], (int64_t)value, error);
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
	struct sqlite_store *self = of(store);
	sqlite3_stmt *statement = NULL;
	int rc = writing(store, WRITE_BUYER, &statement, error);
	qsort(self->buyer_rows, self->buyer_row_count, sizeof *self->buyer_rows, by_hash);
	for (uint32_t i = 0; rc == 0 && i < self->buyer_row_count; i++) {
		bind_number(statement, 1, self->buyer_rows[i].hash);
		bind_number(statement, 2, (int64_t)self->buyer_rows[i].sequence);
		bind_number(statement, 3, self->buyer_rows[i].drop);
		rc = write_row(self, statement, "buyer's order", error);
	}
	return rc;
}

static void end_writing(struct sqlite_store *self)
{
	self->writing = false;
	if (self->taken)
		return_reader(self, self->taken);
	self->taken = NULL;
}

static int commit(struct store *store, uint64_t position, struct wall_ms as_of, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = put_buyer_rows(store, error);
	if (rc == 0)
		rc = put_named_mark(store, "position", (int64_t)position, error);
	if (rc == 0)
		rc = put_named_mark(store, "as_of", as_of.ms, error);
	if (rc == 0)
		rc = writing(store, WRITE_COMMIT, &statement, error);
	if (rc == 0)
		rc = write_row(of(store), statement, "commit", error);
	if (rc == 0)
		end_writing(of(store));
	return rc;
}

static void rollback(struct store *store)
{
	struct sqlite_store *self = of(store);
	must(self->writing);
	/* After some faults the engine has rolled back by itself. */
	if (!sqlite3_get_autocommit(self->db))
		sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
	end_writing(self);
}

/* ---- reading ---- */

static struct reader *take_reader(struct sqlite_store *self, struct error *error)
{
	struct reader *reader = NULL;
	pthread_mutex_lock(&self->lock);
	while (self->idle_count == 0 && !self->closed)
		pthread_cond_wait(&self->returned, &self->lock);
	if (!self->closed)
		reader = self->idle[--self->idle_count];
	pthread_mutex_unlock(&self->lock);
	if (!reader)
		error_set(error, FAULT_IO, "store: it is being made anew");
	return reader;
}

static void return_reader(struct sqlite_store *self, struct reader *reader)
{
	pthread_mutex_lock(&self->lock);
	self->idle[self->idle_count++] = reader;
	pthread_cond_broadcast(&self->returned);
	pthread_mutex_unlock(&self->lock);
}

static int reading(struct reader *reader, enum read number, sqlite3_stmt **ret, struct error *error)
{
	return prepared(reader->db, &reader->statement[number], sqlite_read_sql[number], ret, error);
}

/* A reading statement is at its end, or is left: 0, or the fault that step() gave. */
static int read_end(struct reader *reader, sqlite3_stmt *statement, int rc, struct error *error)
{
	int result = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : fault(reader->db, "read", error);
	sqlite3_reset(statement);
	return result;
}

/* 1 and the number; 0: there is none. */
static int read_named_mark(struct reader *reader, const char *name, int64_t *ret, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int64_t value = 0;
	int rc = reading(reader, READ_MARK, &statement, error);
	if (rc < 0)
		return rc;
	bind_text(statement, 1, text_of(name));
	rc = sqlite3_step(statement);
	bool found = rc == SQLITE_ROW;
	if (found)
		value = sqlite3_column_int64(statement, 0);
	rc = read_end(reader, statement, rc, error);
	if (rc < 0)
		return rc;
	*ret = value;
	return found;
}

static int position(struct store *store, uint64_t *ret, struct wall_ms *ret_as_of, struct error *error)
{
	struct reader *reader = take_reader(of(store), error);
	int64_t at = 0, as_of = 0;
	if (!reader)
		return FAULT_IO;
	/* as_of first: it may be older than the position, never newer */
	int rc = read_named_mark(reader, "as_of", &as_of, error);
	if (rc >= 0)
		rc = read_named_mark(reader, "position", &at, error);
	return_reader(of(store), reader);
	if (rc < 0)
		return rc;
	*ret = (uint64_t)at;
	*ret_as_of = (struct wall_ms){as_of};
	return 0;
}

static int mark(struct store *store, enum store_mark which, uint64_t *ret, struct error *error)
{
	struct reader *reader = take_reader(of(store), error);
	int64_t value = 0;
	if (!reader)
		return FAULT_IO;
	int rc = read_named_mark(reader, mark_names[which], &value, error);
	return_reader(of(store), reader);
	if (rc < 0)
		return rc;
	*ret = (uint64_t)value;
	return 0;
}

/* 1 and the number; 0: there is no such drop. */
static int read_drop(struct reader *reader, struct text id, uint32_t *ret, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	uint32_t number = 0;
	int rc = reading(reader, READ_DROP, &statement, error);
	if (rc < 0)
		return rc;
	bind_text(statement, 1, id);
	rc = sqlite3_step(statement);
	bool found = rc == SQLITE_ROW;
	if (found)
		number = (uint32_t)sqlite3_column_int64(statement, 0);
	rc = read_end(reader, statement, rc, error);
	if (rc < 0)
		return rc;
	*ret = number;
	return found;
}

static int order_of_row(sqlite3_stmt *row, struct store_order *ret, struct error *error)
{
	ret->sequence = (uint64_t)sqlite3_column_int64(row, 0);
	ret->drop = (uint32_t)sqlite3_column_int64(row, 1);
	ret->drop_id = column_text(row, 2);
	ret->status = (enum order_status)sqlite3_column_int(row, 3);
	ret->position = (uint32_t)sqlite3_column_int64(row, 4);
	ret->created_at = column_time(row, 5);
	ret->hold_until = column_time(row, 6);
	ret->ended_at = column_time(row, 7);
	ret->buyer = column_text(row, 8);
	ret->key = column_text(row, 9);
	ret->payment_ref = column_text(row, 10);
	return row_lines_parse(column_text(row, 11), ret, error);
}

typedef void order_fn(void *context, const struct store_order *order);

/* Hands the rows of a bound statement to each; how many. */
static int each_order(struct reader *reader, sqlite3_stmt *statement, order_fn *each, void *context,
                      struct error *error)
{
	struct store_order order;
	int rc, count = 0;
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		int row = order_of_row(statement, &order, error);
		if (row < 0) {
			sqlite3_reset(statement);
			return row;
		}
		each(context, &order);
		count++;
	}
	rc = read_end(reader, statement, rc, error);
	return rc < 0 ? rc : count;
}

static int read_order(struct reader *reader, uint64_t sequence, order_fn *each, void *context, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = reading(reader, READ_ORDER, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, (int64_t)sequence);
	return each_order(reader, statement, each, context, error);
}

static int order(struct store *store, uint64_t sequence, order_fn *each, void *context, struct error *error)
{
	struct reader *reader = take_reader(of(store), error);
	if (!reader)
		return FAULT_IO;
	int rc = read_order(reader, sequence, each, context, error);
	return_reader(of(store), reader);
	return rc;
}

static void bind_buyer(sqlite3_stmt *statement, struct text buyer)
{
	bind_number(statement, 5, row_buyer_hash(buyer));
	bind_text(statement, 6, buyer);
}

static int read_key(struct reader *reader, struct text drop, struct text buyer, struct text key, order_fn *each,
                    void *context, struct error *error)
{
	uint32_t number;
	int rc = read_drop(reader, drop, &number, error);
	if (rc <= 0)
		return rc;
	sqlite3_stmt *statement = NULL;
	rc = reading(reader, READ_KEY, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, INT64_MAX);
	bind_number(statement, 2, 1);
	bind_number(statement, 3, number);
	bind_buyer(statement, buyer);
	bind_text(statement, 7, key);
	return each_order(reader, statement, each, context, error);
}

static int order_by_key(struct store *store, struct text drop, struct text buyer, struct text key, order_fn *each,
                        void *context, struct error *error)
{
	if (key.size == 0)
		return 0;
	struct reader *reader = take_reader(of(store), error);
	if (!reader)
		return FAULT_IO;
	int rc = read_key(reader, drop, buyer, key, each, context, error);
	return_reader(of(store), reader);
	return rc;
}

static int read_page(struct reader *reader, const struct store_page *page, order_fn *each, void *context,
                     struct error *error)
{
	unsigned asks = (page->drop.size > 0 ? ASK_DROP : 0u) | (page->status >= 0 ? ASK_STATUS : 0u) |
	                (page->buyer.size > 0 ? ASK_BUYER : 0u);
	uint32_t number = NO_DROP;
	sqlite3_stmt *statement = NULL;
	int rc = asks & ASK_DROP ? read_drop(reader, page->drop, &number, error) : 1;
	if (rc <= 0)
		return rc;
	rc = reading(reader, READ_ORDERS + asks, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, page->before > 0 && page->before < INT64_MAX ? (int64_t)page->before : INT64_MAX);
	bind_number(statement, 2, page->limit < STORE_PAGE_MAX ? page->limit : STORE_PAGE_MAX);
	if (asks & ASK_DROP)
		bind_number(statement, 3, number);
	if (asks & ASK_STATUS)
		bind_number(statement, 4, page->status);
	if (asks & ASK_BUYER)
		bind_buyer(statement, page->buyer);
	return each_order(reader, statement, each, context, error);
}

static int orders(struct store *store, const struct store_page *page, order_fn *each, void *context,
                  struct error *error)
{
	struct reader *reader = take_reader(of(store), error);
	if (!reader)
		return FAULT_IO;
	int rc = read_page(reader, page, each, context, error);
	return_reader(of(store), reader);
	return rc;
}

static int read_refusals(struct reader *reader, struct store_second *second, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = reading(reader, READ_REFUSALS, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, second->drop);
	bind_number(statement, 2, second->second);
	second->refusal_count = 0;
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW && second->refusal_count < COUNTS_MAX)
		second->refusal[second->refusal_count++] =
		    (struct verdict_count){.verdict = (uint8_t)sqlite3_column_int(statement, 0),
		                           .count = (uint64_t)sqlite3_column_int64(statement, 1)};
	return read_end(reader, statement, rc, error);
}

typedef void second_fn(void *context, const struct store_second *second);

static int each_second(struct reader *reader, sqlite3_stmt *statement, uint32_t drop, second_fn *each, void *context,
                       struct error *error)
{
	struct store_second second = {.drop = drop};
	int rc, count = 0;
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		second.second = sqlite3_column_int64(statement, 0);
		second.granted = (uint64_t)sqlite3_column_int64(statement, 1);
		second.completed = (uint64_t)sqlite3_column_int64(statement, 2);
		second.canceled = (uint64_t)sqlite3_column_int64(statement, 3);
		second.expired = (uint64_t)sqlite3_column_int64(statement, 4);
		int row = read_refusals(reader, &second, error);
		if (row < 0) {
			sqlite3_reset(statement);
			return row;
		}
		each(context, &second);
		count++;
	}
	rc = read_end(reader, statement, rc, error);
	return rc < 0 ? rc : count;
}

static int read_seconds(struct reader *reader, struct text drop, int64_t from, uint32_t limit, second_fn *each,
                        void *context, struct error *error)
{
	uint32_t number;
	int rc = read_drop(reader, drop, &number, error);
	if (rc <= 0)
		return rc;
	sqlite3_stmt *statement = NULL;
	rc = reading(reader, READ_SECONDS, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, number);
	bind_number(statement, 2, from);
	bind_number(statement, 3, limit < STORE_SECONDS_MAX ? limit : STORE_SECONDS_MAX);
	return each_second(reader, statement, number, each, context, error);
}

static int seconds(struct store *store, struct text drop, int64_t from, uint32_t limit, second_fn *each, void *context,
                   struct error *error)
{
	struct reader *reader = take_reader(of(store), error);
	if (!reader)
		return FAULT_IO;
	int rc = read_seconds(reader, drop, from, limit, each, context, error);
	return_reader(of(store), reader);
	return rc;
}

typedef void refund_fn(void *context, const struct store_refund *refund);

static int read_refunds(struct reader *reader, uint64_t of_order, refund_fn *each, void *context, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int count = 0;
	int rc = reading(reader, READ_REFUNDS, &statement, error);
	if (rc < 0)
		return rc;
	bind_number(statement, 1, (int64_t)of_order);
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_refund refund = {.order = of_order,
		                              .sequence = (uint64_t)sqlite3_column_int64(statement, 0),
		                              .payment_ref = column_text(statement, 1),
		                              .time = column_time(statement, 2)};
		each(context, &refund);
		count++;
	}
	rc = read_end(reader, statement, rc, error);
	return rc < 0 ? rc : count;
}

static int refunds(struct store *store, uint64_t of_order, refund_fn *each, void *context, struct error *error)
{
	struct reader *reader = take_reader(of(store), error);
	if (!reader)
		return FAULT_IO;
	int rc = read_refunds(reader, of_order, each, context, error);
	return_reader(of(store), reader);
	return rc;
}

/* ---- opening and closing ---- */

static int pragma_number(sqlite3 *db, const char *sql, int64_t *ret, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW)
		*ret = sqlite3_column_int64(statement, 0);
	int result = rc == SQLITE_ROW ? 0 : fault(db, "open", error);
	sqlite3_finalize(statement);
	return result;
}

static int make_tables(sqlite3 *db, struct error *error)
{
	char sql[128];
	snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID,
	         SCHEMA_VERSION);
	int rc = run(db, "BEGIN", "make", error);
	if (rc == 0)
		rc = run(db, schema_sql, "make", error);
	if (rc == 0)
		rc = run(db, sql, "make", error);
	return rc;
}

/* What an opened file is. */
enum nature { NATURE_EMPTY, NATURE_OURS, NATURE_OLDER, NATURE_NEWER, NATURE_FOREIGN };

static int find_nature(sqlite3 *db, enum nature *ret, struct error *error)
{
	int64_t application = 0, version = 0, tables = 0;
	int rc = pragma_number(db, "PRAGMA application_id", &application, error);
	if (rc == 0)
		rc = pragma_number(db, "PRAGMA user_version", &version, error);
	if (rc == 0)
		rc = pragma_number(db, "SELECT count(*) FROM sqlite_schema", &tables, error);
	if (rc < 0)
		return rc;
	if (application != APPLICATION_ID)
		*ret = application == 0 && tables == 0 ? NATURE_EMPTY : NATURE_FOREIGN;
	else
		*ret = version == SCHEMA_VERSION ? NATURE_OURS : version > SCHEMA_VERSION ? NATURE_NEWER : NATURE_OLDER;
	return 0;
}

static void close_reader(struct reader *reader, bool shared)
{
	for (int i = 0; i < READ_COUNT; i++)
		sqlite3_finalize(reader->statement[i]);
	if (!shared)
		must(sqlite3_close(reader->db) == SQLITE_OK);
	*reader = (struct reader){0};
}

/* The readers are all in the pool, or there are none. */
static void close_all(struct sqlite_store *self)
{
	for (uint32_t i = 0; i < self->reader_count; i++)
		close_reader(&self->reader[i], self->memory);
	self->reader_count = self->idle_count = 0;
	for (int i = 0; i < WRITE_COUNT; i++)
		sqlite3_finalize(self->statement[i]);
	memset(self->statement, 0, sizeof self->statement);
	must(sqlite3_close(self->db) == SQLITE_OK);
	self->db = NULL;
}

static int open_connection(const struct sqlite_store *self, int flags, sqlite3 **ret, struct error *error)
{
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(self->path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		int rc = fault(db, self->path, error);
		sqlite3_close(db);
		return rc;
	}
	sqlite3_busy_timeout(db, BUSY_MS);
	*ret = db;
	return 0;
}

static int open_reader(struct sqlite_store *self, struct reader *reader, struct error *error)
{
	if (self->memory) {
		reader->db = self->db;
		return 0;
	}
	return open_connection(self, SQLITE_OPEN_READONLY, &reader->db, error);
}

static int open_readers(struct sqlite_store *self, struct error *error)
{
	uint32_t count = self->memory ? 1 : READERS;
	for (uint32_t i = 0; i < count; i++) {
		int rc = open_reader(self, &self->reader[i], error);
		if (rc < 0)
			return rc;
		self->reader_count++;
		self->idle[self->idle_count++] = &self->reader[i];
	}
	return 0;
}

static int file_name(const struct sqlite_store *self, const char *suffix, const char *more, struct buf *ret)
{
	buf_clear(ret);
	buf_printf(ret, "%s%s%s", self->path, suffix, more);
	buf_put(ret, "", 1);
	return ret->failed ? FAULT_MEMORY : 0;
}

/* The database is three files. Those that are not there are fine. */
static int remove_files(const struct sqlite_store *self, bool keep, struct error *error)
{
	static const char *const mores[] = {"-wal", "-shm", ""};
	struct buf from = {0}, to = {0};
	int rc = 0;
	for (int i = 0; rc == 0 && i < 3; i++) {
		if (file_name(self, "", mores[i], &from) < 0 || file_name(self, ".damaged", mores[i], &to) < 0)
			rc = error_set(error, FAULT_MEMORY, "store: no memory for a file's name");
		else if ((keep ? rename(from.at, to.at) : unlink(from.at)) < 0 && access(from.at, F_OK) == 0)
			rc = error_set(error, FAULT_IO, "store: cannot move %s out of the way: %s", from.at,
			               strerror(errno));
	}
	buf_fini(&from);
	buf_fini(&to);
	return rc;
}

static int open_writer(struct sqlite_store *self, enum nature *ret, struct error *error)
{
	int flags = self->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	int rc = open_connection(self, flags, &self->db, error);
	if (rc < 0)
		return rc;
	rc = find_nature(self->db, ret, error);
	if (rc < 0 || self->read_only || (*ret != NATURE_OURS && *ret != NATURE_EMPTY))
		return rc;
	rc = run(self->db, WRITER_SETTINGS, "settings", error);
	if (rc == 0 && *ret == NATURE_EMPTY)
		rc = make_tables(self->db, error);
	if (rc == 0)
		*ret = NATURE_OURS;
	return rc;
}

static int refuse(const struct sqlite_store *self, enum nature nature, struct error *error)
{
	switch (nature) {
	case NATURE_OURS:
		return 0;
	case NATURE_NEWER:
		return error_set(error, FAULT_VERSION, "store: %s was written by a newer program", self->path);
	case NATURE_OLDER:
		return error_set(error, FAULT_DAMAGED, "store: %s was written by an older program", self->path);
	default:
		return error_set(error, FAULT_DAMAGED, "store: %s is not a store of dibs", self->path);
	}
}

static int open_once(struct sqlite_store *self, enum nature *ret, struct error *error)
{
	int rc = open_writer(self, ret, error);
	if (rc == 0)
		rc = refuse(self, *ret, error);
	if (rc == 0)
		rc = open_readers(self, error);
	if (rc < 0)
		close_all(self);
	return rc;
}

/* A broken or older one is put out of the way, once. A sound one of somebody else's, or a newer one, is not. */
static int open_all(struct sqlite_store *self, struct error *error)
{
	enum nature nature = NATURE_EMPTY;
	struct error first;
	int rc = open_once(self, &nature, &first);
	if (rc == FAULT_DAMAGED && nature != NATURE_FOREIGN && !self->read_only) {
		log_line(LOG_WARN, "store_set_aside", LOG_TEXT("reason", first.text));
		rc = remove_files(self, nature != NATURE_OLDER, &first);
		if (rc == 0)
			rc = open_once(self, &nature, &first);
	}
	if (rc < 0)
		error_set(error, rc, "%s", first.text);
	return rc;
}

static int renew(struct store *store, bool keep, struct error *error)
{
	struct sqlite_store *self = of(store);
	must(!self->writing && !self->read_only);
	pthread_mutex_lock(&self->lock);
	while (self->idle_count < self->reader_count)
		pthread_cond_wait(&self->returned, &self->lock);
	self->closed = true;
	close_all(self);
	int rc = self->memory ? 0 : remove_files(self, keep, error);
	if (rc == 0)
		rc = open_all(self, error);
	self->closed = rc < 0;
	pthread_cond_broadcast(&self->returned);
	pthread_mutex_unlock(&self->lock);
	return rc;
}

static void close_store(struct store *store)
{
	struct sqlite_store *self = of(store);
	must(!self->writing && self->idle_count == self->reader_count);
	close_all(self);
	pthread_cond_destroy(&self->returned);
	pthread_mutex_destroy(&self->lock);
	free(self->buyer_rows);
	free(self->path);
	free(self);
}

static const struct store_ops sqlite_ops = {
    .begin = begin,
    .put_drop = put_drop,
    .put_order = put_order,
    .end_order = end_order,
    .put_refund = put_refund,
    .add_second = add_second,
    .put_mark = put_mark,
    .commit = commit,
    .rollback = rollback,
    .renew = renew,
    .position = position,
    .mark = mark,
    .order = order,
    .order_by_key = order_by_key,
    .orders = orders,
    .seconds = seconds,
    .refunds = refunds,
    .close = close_store,
};

/* Before the first connection: SQLite's counting of memory would be one lock for all threads. */
static void settle_sqlite(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	must(sqlite3_threadsafe() != 0);
}

static struct sqlite_store *new_store(const char *path, bool read_only)
{
	struct sqlite_store *self = calloc(1, sizeof *self);
	if (!self)
		return NULL;
	self->store.ops = &sqlite_ops;
	self->path = strdup(path);
	self->memory = strcmp(path, ":memory:") == 0;
	self->read_only = read_only;
	if (!self->path) {
		free(self);
		return NULL;
	}
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->returned, NULL);
	return self;
}

int store_sqlite_open(const char *path, bool read_only, struct store **ret, struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, settle_sqlite);
	if (read_only && access(path, F_OK) < 0)
		return error_set(error, FAULT_NOT_FOUND, "store: there is no %s", path);
	struct sqlite_store *self = new_store(path, read_only);
	if (!self)
		return error_set(error, FAULT_MEMORY, "store: no memory");
	int rc = open_all(self, error);
	if (rc < 0) {
		close_store(&self->store);
		return rc;
	}
	*ret = &self->store;
	return 0;
}
