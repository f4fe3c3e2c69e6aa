/* sqlite_store: what the files of the SQLite adapter share. The essay is in sqlite_store.c. */
#ifndef DIBS_STORE_SQLITE_STORE_H
#define DIBS_STORE_SQLITE_STORE_H

#include <pthread.h>

#include "store/sqlite.h"
#include "store/sqlite_sql.h"
#include "store/store.h"

#define READERS 4 /* questions at the same time: as many as a small pool of threads asks */

struct reader {
	struct sqlite3 *db;
	struct sqlite3_stmt *statement[READ_COUNT];
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
	struct sqlite3 *db;
	struct sqlite3_stmt *statement[WRITE_COUNT];
	bool writing;
	struct buyer_row *buyer_rows;
	uint32_t buyer_row_count, buyer_row_capacity;
	struct reader *taken; /* ":memory:": the reader whose connection the transaction uses */

	/* readers: under lock */
	pthread_mutex_t lock;
	pthread_cond_t returned;
	struct reader reader[READERS], *idle[READERS];
	uint32_t reader_count, idle_count;
	bool set_aside; /* by a renew that then failed: what lies there now is no store yet */
	bool renewing;  /* who wants to read waits */
	bool closed;    /* renew() did not come to its end: there is nothing to read */
};

static inline struct sqlite_store *sqlite_of(struct store *store)
{
	return (struct sqlite_store *)store;
}

/* sqlite_store.c: waits for a reader; NULL and a message when the store could not be made anew. */
struct reader *sqlite_take_reader(struct sqlite_store *self, struct error *error);
void sqlite_return_reader(struct sqlite_store *self, struct reader *reader);

/* sqlite_write.c, sqlite_read.c: the port (store.h) */
int sqlite_begin(struct store *store, struct error *error);
int sqlite_put_drop(struct store *store, const struct store_drop *drop, struct error *error);
int sqlite_put_order(struct store *store, const struct store_order *order, struct error *error);
int sqlite_end_order(struct store *store, uint64_t sequence, enum order_status status, struct wall_ms ended_at,
                     struct text payment_ref, struct error *error);
int sqlite_put_refund(struct store *store, const struct store_refund *refund, struct error *error);
int sqlite_put_payment(struct store *store, const struct store_refund *payment, struct error *error);
int sqlite_add_second(struct store *store, const struct store_second *second, struct error *error);
int sqlite_put_mark(struct store *store, enum store_mark mark, uint64_t value, struct error *error);
int sqlite_commit(struct store *store, uint64_t position, struct wall_ms as_of, struct error *error);
int sqlite_rest(struct store *store, struct error *error);
int sqlite_sync(struct store *store, struct error *error);
void sqlite_rollback(struct store *store);

int sqlite_position(struct store *store, uint64_t *ret, struct wall_ms *ret_as_of, struct error *error);
int sqlite_mark(struct store *store, enum store_mark mark, uint64_t *ret, struct error *error);
int sqlite_order(struct store *store, uint64_t sequence, store_order_fn *each, void *context, struct error *error);
int sqlite_order_by_key(struct store *store, struct text drop, struct text buyer, struct text key, store_order_fn *each,
                        void *context, struct error *error);
int sqlite_orders(struct store *store, const struct store_page *page, store_order_fn *each, void *context,
                  struct error *error);
int sqlite_seconds(struct store *store, struct text drop, int64_t from, uint32_t limit, store_second_fn *each,
                   void *context, struct error *error);
int sqlite_refunds(struct store *store, uint64_t order, store_refund_fn *each, void *context, struct error *error);

#endif
