/* store: the port of the read model. Orders by drop, buyer and status, and statistics, as rows to be asked for.
 *
 * It can be deleted and is rebuilt from the log; it is never a condition of a grant. One writer (the projector) puts
 * rows and their position in one transaction; many readers.
 *
 * Memory   rows handed to `each` live during the call, which asks the store nothing itself.
 * Faults   FAULT_IO with the engine's message; FAULT_VERSION: a newer schema (an older one is thrown away and rebuilt);
 *          FAULT_DAMAGED: not a store, or broken, or of another log: renew() it, it is rebuilt; FAULT_NO_SPACE.
 *          After a fault of a writing call the transaction is undone by rollback(), never by the engine alone.
 * Thread   writing: one. Reading: any, each call takes a reader of a small pool and sees whole transactions only.
 */
#ifndef DIBS_STORE_STORE_H
#define DIBS_STORE_STORE_H

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "core/core.h"

struct store;

struct store_order {
	uint64_t sequence;
	uint32_t drop; /* number */
	struct text drop_id, buyer, key, payment_ref;
	enum order_status status;
	uint32_t position;
	struct wall_ms created_at, hold_until, ended_at; /* WALL_NEVER: none */
	uint32_t line_count;
	struct {
		struct text sku;
		uint32_t quantity;
	} line[LINES_MAX];
};

struct store_drop {
	uint32_t drop; /* number */
	struct text id;
	struct wall_ms created_at;
};

/* One second of one drop, by log time; added to what is there. */
struct store_second {
	uint32_t drop;
	int64_t second; /* since 1970 */
	uint64_t granted, completed, canceled, expired;
	uint32_t refusal_count;
	struct verdict_count refusal[COUNTS_MAX];
};

/* orders of one answer; a larger limit is cut: one question is little work. A page of 1,000 asks for one more, to know
 * whether there is a next page. */
#define STORE_PAGE_MAX 1001
#define STORE_SECONDS_MAX 86400 /* seconds of one answer: a day */

struct store_page {
	struct text drop;  /* empty: all */
	struct text buyer; /* empty: all */
	int status;        /* enum order_status, or -1: all */
	uint64_t before;   /* newest first: sequences below this; 0: from the newest */
	uint32_t limit;
};

/* A refund due: recorded beside the order. */
struct store_refund {
	uint64_t sequence, order;
	struct text payment_ref;
	struct wall_ms time;
};

/* Numbers beside the rows, changed in the same transaction. 0 until first put. */
enum store_mark {
	STORE_MARK_HASH,       /* core_hash() at the position: whose rows these are */
	STORE_MARK_WHOLE_FROM, /* after a rebuild from a snapshot: rows are whole from this sequence on; 0: all are */
	STORE_MARK_COUNT
};

typedef void store_order_fn(void *context, const struct store_order *order);
typedef void store_second_fn(void *context, const struct store_second *second);
typedef void store_refund_fn(void *context, const struct store_refund *refund);

struct store_ops {
	/* writing, in this order: begin, rows, commit. After a fault in between: rollback, which undoes all of it. */
	int (*begin)(struct store *store, struct error *error);
	int (*put_drop)(struct store *store, const struct store_drop *drop, struct error *error);
	int (*put_order)(struct store *store, const struct store_order *order, struct error *error);
	/* FAULT_DAMAGED when the order is not there. An empty payment_ref leaves what is there. */
	int (*end_order)(struct store *store, uint64_t sequence, enum order_status status, struct wall_ms ended_at,
	                 struct text payment_ref, struct error *error);
	/* One row for a payment, the first: its provider may repeat it. */
	int (*put_refund)(struct store *store, const struct store_refund *refund, struct error *error);
	/* For an order that was sold at once: the first is its payment_ref, another one is put as a refund. An order that
	 * is not there is passed over: what was before whole_from need not be. */
	int (*put_payment)(struct store *store, const struct store_refund *payment, struct error *error);
	int (*add_second)(struct store *store, const struct store_second *second, struct error *error);
	int (*put_mark)(struct store *store, enum store_mark mark, uint64_t value, struct error *error);
	int (*commit)(struct store *store, uint64_t position, struct wall_ms as_of, struct error *error);
	void (*rollback)(struct store *store);
	/* Nothing was written for a while: the time for what is put off in a crowd. */
	int (*rest)(struct store *store, struct error *error);
	/* What was committed is durable from here on. A commit alone may be lost with the power, the last ones at that. */
	int (*sync)(struct store *store, struct error *error);
	/* Outside of a transaction: throws all away, so that the position is 0; waits for the readers. keep: a broken
	 * store stays aside under the name "….damaged" (the newest one does). After a fault: call it again. */
	int (*renew)(struct store *store, bool keep, struct error *error);
	/* reading */
	int (*position)(struct store *store, uint64_t *ret, struct wall_ms *ret_as_of, struct error *error);
	int (*mark)(struct store *store, enum store_mark mark, uint64_t *ret, struct error *error);
	int (*order)(struct store *store, uint64_t sequence, store_order_fn *each, void *context,
	             struct error *error); /* 1 found, 0 not */
	int (*order_by_key)(struct store *store, struct text drop, struct text buyer, struct text key,
	                    store_order_fn *each, void *context, struct error *error); /* 1 found, 0 not */
	int (*orders)(struct store *store, const struct store_page *page, store_order_fn *each, void *context,
	              struct error *error); /* newest first; how many */
	int (*seconds)(struct store *store, struct text drop, int64_t from, uint32_t limit, store_second_fn *each,
	               void *context, struct error *error); /* oldest first; how many */
	int (*refunds)(struct store *store, uint64_t order, store_refund_fn *each, void *context,
	               struct error *error); /* by payment_ref; how many */
	void (*close)(struct store *store);
};

struct store {
	const struct store_ops *ops;
};

/* SQLite in WAL mode. path ":memory:" is for tests (its one connection reads too: no reading inside a transaction).
 * read_only: for audit, on a live data directory too; FAULT_NOT_FOUND when there is none, and nothing is repaired.
 * Otherwise it is made when missing; a broken one is set aside as "….damaged", which is said, and made anew; a sound
 * database of somebody else's is FAULT_DAMAGED and left alone. */
int store_sqlite_open(const char *path, bool read_only, struct store **ret, struct error *error);

#endif
